"""Whether an archive is read in colour, where nobody says so."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdeepcluster.archive._choice import Found
from skdeepcluster.archive._file import Address, Unreadable
from skdeepcluster.archive._find import Files
from skdeepcluster.archive._formats import open_image
from skdeepcluster.archive._options import Limits
from skdeepcluster.archive._parallel import in_parallel

_SAMPLE = 1000  # images that are looked at
_CHUNK = 16
_DIFFERENCE = 10  # of 255; compression tints grey by less
_SHARE = 0.01  # of the pixels; a coloured caption on a grey image has fewer


class _Picture(NamedTuple):
    path: str
    address: Address


def channels_of(
    images: Sequence[Found], files: Files, n_jobs: int, limits: Limits
) -> int:
    """3 if more than half of the images have channels that differ, else 1.

    At most 1,000 are looked at, evenly spaced in the list. Those of DICOM, NIfTI and
    other volumes count as grey.

    Parameters
    ----------
    images : sequence of Found
        Of the archive.
    files : Files
        That they are in.
    n_jobs : int
        Processes that decode.
    limits : Limits
        What a file may take; one that takes more, or is damaged, does not count.
    """
    n_looked_at = min(len(images), _SAMPLE)
    places = np.linspace(0, len(images) - 1, n_looked_at).astype(np.intp)
    some = [images[place] for place in places]
    pictures = [
        _Picture(files.location(image.file), image.header.address)
        for image in some
        if image.is_picture
    ]
    chunks = [pictures[n : n + _CHUNK] for n in range(0, len(pictures), _CHUNK)]
    n_colour, n_known = 0, len(some)
    with contextlib.closing(in_parallel(_look, chunks, n_jobs, limits)) as runs:
        for _, found in runs:
            if isinstance(found, Unreadable):
                n_known -= 1
            else:
                n_colour += found
    return 3 if 2 * n_colour > n_known else 1


def kept_channels(folder: Path) -> int | None:
    """Channels of the images in a store, finished or not; None if it has none.

    Parameters
    ----------
    folder : path
        Of the store.
    """
    with contextlib.suppress(OSError, ValueError):
        return 3 if np.load(folder / "images.npy", mmap_mode="r").ndim == 4 else 1
    unfinished = sorted(
        folder.glob("unfinished-*.values"), key=lambda path: path.stat().st_mtime
    )
    for path in reversed(unfinished):
        if found := re.fullmatch(r"unfinished-\d+-([13])\.values", path.name):
            return int(found[1])
    return None


def is_colour(values: NDArray[Any]) -> bool:
    """Whether the channels of an image differ, in more than a few pixels.

    Parameters
    ----------
    values : ndarray of shape (height, width) or (height, width, 3)
        From 0 to 255.
    """
    if values.ndim == 2:
        return False
    difference = values.max(2).astype(np.int16) - values.min(2)
    return float((difference > _DIFFERENCE).mean()) > _SHARE


def _look(picture: _Picture) -> bool:
    with open_image(picture.path) as file:
        return is_colour(file.pixels(picture.address))
