"""Images that somebody has made an array of already."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 4096  # images in memory


def read_images(path: str | os.PathLike[str]) -> NDArray[Any]:
    """The images of a ``.npy`` file, or the array ``images`` of a ``.npz`` file.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    ndarray, or memmap for a ``.npy`` file
        Of shape (n, height, width) or (n, height, width, channels), of any dtype.

    Raises
    ------
    ValueError
        If there are no images in it.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skdeepcluster.archive._arrays import read_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/set.npz", images=np.zeros((5, 8, 8), np.uint8))
    ...     read_images(f"{folder}/set.npz").shape
    (5, 8, 8)
    """
    images = read_array(path, "images")
    if images.ndim < 3:
        raise ValueError(
            f"{path} holds an array of shape {images.shape}; images have the shape "
            "(n, height, width) or (n, height, width, channels)."
        )
    if len(images) == 0:
        raise ValueError(f"{path} holds no image: its shape is {images.shape}.")
    return images


def read_array(path: str | os.PathLike[str], name: str) -> NDArray[Any]:
    """The array of a ``.npy`` file, or the one called `name` of a ``.npz`` file.

    Nothing in the file is executed: arrays of Python objects are refused.

    Parameters
    ----------
    path : str or path
        The file.
    name : str
        Which array of a ``.npz`` file.

    Returns
    -------
    ndarray, or memmap for a ``.npy`` file

    Raises
    ------
    ValueError
        If there is no such array.
    OSError
        If the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            if file.read(6) == b"\x93NUMPY":
                array = np.load(path, mmap_mode="r", allow_pickle=False)
            else:
                file.seek(0)
                with zipfile.ZipFile(file) as members:
                    found = [
                        member.removesuffix(".npy") for member in members.namelist()
                    ]
                file.seek(0)
                array = None
                if name in found:
                    array = np.load(file, allow_pickle=False)[name]
    except OSError:
        raise
    except Exception as error:  # a hostile zip raises whatever its parts lead to
        raise ValueError(
            f"{path} is not a folder, nor a .npy or .npz file that can be read."
        ) from error
    if not isinstance(array, np.ndarray):
        raise ValueError(
            f"{path} has no array {name!r}, only "
            f"{', '.join(map(repr, found)) or 'nothing'}."
        )
    if array.ndim == 0:
        raise ValueError(f"{path} holds a single number, no {name}.")
    return array


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


def unnamed_memmap(
    shape: tuple[int, ...], dtype: np.dtype[Any], folder: Path
) -> NDArray[Any]:
    """An array in a file that ends with it, in a folder where there is room."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, dtype, "w+", shape=shape)
