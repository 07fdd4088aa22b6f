"""Old and new images of a folder of results."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from skdeepcluster._attributes import READER
from skdeepcluster.archive._arrays import read_images
from skdeepcluster.archive._gather import gather
from skdeepcluster.archive._held import sources_of
from skdeepcluster.archive._sources import Source, Sources, digest_of, name_of_folder
from skdeepcluster.cli._reading import (
    Found,
    check_outside,
    how_to_read,
    names_in,
    of_array,
    path_key,
    progress_bars,
    say_read,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdeepcluster import DeepClusterCategorizer
    from skdeepcluster._results import Results


class Grown(NamedTuple):
    """Old images and, after them, new ones."""

    parts: list[NDArray[Any]]
    """Arrays of them, in order."""
    names: pd.DataFrame
    """Columns image, frame and slice, and source if there are several folders."""
    sources: Sources
    archive: tuple[pd.DataFrame, pd.DataFrame] | None = None
    """Of folders: index and skipped, with the same column."""

    @property
    def series(self) -> pd.Series[int] | None:
        """The series of each image of a folder; None for an array."""
        return None if self.archive is None else self.archive[0]["series"]


def grown(
    options: argparse.Namespace,
    est: DeepClusterCategorizer,
    results: Results,
    table: pd.DataFrame,
) -> Grown | None:
    """The images of the results and those that are new; None if none is.

    `table` is ``clusters.csv``.
    """
    is_folder = options.path.is_dir()
    if is_folder == (est.reader_ is None):
        kinds = ("an array file", "a folder")
        was, other = kinds[not is_folder], kinds[is_folder]
        raise ValueError(
            f"{options.output} was made from {was}, but {options.path} is {other}; "
            f"give {was}."
        )
    if is_folder:
        return _grown_folder(options, est, results, table)
    return _grown_array(options, results, len(table))


def _grown_folder(
    options: argparse.Namespace,
    est: DeepClusterCategorizer,
    results: Results,
    table: pd.DataFrame,
) -> Grown | None:
    if options.images is not None:
        raise ValueError(
            f"--images is for results of an array file, but {options.output} keeps the "
            "images of its folder; leave it out."
        )
    check_outside(options.output, options.path)
    key = path_key(options.anonymous_paths, options.output.resolve())
    sources = results.read_sources()
    sources.check_key(key, options.output)
    sources.check_apart(options.path, key)
    name = name_of_folder(options.path, key)
    before, old = results.read_store(table)
    with progress_bars() as progress:
        archive, held = gather(
            options.path,
            results.extension,
            is_locked=True,
            index=before,
            source=sources.number_of(name),
            **(READER | (est.reader_ or {})),
            **how_to_read(options, key),
            progress=progress,
        )
    say_read(archive)
    if held.n_changed:
        print(
            f"{held.n_changed:,} files have changed since they were read; their images "
            f"in {options.output} stay as they are."
        )
    if not len(archive.images):
        return None
    listed = sources.listed or (Source("", len(table), ""),)  # of an unknown folder
    number = len(listed) if held.source is None else held.source
    index = _with_source(before, archive.index, number)
    source = Source(name, int((sources_of(index) == number).sum()), "")
    left = results.read_skipped()
    left = left[sources_of(left) != number]
    return Grown(
        [old, archive.images],
        names_in(index)[0],
        Sources(listed).with_one(number, source),
        (index, _with_source(left, archive.skipped, number)),
    )


def _with_source(old: pd.DataFrame, new: pd.DataFrame, number: int) -> pd.DataFrame:
    """One table, which says what comes from where if not all is from one folder."""
    if number or "source" in old:
        old, new = old.assign(source=sources_of(old)), new.assign(source=number)
    return pd.concat([old, new], ignore_index=True)


def _grown_array(options: argparse.Namespace, results: Results, n: int) -> Grown | None:
    listed = results.read_sources().listed
    noted = [source.digest for source in listed]
    new = _found(options, options.path)
    if new.source.digest in noted:
        return None
    for source in listed:
        if digest_of(new.images[: source.n_images]) == source.digest:
            raise ValueError(
                f"{options.path} begins with {source.n_images:,} images that "
                f"{options.output} has already; give an array of the others only."
            )
    if options.images is None:
        raise ValueError(
            f"{options.output} was made from an array file and does not keep its "
            f"images; give the files of its {n:,} images with --images."
        )
    old = [_found(options, path) for path in options.images]
    digests = [each.source.digest for each in old]
    if sum(len(each.images) for each in old) != n or digests != (noted or digests):
        given = " ".join(map(str, options.images))
        raise ValueError(
            f"--images {given} are not the {n:,} images in {options.output}; give the "
            "array file that it was made from, and those that it was extended by, in "
            "their order."
        )
    every = [*old, new]
    if len({each.images.shape[1:] for each in every}) > 1:
        raise ValueError(
            f"The images in {options.path} have the shape {new.images.shape[1:]}, but "
            f"those in {options.output} have {old[0].images.shape[1:]}; give images of "
            "that shape."
        )
    return Grown(
        [each.images for each in every],
        of_array(np.empty(n + len(new.images))).names,
        Sources(tuple(each.source for each in every)),
    )


def _found(options: argparse.Namespace, path: Path) -> Found:
    return of_array(read_images(path), None if options.anonymous_paths else path)
