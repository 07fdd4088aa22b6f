"""Which images of a series are read: the paper's rule on time, and its siblings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from skdeepcluster._reader_options import Frames
from skdeepcluster.archive._file import Header, When

_SAME_PLACE = 0.01
"""Millimetres, and cosines of a direction; writers round differently."""

_ROUNDING = 1e-4
"""The same where slices are as thin as that."""


class Found(NamedTuple):
    """An image, and the number of its file in the order of the archive."""

    file: int
    header: Header

    @property
    def series(self) -> Hashable:
        """What tells its series from others; a file that names none is one."""
        return self.header.series or ("file", self.file)

    @property
    def is_picture(self) -> bool:
        """Pictures are in no series."""
        return self.header.series is None


def choose(
    found: Sequence[Found],
    frames: Frames,
    held: Collection[Found] = (),
) -> list[Found]:
    """The images that are wanted, in the order given.

    Parameters
    ----------
    found : sequence of Found
        Of the whole archive.
    frames : {"first", "all", "middle"}
        Of the images of one series that show the same place, the first in time, all
        of them, or the one in the middle. What comes first is told by the time after
        the trigger, else the temporal position, the time of acquisition, the instance
        number and the frame in the file.
    held : collection of Found
        Those that were chosen before. No others of their places are wanted.

    Returns
    -------
    list of Found
    """
    if frames == "all":
        return list(found)
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for number, image in enumerate(found):
        header = image.header
        alike[image.series, header.kind, header.height, header.width].append(number)
    kept: list[int] = []
    for numbers in alike.values():
        placed = [n for n in numbers if found[n].header.place is not None]
        before = {n for n in numbers if found[n] in held}
        groups = _by_place(found, placed)
        kept.extend(_pick(found, group, frames, before) for group in groups)
        kept.extend(
            _of_unknown_place(found, set(numbers) - set(placed), frames, before)
        )
    return [found[number] for number in sorted(kept)]


def _pick(
    found: Sequence[Found], numbers: Iterable[int], frames: Frames, held: set[int]
) -> int:
    wanted = held.intersection(numbers) or numbers
    in_time = sorted(wanted, key=lambda n: (found[n].header.when, found[n].file))
    return in_time[0 if frames == "first" else len(in_time) // 2]


def _by_place(found: Sequence[Found], numbers: Sequence[int]) -> list[list[int]]:
    groups: dict[Hashable, list[int]] = defaultdict(list)
    by_length: dict[int, list[int]] = defaultdict(list)
    for number in numbers:
        by_length[len(found[number].header.place or ())].append(number)
    for length, alike in by_length.items():
        places = np.array([found[number].header.place for number in alike])
        steps = [_steps(places[:, column]) for column in range(length)]
        for row, number in enumerate(alike):
            groups[length, *(int(step[row]) for step in steps)].append(number)
    return list(groups.values())


def _steps(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray:
    """For each value its number among those that differ."""
    order = np.argsort(values, kind="stable")
    steps = np.empty(len(values), int)
    gaps = np.diff(values[order], prepend=values[order[:1]])
    is_apart = gaps > 2 * _SAME_PLACE
    chains = np.cumsum(is_apart)
    lengths = np.bincount(chains, np.where(is_apart, 0, gaps))
    is_thin = lengths > 4 * _SAME_PLACE  # steps that lead far are not rounding
    new = gaps > np.where(is_thin[chains], _ROUNDING, _SAME_PLACE)
    steps[order] = np.cumsum(new)
    return steps


def _of_unknown_place(
    found: Sequence[Found], numbers: Iterable[int], frames: Frames, held: set[int]
) -> list[int]:
    """Frames of one file are times; else only times of a cycle tell times apart.

    Images without a place that carry the same time are slices, and all are kept; so
    are those without a time, for no rule tells which of them could be left out.
    """
    by_file: dict[int, list[int]] = defaultdict(list)
    for number in numbers:
        by_file[found[number].file].append(number)
    kept, alone = [], []
    for group in by_file.values():
        if len(group) > 1:
            kept.append(_pick(found, group, frames, held))
        else:
            alone.extend(group)
    by_time: dict[tuple[float, float], list[int]] = defaultdict(list)
    for number in alone:
        when = found[number].header.when
        by_time[when.trigger, when.phase].append(number)
    kept.extend(by_time.pop(When()[:2], []))
    if by_time:
        of_held = [time for time in by_time if held.intersection(by_time[time])]
        times = sorted(of_held or by_time)
        kept.extend(by_time[times[0 if frames == "first" else len(times) // 2]])
    return kept
