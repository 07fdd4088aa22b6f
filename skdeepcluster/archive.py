"""Files in, arrays out. Imports no torch."""

from __future__ import annotations

import os
import warnings
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

_FORMATS = ("PNG", "JPEG")
_GREY_OF_MORE_BITS = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


class Archive(NamedTuple):
    """Images of one size, and where they came from.

    Attributes
    ----------
    images : ndarray or memmap
        Of shape (n, height, width) or (n, height, width, channels); any real dtype
        of an array file, uint8 of picture files.
    names : list of str
        Row numbers of an array file, or paths relative to the folder.
    skipped : list of (str, str)
        Paths that gave no image, and why, in a sentence.
    """

    images: NDArray[Any]
    names: list[str]
    skipped: list[tuple[str, str]]


def read_archive(path: str | os.PathLike[str], *, image_size: int = 64) -> Archive:
    """The images of an array file, or of a folder of picture files.

    Parameters
    ----------
    path : str or path
        A ``.npy`` file, a ``.npz`` file with an array ``images``, or a folder that
        is searched for PNG and JPEG files, whatever their names, with its
        subfolders; hidden files and symbolic links are passed over.
    image_size : int, default=64
        Height and width in pixels that picture files are scaled to, aspect kept and
        padded with black; array files keep their size. Pictures become grey of 8
        bits; those of more bits are stretched from their darkest to their brightest
        pixel, so use an array file where the absolute grey level matters.

    Returns
    -------
    Archive

    Raises
    ------
    ValueError
        If the file is none of these, or there is no image in it.
    OSError
        If the path cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skdeepcluster.archive import read_archive
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/set.npz", images=np.zeros((5, 8, 8), np.uint8))
    ...     read_archive(f"{folder}/set.npz").images.shape
    (5, 8, 8)
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path, image_size)
    images = read_array(path, "images")
    if images.ndim < 3:
        raise ValueError(
            f"{path} holds an array of shape {images.shape}; images have the shape "
            "(n, height, width) or (n, height, width, channels)."
        )
    if len(images) == 0:
        raise ValueError(f"{path} holds no image: its shape is {images.shape}.")
    return Archive(images, [str(row) for row in range(len(images))], [])


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
            f"{path} is no folder, and no .npy or .npz file that can be read."
        ) from error
    if not isinstance(array, np.ndarray):
        raise ValueError(
            f"{path} has no array {name!r}, only "
            f"{', '.join(map(repr, found)) or 'nothing'}."
        )
    if array.ndim == 0:
        raise ValueError(f"{path} holds a single number, no {name}.")
    return array


def _read_folder(folder: Path, size: int) -> Archive:
    images, names, skipped = [], [], []

    def note(error: OSError) -> None:
        skipped.append((_relative(error.filename, folder), f"{error.strerror}."))

    for parent, subfolders, files in os.walk(folder, onerror=note):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for file in sorted(files):
            path = os.path.join(parent, file)
            if file.startswith(".") or os.path.islink(path):
                continue
            try:
                image = _read_picture(path, size)
            except ValueError as error:
                skipped.append((_relative(path, folder), str(error)))
            else:
                images.append(image)
                names.append(_relative(path, folder))
    if not images:
        raise ValueError(
            f"{folder} holds no PNG or JPEG image that can be read "
            f"({len(skipped)} other file(s))."
        )
    return Archive(np.stack(images), names, skipped)


def _relative(path: str, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _read_picture(path: str, size: int) -> NDArray[np.uint8]:
    if not os.path.isfile(path):
        raise ValueError("Not a regular file.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)
            with Image.open(path, formats=_FORMATS) as file:
                picture = ImageOps.exif_transpose(file)
                if picture.mode in _GREY_OF_MORE_BITS:
                    picture = _to_eight_bits(picture)
                grey = picture.convert("L")
                return np.asarray(ImageOps.pad(grey, (size, size)), dtype=np.uint8)
    except PermissionError:
        raise ValueError("No permission to read it.") from None
    except UnidentifiedImageError:
        raise ValueError("Neither PNG nor JPEG.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        limit = Image.MAX_IMAGE_PIXELS
        raise ValueError(f"Larger than {limit} pixels when decoded.") from None
    except Exception as error:
        # Pillow raises whatever the damage leads to, and its messages may quote
        # the file: only their kind is kept.
        raise ValueError(f"Damaged ({type(error).__name__}).") from None


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    pixels = np.asarray(picture, dtype=np.float64)
    low, high = pixels.min(), pixels.max()
    scaled = (pixels - low) * (255 / (high - low) if high > low else 0)
    return Image.fromarray(scaled.round().astype(np.uint8))
