"""Read the images of an array file or a folder, and report on them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from skdeepcluster._files import finish_replacing
from skdeepcluster._lock import locked
from skdeepcluster.archive._arrays import read_images
from skdeepcluster.archive._gather import gather
from skdeepcluster.archive._sources import Source, digest_of, name_of_folder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from sklearn.utils import Bunch


class Found(NamedTuple):
    """The images to sort."""

    images: NDArray[Any]
    names: pd.DataFrame
    """Columns image, frame and slice; empty where they do not apply."""
    source: Source
    series: pd.Series[int] | None = None
    """The series of each image of a folder; None for an array."""
    n_files: int = 0
    n_skipped: int = 0
    reader: dict[str, Any] | None = None
    """How files were read."""


@contextmanager
def reading(
    options: argparse.Namespace,
    reader: dict[str, Any],
    check: Callable[[Path], None] = lambda output: None,
) -> Iterator[Found]:
    """Have OUT alone, and the images of an array file or a folder, which OUT keeps.

    `check` may raise an error before anything in OUT is replaced.
    """
    array = None
    if options.path.is_dir():
        check_outside(options.output, options.path)
    else:
        _check_array_options(options)
        array = read_images(options.path)
    with locked(options.output):
        finish_replacing(options.output)
        check(options.output)
        if array is None:
            yield _of_folder(options, reader)
        else:
            (options.output / "skipped.csv").unlink(missing_ok=True)  # of another run
            yield of_array(array, None if options.anonymous_paths else options.path)


def _check_array_options(options: argparse.Namespace) -> None:
    """Raise ValueError if an option would change images that are taken as they are."""
    defaults = {"channels": None, "frames": "first", "window": "series"}
    given = [
        f"--{name}"
        for name, default in defaults.items()
        if getattr(options, name, default) != default
    ]
    if given:
        raise ValueError(
            f"{', '.join(given)} is for folders, but {options.path} is an array file, "
            "whose images are taken as they are; leave it out, and change the array."
        )


def _of_folder(options: argparse.Namespace, reader: dict[str, Any]) -> Found:
    output = options.output.resolve()
    key = path_key(options.anonymous_paths, output)
    with progress_bars() as progress:
        archive, _ = gather(
            options.path,
            output,
            is_locked=True,
            **reader,
            **how_to_read(options, key),
            progress=progress,
        )
    size, in_colour = archive.images.shape[1], archive.images.ndim == 4
    reader = reader | {"image_size": size, "channels": 3 if in_colour else 1}
    say_read(archive)
    names, series = names_in(archive.index)
    source = Source(name_of_folder(options.path, key), len(names), "")
    counts = (archive.n_files, len(archive.skipped))
    return Found(archive.images, names, source, series, *counts, reader)


def of_array(images: NDArray[Any], path: Path | None = None) -> Found:
    """Images that are named by their row numbers."""
    names = {"image": np.arange(len(images)), "frame": "", "slice": ""}
    return Found(images, pd.DataFrame(names), source_of_array(images, path))


def source_of_array(images: NDArray[Any], path: Path | None) -> Source:
    """What is noted of an array, so that it is recognised."""
    where = "" if path is None else str(path.resolve())
    return Source(where, len(images), digest_of(images))


def names_in(index: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series[int]]:
    """The name of each image of an archive, and its series."""
    columns = [name for name in ("path", "frame", "slice", "source") if name in index]
    return index[columns].rename(columns={"path": "image"}), index["series"]


def check_outside(output: Path, archive: Path) -> None:
    """Raise ValueError if results would be among the images."""
    if output.resolve().is_relative_to(archive.resolve()):
        raise ValueError(
            f"{output} lies in {archive}, so its pictures would be sorted next time; "
            "choose a folder elsewhere."
        )


def how_to_read(options: argparse.Namespace, key: Path | None) -> dict[str, Any]:
    """What `load_archive` is told besides what the model keeps."""
    return {
        "on_error": "raise" if options.strict else "skip",
        "path_key": key,
        "n_jobs": options.jobs,
        "timeout": options.timeout,
        "max_memory": options.max_memory,
    }


def path_key(given: Path | bool | None, output: Path) -> Path | None:
    """The file that says which number stands for which path, if one is wanted."""
    if given is True:
        return output.with_name(f"{output.name}-paths.csv")
    return given or None


def say_read(archive: Bunch) -> None:
    """Print how many files were read."""
    kinds = archive.skipped["kind"].value_counts()
    told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    print(
        f"{archive.n_files:,} files, {len(archive.skipped):,} of them skipped"
        + (f" ({told})" if told else "")
    )
    how = "colour (--channels 3)" if archive.images.ndim == 4 else "grey (--channels 1)"
    print(f"Read in {how}.")
    said = archive.index["burned_in"].value_counts()
    if said.get("yes", 0) + said.get("not said", 0):
        print(
            f"BurnedInAnnotation: YES for {said.get('yes', 0):,} images, not stated "
            f"for {said.get('not said', 0):,}; their pixels may show names."
        )


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for the headers and one for the pixels of an archive."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns) as bars:
        tasks: dict[str, Any] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(f"Reading {stage}")
            bars.update(tasks[stage], completed=done, total=total)

        yield progress
