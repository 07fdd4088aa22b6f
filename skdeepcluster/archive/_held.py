"""Which images of a folder a store holds already."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import pandas as pd

from skdeepcluster._reader_options import Window
from skdeepcluster.archive._choice import Found
from skdeepcluster.archive._file import Address
from skdeepcluster.archive._find import Files
from skdeepcluster.archive._journal import as_address
from skdeepcluster.archive._windows import Limits, shared_by


class Held:
    """The images of a store that come from the folder that is read.

    A file is the same if it has the same path in that folder. Even if it has changed,
    the store keeps what it holds of it.

    Parameters
    ----------
    files : Files
        Those of the folder.
    index : DataFrame or None
        Of the store, as `read_index` gives it; None for a new store. A column
        ``source`` numbers the folders that its images come from; without it, they come
        from one, which is 0.
    source : int or None
        Number of the folder that is read. None looks for files that have not changed,
        as after the folder was moved.

    Attributes
    ----------
    source : int or None
        Number of the folder; None if the store holds nothing of it.
    files : set of str
        Fingerprints of the files that are held, as they are now.
    n_changed : int
        Files of which the store holds another state.
    """

    def __init__(
        self, files: Files, index: pd.DataFrame | None, source: int | None
    ) -> None:
        self.source = source
        self.files: set[str] = set()
        self.n_changed = 0
        self._names = [files.names[file.path] for file in files.kept]
        self._rows: dict[tuple[str, Address], int] = {}
        self._series: list[int] = []
        self._is_same: list[bool] = []
        self._n_series = 0
        if index is None:
            return
        if index["series"].notna().any():
            self._n_series = int(index["series"].max()) + 1
        now = dict(zip(self._names, files.fingerprints, strict=True))
        states = index["fingerprint"].str.partition("-")[0]
        same = (index["path"].map(now) == states).to_numpy()
        sources = np.asarray(sources_of(index))
        if self.source is None and same.any():
            self.source = int(sources[same.argmax()])
        mine = sources == self.source
        self._index = index[mine].reset_index(drop=True)
        self._series = self._index["series"].tolist()
        self._is_same = same[mine].tolist()
        held = self._index["path"]
        self.files = {now[path] for path in set(held) if path in now}
        self.n_changed = len(self.files) - len(set(index["path"][mine & same]))
        places = zip(held, self._index["frame"], self._index["slice"], strict=True)
        self._rows = {
            (path, as_address(frame, slice_)): row
            for row, (path, frame, slice_) in enumerate(places)
        }

    def _row(self, image: Found) -> int | None:
        return self._rows.get((self._names[image.file], image.header.address))

    def others(self, images: Sequence[Found]) -> list[Found]:
        """The images that are not held."""
        return [image for image in images if self._row(image) is None]

    def are_there(self, images: Sequence[Found]) -> set[Found]:
        """The images that are held, unless their files are of another series now."""
        numbers = self._numbers(images)
        return {
            image
            for image, row in self._held_rows(images)
            if self._is_same[row]
            or (not image.is_picture and numbers.get(image.series) == self._series[row])
        }

    def _held_rows(self, images: Sequence[Found]) -> Iterator[tuple[Found, int]]:
        """Images that are held, and where, those of unchanged files first.

        A file that has changed may be of another series now.
        """
        rows = [(image, self._row(image)) for image in images]
        held = [(image, row) for image, row in rows if row is not None]
        yield from sorted(held, key=lambda each: not self._is_same[each[1]])

    def series(
        self, images: Sequence[Found], chosen: Sequence[Found]
    ) -> dict[Hashable, int]:
        """A number for the series of each image: the store's, or one that follows.

        Parameters
        ----------
        images : sequence of Found
            All of the folder.
        chosen : sequence of Found
            Those that need a number.
        """
        numbers = self._numbers(images)
        n_used = self._n_series
        for image in chosen:
            if not image.is_picture and image.series not in numbers:
                numbers[image.series] = n_used
                n_used += 1
        return numbers

    def _numbers(self, images: Sequence[Found]) -> dict[Hashable, int]:
        """The store's numbers of the series of images that are held."""
        numbers: dict[Hashable, int] = {}
        given: set[int] = set()
        for image, row in self._held_rows(images):
            number = self._series[row]
            is_free = not image.is_picture and not pd.isna(number)
            if is_free and number not in given and image.series not in numbers:
                numbers[image.series] = number
                given.add(number)
        return numbers

    def limits(
        self, images: Sequence[Found], files: Files, window: Window
    ) -> dict[Hashable, Limits]:
        """What became black and white in images that share a window with others."""
        found: dict[Hashable, Limits] = {}
        for image, row in self._held_rows(images):
            key = shared_by(image, files, window)
            if key is not None and key not in found:
                black, white = (self._index.at[row, end] for end in ("black", "white"))
                found[key] = (float(black), float(white))
        return found


def sources_of(table: pd.DataFrame) -> pd.Series[int]:
    """The number of the folder that each row of a table comes from."""
    if "source" in table:
        return table["source"].astype("int64")
    return pd.Series(0, index=table.index)
