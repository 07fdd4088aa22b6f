"""From a folder to one array: headers, choice, pixels, store."""

from __future__ import annotations

import logging
import os
import tempfile
from collections import Counter
from collections.abc import Hashable
from contextlib import nullcontext
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pandas as pd
from joblib import effective_n_jobs
from sklearn.utils import Bunch

from skdeepcluster._image_size import read_at
from skdeepcluster._lock import locked
from skdeepcluster._reader_options import Frames, Options, Window, check_options
from skdeepcluster.archive._choice import Found, choose
from skdeepcluster.archive._colour import channels_of, kept_channels
from skdeepcluster.archive._decode import Progress, Reading, check
from skdeepcluster.archive._file import Header, Unreadable
from skdeepcluster.archive._find import Files, find_files
from skdeepcluster.archive._held import Held
from skdeepcluster.archive._options import check_limits
from skdeepcluster.archive._store import Row, Store, check_own, write_table
from skdeepcluster.archive._windows import rows_of

_COLUMNS = ["path", "series", "frame", "slice", "height", "width", "bits", "burned_in"]
_COLUMNS += ["note"]

log = logging.getLogger("skdeepcluster.archive")


def gather(
    folder: str | os.PathLike[str],
    store: str | os.PathLike[str] | None,
    *,
    is_locked: bool = False,
    index: pd.DataFrame | None = None,
    source: int | None = None,
    image_size: int | Literal["auto"],
    channels: Literal[1, 3, "auto"],
    frames: Frames,
    window: Window,
    on_error: Literal["skip", "raise"],
    path_key: str | os.PathLike[str] | None,
    n_jobs: int,
    timeout: float,
    max_memory: float,
    progress: Progress | None,
) -> tuple[Bunch, Held]:
    """Images of a folder, without those that another store holds.

    Parameters
    ----------
    is_locked : bool
        Whether the caller has the store, or a folder around it, alone.
    index : DataFrame or None
        Of the other store. New images of its series take their numbers and windows.
    source : int or None
        What it numbers the folder, as of `Held`.

    Returns
    -------
    Bunch
        As of `load_archive`, which has the other parameters, too; there may be none.
    Held
        What the other store holds.
    """
    root = Path(folder)
    options = check_options(image_size, channels, frames, window)
    limits = check_limits(timeout, max_memory)
    if on_error not in ("skip", "raise"):
        raise ValueError(f"on_error={on_error!r} is neither 'skip' nor 'raise'.")
    if not root.is_dir():
        raise NotADirectoryError(f"{folder} is not a folder.")
    if store is not None and Path(store).resolve() == root.resolve():
        raise ValueError("store and folder are the same: give another folder.")
    with tempfile.TemporaryDirectory(prefix="skdeepcluster-") as temporary:
        place = Path(temporary if store is None else store)
        check_own(place)
        place.mkdir(parents=True, exist_ok=True)
        with nullcontext() if is_locked else locked(place):
            files = find_files(root, place, path_key)
            for path, problem in files.passed_over:
                check(path, problem, on_error)
            held = Held(files, index, source)
            how = (on_error, effective_n_jobs(n_jobs), limits, progress)
            known = None
            if options.image_size is None or options.channels is None:
                known = Reading(files, None, options, *how).headers()
                images = choose(_found(*known), options.frames)
                size = options.image_size or _size_of(images)
                found = options.channels or kept_channels(place)
                found = found or channels_of(images, files, how[1], limits)
                options = options._replace(image_size=size, channels=found)
            with _opened(place, options) as disk:
                disk.leave_out(held.files)
                reading = Reading(files, disk, options, *how)
                headers, problems = known or reading.headers()
                there, chosen, rows = _wanted(headers, problems, files, options, held)
                # A file that proves damaged changes what is chosen.
                while missing := _missing(held.others(chosen), rows, disk):
                    problems |= reading.pixels(missing)
                    wanted = _wanted(headers, problems, files, options, held)
                    there, chosen, rows = wanted
                skipped = _skipped(files, problems)
                if store is not None:
                    write_table(place / "skipped.csv", skipped)
                if not chosen:
                    raise ValueError(_nothing(files, problems))
                images = held.others(chosen)
                table = _index(files, images, held.series(there, chosen))
                table = disk.finish(rows, table)
                log.info(
                    "%d images of %d files, of which %d were skipped",
                    len(table),
                    len(files),
                    len(skipped),
                )
        mode: Literal["r"] | None = None if store is None else "r"
        pixels = np.load(place / "images.npy", mmap_mode=mode if rows else None)
    n_files = len(files)
    return Bunch(images=pixels, index=table, skipped=skipped, n_files=n_files), held


