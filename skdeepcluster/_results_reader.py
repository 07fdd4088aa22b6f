"""Reading what is in the folder of results."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skdeepcluster import _warnings
from skdeepcluster._files import finish_replacing
from skdeepcluster._labels import all_labels
from skdeepcluster.archive._held import sources_of
from skdeepcluster.archive._sources import Sources
from skdeepcluster.archive._store import read_index

if TYPE_CHECKING:
    from skdeepcluster import DeepClusterCategorizer

MODEL = "model.safetensors"
TABLE = "clusters.csv"
NAMED_BY = ["image", "frame", "slice"]  # columns that say which image it is


class ResultsReader:
    """Reads the tables of a folder of results.

    Parameters
    ----------
    folder : path
        Which `Results` has written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read_clusters(self, est: DeepClusterCategorizer) -> pd.DataFrame:
        """Read ``clusters.csv``, which must hold the clusters of the model.

        Raises
        ------
        ValueError
            If it holds other clusters.
        """
        table = self._read_clusters()
        clusters: Any = table.get("cluster", [])
        if not np.array_equal(clusters, all_labels(est)):
            raise ValueError(
                f"{self.folder / 'clusters.csv'} does not hold the clusters of the "
                "model beside it; run skdeepcluster categorize again."
            )
        return table

    def _read_clusters(self) -> pd.DataFrame:
        dtypes: Mapping[str, Any] = {
            "image": str,
            "frame": "Int64",
            "slice": "Int64",
            "category": str,
        }
        return pd.read_csv(
            self.folder / TABLE,
            dtype=dtypes,
            keep_default_na=False,  # a file may be called NA
            na_values={"frame": "", "slice": ""},
            encoding_errors="surrogateescape",
        )

    def categories_of(
        self, names: pd.DataFrame, root: str | None = None
    ) -> NDArray[np.object_]:
        """The categories in ``clusters.csv`` of images with these names.

        Parameters
        ----------
        names : DataFrame
            With the columns image, frame and slice.
        root : str or None
            The folder of the images, as in ``sources.csv``. Images are told by their
            whole paths; or, if no image is found so because a folder was moved, by
            those within the folder, as images of arrays (None) are by their rows.

        Returns
        -------
        ndarray of shape (n_images,), object
            Empty where the image has no category, is not in the table, or is there
            several times with different categories.

        Raises
        ------
        ValueError
            If none of the images has a category.
        """
        table = self._read_clusters()
        found = np.full(len(names), "", dtype=object)
        listed = self.read_sources().listed
        if any(bool(source.digest) != (root is None) for source in listed):
            was, given = ("a folder", "an array file")[:: 1 if root is None else -1]
            raise ValueError(
                f"{self.folder} was made from {was}, so that its names cannot be those "
                f"of images in {given}; give {was}."
            )
        if "category" in table and root is not None and listed:
            sources = sources_of(table)
            if not sources.between(0, len(listed) - 1).all():
                raise ValueError(
                    f"{self.folder / TABLE} has images of folders that are not in "
                    "sources.csv: the tables do not belong together."
                )
            roots = [listed[number].path for number in sources]
            whole = _below(roots, table), _below([root] * len(names), names)
            found = _looked_up(*whole, table["category"])
        if "category" in table and not found.astype(bool).any():
            found = _looked_up(_keys(table), _keys(names), table["category"])
            if root is not None and listed and found.astype(bool).any():
                _warnings.warn(_warnings.told_by_parts_of_paths(self.folder))
        if not found.astype(bool).any():
            raise ValueError(
                f"{self.folder} has no category for any of these images, told by path, "
                "frame and slice; run skdeepcluster name on it first, or give the "
                "folder that these images were named in."
            )
        return found

    def read_series(self, table: pd.DataFrame) -> pd.Series[int]:
        """Read which series each image is of, from ``index.csv``.

        Raises
        ------
        ValueError
            If it has other images than the table, that of ``clusters.csv``.
        """
        path = self.folder / "index.csv"
        index = read_index(path)
        _check_rows(path, index, table, len(table))
        return index["series"]

    def read_sources(self) -> Sources:
        """Read ``sources.csv``."""
        return Sources.read(self.folder / "sources.csv")

    @property
    def has_embeddings(self) -> bool:
        """Whether there is an ``embeddings.npy``."""
        return (self.folder / "embeddings.npy").exists()

    def read_store(self, table: pd.DataFrame) -> tuple[pd.DataFrame, NDArray[Any]]:
        """Read ``index.csv`` and ``images.npy``.

        Raises
        ------
        ValueError
            If they have other images than the table, that of ``clusters.csv``.
        """
        path = self.folder / "index.csv"
        index = read_index(path)
        images = np.load(self.folder / "images.npy", mmap_mode="r")
        _check_rows(path, index, table, len(images))
        return index, images

    def read_skipped(self) -> pd.DataFrame:
        """Read ``skipped.csv``."""
        return pd.read_csv(
            self.folder / "skipped.csv",
            dtype={"path": str, "kind": str, "reason": str},
            keep_default_na=False,
            encoding_errors="surrogateescape",
        )


