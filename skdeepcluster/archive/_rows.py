"""Images on disk, some at a time: for more than fit into memory."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdeepcluster._files import reserve

_AT_ONCE = 4096  # images in memory


def distinct(images: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which images to keep of those with the same bytes.

    Parameters
    ----------
    images : ndarray of shape (n, ...)

    Returns
    -------
    kept : ndarray of shape (n_kept,)
        Rows in order, the first of each group of copies.
    places : ndarray of shape (n,)
        Where in `kept` the copy of each image is.
    """
    place_of: dict[bytes, int] = {}
    kept: list[int] = []
    places = np.empty(len(images), np.intp)
    for row, image in enumerate(images):
        content = np.ascontiguousarray(image).tobytes()
        digest = hashlib.blake2b(content, digest_size=16).digest()
        places[row] = place_of.setdefault(digest, len(kept))
        if places[row] == len(kept):
            kept.append(row)
    return np.array(kept, np.intp), places


def rows_on_disk(
    images: NDArray[Any], rows: NDArray[np.intp], folder: Path
) -> NDArray[Any]:
    """Some rows of images that may not fit into memory.

    Parameters
    ----------
    images : ndarray or memmap
    rows : ndarray of shape (n_rows,)
    folder : path
        Where there is room. The file has no name there, and ends with the array.

    Returns
    -------
    ndarray or memmap
    """
    if not isinstance(images, np.memmap):
        return images[rows]
    some = unnamed_memmap((len(rows), *images.shape[1:]), images.dtype, folder)
    for first in range(0, len(rows), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        some[part] = images[rows[part]]
    return some


def write_in_turn(arrays: Sequence[NDArray[Any]], into: NDArray[Any]) -> None:
    """Copy arrays to one that has room for all, which may not fit into memory."""
    start = 0
    for array in arrays:
        for first in range(0, len(array), _AT_ONCE):
            part = array[first : first + _AT_ONCE]
            into[start : start + len(part)] = part
            start += len(part)


def new_memmap(
    path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> np.memmap[Any, Any]:
    """A ``.npy`` file as an array, whose room on the disk is taken.

    Raises
    ------
    OSError
        If there is too little room.
    """
    array = np.lib.format.open_memmap(path, "w+", dtype, shape)
    with open(path, "r+b") as file:
        reserve(file.fileno())
    return array


def unnamed_memmap(
    shape: tuple[int, ...], dtype: np.dtype[Any], folder: Path
) -> NDArray[Any]:
    """An array in a file that ends with it, in a folder where there is room.

    Raises
    ------
    OSError
        If there is too little.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        array = np.memmap(file, dtype, "w+", shape=shape)
        reserve(file.fileno())
        return array
