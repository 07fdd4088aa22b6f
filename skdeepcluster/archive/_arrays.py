"""Images that somebody has made an array of already."""

from __future__ import annotations

import os
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
