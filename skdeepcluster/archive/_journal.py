"""What a run has decoded, from which the next one goes on."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skdeepcluster.archive._file import Address


class Journal:
    """Two files in a folder: values, and which image they are of.

    Parameters
    ----------
    folder : path
        Where the files are, or will be.
    image_size, channels : int
        Of the images; other ones have files of their own.

    Attributes
    ----------
    decoded : dict
        The place of each image, by the fingerprint of its file and its address.
    """

    def __init__(self, folder: Path, image_size: int, channels: int) -> None:
        name = f"unfinished-{image_size}-{channels}"
        self._shape = (image_size, image_size, 3)[: 2 if channels == 1 else 3]
        self._values_path = folder / f"{name}.values"
        self._values = open(self._values_path, "a+b")  # noqa: SIM115
        self._rows = open(  # noqa: SIM115
            folder / f"{name}.rows", "a+", encoding="ascii", errors="replace"
        )
        self._rows.seek(0)
        lines = self._rows.read().split("\n")[:-1]
        n_bytes = 4 * int(np.prod(self._shape))
        lines = lines[: self._values.seek(0, os.SEEK_END) // n_bytes]
        self.decoded: dict[tuple[str, Address], int] = {}
        try:
            for row, line in enumerate(lines):
                file, frame, slice_ = line.split(" ")
                self.decoded[file, as_address(frame, slice_)] = row
        except ValueError:  # spoilt
            self.decoded, lines = {}, []
        self._n_rows = len(lines)
        self._values.truncate(self._n_rows * n_bytes)
        self._rows.truncate(sum(len(line) + 1 for line in lines))

    def add(self, file: str, images: Iterable[tuple[Address, NDArray[Any]]]) -> None:
        """Keep what was decoded of a file with that fingerprint."""
        for address, square in images:
            self._values.write(square.astype(np.float32, copy=False).tobytes())
            fields = ("" if part is None else str(part) for part in address)
            self.decoded[file, address] = self._n_rows
            self._rows.write(f"{file} {' '.join(fields)}\n")
            self._n_rows += 1

    def flush(self) -> None:
        """Make sure that the next run finds what was decoded."""
        self._values.flush()
        self._rows.flush()

    def values(self) -> NDArray[np.float32]:
        """All images; each has its place in `decoded`."""
        self.flush()
        shape = (self._n_rows, *self._shape)
        if not self._n_rows:
            return np.zeros(shape, np.float32)
        # As plain arrays: each row taken of a memmap is dear.
        return np.asarray(np.memmap(self._values_path, np.float32, "r", 0, shape))

    def close(self) -> None:
        """Leave it to the next run."""
        self._values.close()
        self._rows.close()


def remove_journals(folder: Path) -> None:
    """Also those of other settings."""
    for kind in ("values", "rows"):
        for path in folder.glob(f"unfinished-[0-9]*-[13].{kind}"):
            path.unlink()


def as_address(frame: Any, slice_: Any) -> Address:
    """As it was before it was written."""
    parts = (None if pd.isna(p) or p == "" else int(p) for p in (frame, slice_))
    return Address(*parts)
