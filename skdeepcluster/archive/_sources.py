"""Where images come from: the folders or array files of a folder of results."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skdeepcluster.archive._find import numbers_for, read_key
from skdeepcluster.archive._store import write_table

_N_HASHED = 4096  # images


class Source(NamedTuple):
    """A folder or an array file."""

    path: str
    """Its absolute path, or the number of that; empty if there is none."""
    n_images: int
    digest: str
    """Of an array; empty for a folder."""


@dataclass(frozen=True)
class Sources:
    """In the order in which they came.

    Parameters
    ----------
    listed : tuple of Source
        The first is that of the fit.
    """

    listed: tuple[Source, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Sources:
        """Read ``sources.csv``; without one, none is known."""
        if not path.exists():
            return cls()
        dtypes: Mapping[str, Any] = {"path": str, "images": "int64", "digest": str}
        table = pd.read_csv(
            path,
            dtype=dtypes,
            keep_default_na=False,
            encoding_errors="surrogateescape",
        )
        rows = zip(table["path"], table["images"], table["digest"], strict=True)
        return cls(tuple(Source(path, int(n), digest) for path, n, digest in rows))

    def write(self, path: Path) -> None:
        """Write ``sources.csv``."""
        table = pd.DataFrame(self.listed, columns=["path", "images", "digest"])
        table.insert(0, "source", range(len(table)))
        write_table(path, table)

    @property
    def are_anonymous(self) -> bool:
        """Whether paths are numbers."""
        return bool(self.listed) and self.listed[0].path.isdecimal()

    def check_key(self, key: Path | None, folder: Path) -> None:
        """Raise ValueError if `key` does not say which paths the numbers are.

        Parameters
        ----------
        key : path or None
            What was given; None if paths are to be written.
        folder : path
            The folder of results, for the error.
        """
        if not self.listed:
            return
        if not self.are_anonymous:
            if key is not None:
                raise ValueError(
                    f"{folder} has paths of files, which the numbers that "
                    "--anonymous-paths writes cannot be compared with; leave it out."
                )
            return
        if key is None:
            raise ValueError(
                f"{folder} has numbers instead of paths; give --anonymous-paths too, "
                "with the same KEY."
            )
        path_of = {}
        if key.exists():
            path_of = {number: path for path, number in read_key(key).items()}
        # Whole paths are folders and array files; those of another KEY may have the
        # same numbers for other files.
        roots = (path_of.get(source.path, "") for source in self.listed)
        if not all(os.path.isabs(root) for root in roots):
            raise ValueError(
                f"{key} does not say which paths the numbers in {folder} are; give the "
                "KEY that was written with it."
            )

    def check_array(self, images: NDArray[Any], folder: Path) -> None:
        """Raise ValueError if an array does not begin with the images of these.

        Parameters
        ----------
        images : ndarray
            The array.
        folder : path
            The folder of results, for the error.
        """
        start = 0
        for source in self.listed:
            part = images[start : start + source.n_images]
            if source.digest and digest_of(part) != source.digest:
                raise ValueError(
                    f"Images {start} to {start + source.n_images - 1} are not those of "
                    f"{folder}, so the names there are of others; give an array of the "
                    "same type that begins with the images that were named."
                )
            start += source.n_images

    def number_of(self, path: str) -> int | None:
        """The number of the source with this path; None if there is none."""
        paths = [source.path for source in self.listed]
        return paths.index(path) if path in paths else None

    def check_apart(self, root: Path, key: Path | None) -> None:
        """Raise ValueError if a folder lies within another, so files would count twice.

        Parameters
        ----------
        root : path
            The folder to be read.
        key : path or None
            A file that says which paths the numbers are.
        """
        paths = [source.path for source in self.listed if not source.digest]
        if key is not None:
            path_of = {number: path for path, number in read_key(key).items()}
            paths = [path_of[number] for number in paths]
        root = root.resolve()
        for other in map(Path, filter(None, paths)):
            if other in root.parents or root in other.parents:
                raise ValueError(
                    f"{root} and a folder that was read before lie within each other, "
                    "so files would count twice; give the folder that was read before, "
                    "or one beside it."
                )

    def with_one(self, number: int, source: Source) -> Sources:
        """The same with a source changed, or added where `number` is the next."""
        changed = [*self.listed]
        changed[number : number + 1] = [source]
        return Sources(tuple(changed))


def name_of_folder(folder: Path, key: Path | None) -> str:
    """The absolute path of a folder, or its number in the file `key`."""
    path = os.path.realpath(folder)
    return path if key is None else numbers_for([path], key)[path]


def digest_of(images: NDArray[Any]) -> str:
    """Equal for arrays of the same shape and type whose images are the same.

    Of many images, only some that are evenly spaced are compared.
    """
    some = np.linspace(0, len(images) - 1, min(len(images), _N_HASHED)).astype(np.intp)
    digest = hashlib.sha256(f"{images.shape} {images.dtype.str}".encode())
    for row in some:
        digest.update(np.ascontiguousarray(images[row]).tobytes())
    return digest.hexdigest()[:32]