def _found(
    headers: dict[int, list[Header]], problems: dict[int, Unreadable]
) -> list[Found]:
    """The images of the files that can be read."""
    return [
        Found(number, header)
        for number in sorted(headers.keys() - problems.keys())
        for header in headers[number]
    ]


def _wanted(
    headers: dict[int, list[Header]],
    problems: dict[int, Unreadable],
    files: Files,
    options: Options,
    held: Held,
) -> tuple[list[Found], list[Found], list[Row]]:
    """All images that can be read, those that are wanted, and what is to be stored."""
    there = _found(headers, problems)
    chosen = choose(there, options.frames, held.are_there(there))
    limits = held.limits(there, files, options.window)
    return there, chosen, rows_of(held.others(chosen), files, options, limits)


def _size_of(images: list[Found]) -> int:
    """What `image_size="auto"` is for these."""
    return read_at(max(image.header.height, image.header.width) for image in images)


def _opened(place: Path, options: Options) -> Store:
    image_size, channels = cast("tuple[int, int]", options[:2])  # known by now
    keep_values = options.window is None
    return Store(place, image_size, channels, keep_values)


def _missing(
    images: list[Found], rows: list[Row], disk: Store
) -> dict[int, list[Header]]:
    """The images of each file that are still to be decoded."""
    missing: dict[int, list[Header]] = {}
    for image, row in zip(images, rows, strict=True):
        if not disk.has(row):
            missing.setdefault(image.file, []).append(image.header)
    return missing


def _index(
    files: Files, images: list[Found], numbers: dict[Hashable, int]
) -> pd.DataFrame:
    """A row for each image, without what only the store knows."""
    table = []
    for image in images:
        file, header = image
        table.append(
            {
                "path": files.names[files.kept[file].path],
                "series": None if image.is_picture else numbers[image.series],
                "frame": header.address.frame,
                "slice": header.address.slice,
                "height": header.height,
                "width": header.width,
                "bits": header.bits,
                "burned_in": header.burned_in,
                "note": header.note,
            }
        )
    whole = dict.fromkeys(("series", "frame", "slice"), "Int64")
    return pd.DataFrame(table, columns=_COLUMNS).astype(whole)


def _skipped(files: Files, problems: dict[int, Unreadable]) -> pd.DataFrame:
    """Path, kind and reason of each, sorted by path."""
    found = [(files.kept[number].path, problems[number]) for number in problems]
    rows = [
        (files.names[path], problem.kind, problem.reason)
        for path, problem in sorted(found + files.passed_over, key=lambda row: row[0])
    ]
    return pd.DataFrame(rows, columns=["path", "kind", "reason"], dtype=str)


def _nothing(files: Files, problems: dict[int, Unreadable]) -> str:
    passed_over = [problem for _, problem in files.passed_over]
    kinds = Counter(problem.kind for problem in [*problems.values(), *passed_over])
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return (
        f"{files.root} holds no image that can be read "
        f"({told or 'it is empty'}); DICOM, NIfTI, Analyze, MGH, MINC, PNG, JPEG, "
        "TIFF and WebP files are looked for, whatever their names."
    )
