"""Images on disk: written once, found again, and never half there."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skdeepcluster._files import replacing
from skdeepcluster.archive._file import Address
from skdeepcluster.archive._journal import Journal, as_address, remove_journals
from skdeepcluster.archive._pixels import inner, limits, with_window
from skdeepcluster.archive._rows import new_memmap

_SAMPLE = 512
"""Images of a series that its percentiles are taken of."""


class Row(NamedTuple):
    """An image that the store shall hold."""

    file: str
    """Fingerprint of its file."""
    group: str
    """Fingerprint of the images that share its window, and of the settings."""
    address: Address
    size: tuple[int, int]
    """Height and width before it was scaled."""
    window: tuple[float, float] | None
    """What becomes black and white; None for the percentiles of its group."""

    @property
    def fingerprint(self) -> str:
        """Equal in two runs only if the stored image is."""
        return f"{self.file}-{self.group}"


class _Finished(NamedTuple):
    """The images of the last run."""

    places: dict[tuple[str, Address], int]
    """By fingerprint and address."""
    images: NDArray[Any]
    limits: list[tuple[float, float]]
    """What became black and white."""


def check_own(folder: Path) -> None:
    """Raise ValueError if a store would replace files of others.

    Parameters
    ----------
    folder : path
        It need not exist.
    """
    for name in ("images.npy", "index.csv"):
        if (folder / name).exists() and not _is_store(folder):
            raise ValueError(
                f"{folder} has a file {name} that is not of a store: give another "
                "folder."
            )


def _is_store(folder: Path) -> bool:
    """Whether a store was written there, even if it is spoilt now."""
    if (folder / "skipped.csv").exists():  # which is there before the others
        return True
    try:
        with open(folder / "index.csv", "rb") as file:
            return b"fingerprint" in file.readline(1000)
    except OSError:
        return False


class Store:
    """The images of an archive, in a folder.

    ``images.npy`` and ``index.csv`` are replaced when a run has all images. Until then
    their values go to two files named ``unfinished``, from which the next run goes on.

    Parameters
    ----------
    folder : path
        One that is `locked`.
    image_size, channels : int
        Of the images.
    keep_values : bool
        Whether float32 values are stored, or 8 bits.
    """

    def __init__(
        self, folder: Path, image_size: int, channels: int, keep_values: bool
    ) -> None:
        self.folder = folder
        self._size = image_size
        self._shape = (image_size, image_size, 3)[: 2 if channels == 1 else 3]
        self._dtype = np.dtype(np.float32 if keep_values else np.uint8)
        self._finished = self._find_finished()
        self._journal = Journal(folder, image_size, channels)
        self._files = {key.partition("-")[0] for key, _ in self._finished.places}
        self._files |= {key for key, _ in self._journal.decoded}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._journal.close()

    def _find_finished(self) -> _Finished:
        none = _Finished({}, np.zeros((0, *self._shape), self._dtype), [])
        try:
            index = read_index(self.folder / "index.csv")
            images = np.load(self.folder / "images.npy", mmap_mode="r")
            rows = zip(
                index["fingerprint"], index["frame"], index["slice"], strict=True
            )
            places = {
                (fingerprint, as_address(frame, slice_)): row
                for row, (fingerprint, frame, slice_) in enumerate(rows)
            }
            black_and_white = list(zip(index["black"], index["white"], strict=True))
        except Exception:
            return none  # yet, or spoilt
        if images.shape != (len(index), *self._shape) or images.dtype != self._dtype:
            return none
        return _Finished(places, images, black_and_white)

    def has(self, row: Row) -> bool:
        """Whether the image need not be decoded."""
        decoded = (row.file, row.address) in self._journal.decoded
        return decoded or self._is_finished(row)

    def _is_finished(self, row: Row) -> bool:
        return (row.fingerprint, row.address) in self._finished.places

    def knows(self, file: str) -> bool:
        """Whether any image of the file was ever decoded.

        Parameters
        ----------
        file : str
            Its fingerprint.

        Returns
        -------
        bool
        """
        return file in self._files

    def leave_out(self, files: Iterable[str]) -> None:
        """Have `knows` say that these are known: another store holds their images."""
        self._files |= set(files)

    def add(self, file: str, images: Iterable[tuple[Address, NDArray[Any]]]) -> None:
        """Keep what was decoded.

        Parameters
        ----------
        file : str
            Fingerprint of the file.
        images : iterable of (Address, ndarray)
            Values as float32, of the store's size.
        """
        self._journal.add(file, images)

    def flush(self) -> None:
        """Make sure that the next run finds what was decoded."""
        self._journal.flush()

    def finish(self, rows: Sequence[Row], index: pd.DataFrame) -> pd.DataFrame:
        """Write the images and their table; a reader sees the old or the new ones.

        Parameters
        ----------
        rows : sequence of Row
            All images; `has` is true of each.
        index : DataFrame
            A row for each.

        Returns
        -------
        DataFrame
            With the columns ``black``, ``white`` and ``fingerprint``.
        """
        self._remove_leftovers()
        with replacing(self.folder / "images.npy") as unfinished:
            ends = self._write(unfinished, rows)
            blacks, whites = ([end[side] for end in ends] for side in (0, 1))
            fingerprints = [row.fingerprint for row in rows]
            index = index.assign(black=blacks, white=whites, fingerprint=fingerprints)
            # Without a table nobody takes new images for the old ones.
            (self.folder / "index.csv").unlink(missing_ok=True)
        write_table(self.folder / "index.csv", index)
        remove_journals(self.folder)
        return index

    def _remove_leftovers(self) -> None:
        """Of runs that were killed while writing: no other run has the lock now."""
        for name in ("images.npy", "index.csv", "skipped.csv"):
            for path in self.folder.glob(f"{name}.*unfinished"):
                path.unlink()

    def _write(self, path: Path, rows: Sequence[Row]) -> list[tuple[float, float]]:
        """Write the images; what became black and white in each."""
        values = self._journal.values()
        of_groups = dict(self._limits_of_groups(rows, values))
        shape = (len(rows), *self._shape)
        images = new_memmap(path, shape, self._dtype)
        ends, target = [], np.asarray(images)
        for number, row in enumerate(rows):
            old = self._finished.places.get((row.fingerprint, row.address))
            if old is not None:
                target[number] = self._finished.images[old]
                ends.append(self._finished.limits[old])
                continue
            square = self._square(row, values)
            low, high = np.nan, np.nan
            if self._dtype == np.uint8:
                low, high = row.window or of_groups[row.group]
                square = with_window(square, inner(*row.size, self._size), low, high)
            target[number] = square
            ends.append((low, high))
        images.flush()
        return ends

    def _square(self, row: Row, values: NDArray[np.float32]) -> NDArray[Any]:
        return values[self._journal.decoded[row.file, row.address]]

    def _limits_of_groups(
        self, rows: Sequence[Row], values: NDArray[np.float32]
    ) -> Iterator[tuple[str, tuple[float, float]]]:
        groups: dict[str, list[Row]] = {}
        for row in rows:
            if row.window is None and not self._is_finished(row):
                groups.setdefault(row.group, []).append(row)
        for group, members in groups.items():
            step = -(-len(members) // _SAMPLE)
            sample = [
                self._square(row, values)[inner(*row.size, self._size)].ravel()
                for row in members[::step]
            ]
            yield group, limits(np.concatenate(sample))


_TEXT = ("path", "burned_in", "note", "black", "white", "fingerprint")


def read_index(path: Path) -> pd.DataFrame:
    """The table of a store, as `load_archive` gives it.

    Parameters
    ----------
    path : path
        An ``index.csv``.

    Returns
    -------
    DataFrame
    """
    table = pd.read_csv(
        path,
        dtype=dict.fromkeys(_TEXT, str),
        na_values={name: [""] for name in ("series", "frame", "slice")},
        keep_default_na=False,
        encoding_errors="surrogateescape",
    )
    for name in ("black", "white"):
        table[name] = [float(text or "nan") for text in table[name]]
    return table.astype(dict.fromkeys(("series", "frame", "slice"), "Int64"))


def write_table(
    path: Path,
    table: pd.DataFrame,
    *,
    float_format: str | None = None,
    is_private: bool = False,
) -> None:
    """Replace a CSV file at once.

    Parameters
    ----------
    path : path
        The file.
    table : DataFrame
        Without its index. A file's name may be no valid text; its bytes are kept.
    float_format : str or None
        As of pandas.
    is_private : bool
        As of `replacing`.
    """
    with replacing(path, is_private=is_private) as unfinished:
        table.to_csv(
            unfinished,
            index=False,
            float_format=float_format,
            quoting=csv.QUOTE_NONNUMERIC,  # names of files may hold any character
            errors="surrogateescape",
        )