def check_unnamed(folder: Path, *, by_hand: bool = False) -> None:
    """Raise ValueError if the clusters in a folder have names.

    Parameters
    ----------
    folder : path
    by_hand : bool
        Whether names do not count that `categorize` has taken from another folder.
    """
    from skdeepcluster._model_file import peek

    file = folder / MODEL
    if by_hand and not _was_named(folder / TABLE):
        return
    try:
        named = file.exists() and bool(peek(file)["attributes"]["names_"])
    except (LookupError, TypeError, ValueError):  # of a damaged model
        return
    if named:
        raise ValueError(
            f"The clusters in {folder} have names, which would be lost: choose another "
            f"folder for the results, with --names-from {folder} to keep the names; or "
            f"remove {file}."
        )


def _was_named(table: Path) -> bool:
    """Whether there is the column that only `name` and `extend` write."""
    try:
        return "excluded" in pd.read_csv(table, nrows=0).columns
    except (OSError, ValueError):  # there is none, or it is damaged
        return False


def _check_rows(
    path: Path, index: pd.DataFrame, table: pd.DataFrame, n_images: int
) -> None:
    """Raise ValueError if another run has read other images since the table."""
    read = _keys(index.rename(columns={"path": "image"}))
    is_like = len(index) == len(table) == n_images
    is_like = is_like and all(map(operator.eq, read, _keys(table)))
    if not is_like:
        raise ValueError(
            f"{path} does not have the images of clusters.csv beside it, because "
            "another skdeepcluster categorize has read the archive since, and has not "
            "ended: run it again, or use a copy of the folder from before."
        )


def _keys(table: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """The name of each image."""
    columns = [table[name].astype(object).fillna("").map(str) for name in NAMED_BY]
    return zip(*columns, strict=True)


def _below(roots: Sequence[str], table: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    """The name of each image, with its whole path."""
    for root, (image, *rest) in zip(roots, _keys(table), strict=True):
        yield os.path.join(root, image), *rest


def _looked_up(
    known: Iterable[tuple[str, ...]],
    wanted: Iterable[tuple[str, ...]],
    categories: Iterable[str],
) -> NDArray[np.object_]:
    """The category of each name; empty where there is none, or more than one."""
    former: dict[tuple[str, ...], str] = {}
    for key, category in zip(known, categories, strict=True):
        former[key] = category if former.get(key, category) == category else ""
    return np.array([former.get(key, "") for key in wanted], dtype=object)


def load_model(path: Path) -> DeepClusterCategorizer:
    """Load the model of a folder of results, or a model file."""
    from skdeepcluster import DeepClusterCategorizer

    file = path
    if path.is_dir():
        finish_replacing(path)
        file = path / MODEL
    if not file.exists():
        raise FileNotFoundError(
            f"There is no model {file}; use one that skdeepcluster categorize wrote."
        )
    return DeepClusterCategorizer.load(file)
