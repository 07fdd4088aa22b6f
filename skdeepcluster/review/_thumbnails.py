"""Images as small pictures of equal size."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer


def as_pictures(estimator: DeepClusterCategorizer, X: ArrayLike) -> NDArray[Any]:
    """Images as an estimator takes them, with height, width and channels.

    Raises
    ------
    ValueError
        If it was fitted on feature vectors.
    """
    check_is_fitted(estimator)
    if len(estimator.image_shape_) != 3:
        raise ValueError(
            f"{type(estimator).__name__} was fitted on rows of "
            f"{estimator.image_shape_[0]} features, which cannot be shown; if the rows "
            "are images, fit it with image_shape=(height, width)."
        )
    rows = np.asanyarray(X)
    return rows.reshape(len(rows), *estimator.image_shape_)


_N_COLUMNS = 12  # of the page's sheets
_NIGHT = 10  # grey around pictures, as in the page's style
_IMAGES, _PIXELS = 500, 64  # images, and pixels of a side, that a range is taken from


class GreyRange(NamedTuple):
    """The pixel values that are shown as black and as white."""

    low: float
    high: float

    @classmethod
    def of(cls, pixels: NDArray[Any]) -> GreyRange:
        """From the darkest to the brightest percent."""
        low, high = np.percentile(pixels.astype(np.float64), (1, 99))
        return cls(float(low), float(high))

    @classmethod
    def of_some(cls, images: NDArray[Any], rows: NDArray[np.intp]) -> GreyRange:
        """From some pixels of some of these images, at most 2 million."""
        some = np.sort(rows)[:: -(-len(rows) // _IMAGES)]
        step = -(-max(images.shape[1:3]) // _PIXELS)
        return cls.of(np.stack([images[row, ::step, ::step] for row in some]))


def thumbnail(image: NDArray[Any], size: int, shown: GreyRange) -> Image.Image:
    """An image scaled to fit a square, with its aspect ratio kept.

    Parameters
    ----------
    image : ndarray of shape (height, width), (height, width, 1) or (height, width, 3)
        Any real dtype.
    size : int
        Pixels of the longer side.
    shown : GreyRange
        The pixel values shown as black and as white.

    Returns
    -------
    PIL.Image.Image
        Of 8 bits, grey or RGB.
    """
    low, high = shown
    scaled = (image.astype(np.float64) - low) / (high - low if high > low else 1)
    pixels = (np.clip(scaled, 0, 1) * 255).astype(np.uint8)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    picture = Image.fromarray(pixels)
    zoom = size / max(picture.size)
    width, height = (max(1, round(side * zoom)) for side in picture.size)
    smooth = Image.Resampling.NEAREST if zoom > 2 else Image.Resampling.BILINEAR
    return picture.resize((width, height), smooth)


def sheet(
    images: NDArray[Any], rows: list[NDArray[np.intp]], n_columns: int, tile: int
) -> NDArray[np.uint8]:
    """Rows of images in white squares.

    Parameters
    ----------
    images : ndarray of shape (n, height, width) or (n, height, width, channels)
        May be a memory map; only what is shown is read.
    rows : list of ndarray of int
        The images of each row, at most `n_columns`.
    n_columns : int
        Squares in a row.
    tile : int
        Pixels of a square's side.

    Returns
    -------
    ndarray of shape (len(rows) * tile, n_columns * tile, 3), uint8
    """
    shown = GreyRange.of_some(images, np.concatenate(rows))
    paper = Image.new("RGB", (n_columns * tile, len(rows) * tile), "white")
    for row, members in enumerate(rows):
        for column, member in enumerate(members):
            picture = thumbnail(images[member], tile - 2, shown)
            left = column * tile + (tile - picture.width) // 2
            top = row * tile + (tile - picture.height) // 2
            paper.paste(picture, (left, top))
    return np.asarray(paper)


def jpeg_sheet(
    images: NDArray[Any], rows: NDArray[np.intp], tile: int, shown: GreyRange
) -> bytes:
    """Thumbnails side by side, as a JPEG picture; its blocks divide tiles evenly."""
    n_columns = max(1, min(_N_COLUMNS, len(rows)))  # there may be no find
    n_rows = max(1, -(-len(rows) // n_columns))
    grey = images.ndim == 3 or images.shape[3] == 1
    paper = Image.new(
        "L" if grey else "RGB",
        (n_columns * tile, n_rows * tile),
        _NIGHT if grey else (_NIGHT, _NIGHT, _NIGHT),
    )
    for place, row in enumerate(rows):
        picture = thumbnail(images[row], tile, shown)
        line, column = divmod(place, n_columns)
        left = column * tile + (tile - picture.width) // 2
        top = line * tile + (tile - picture.height) // 2
        paper.paste(picture, (left, top))
    file = BytesIO()
    paper.save(file, "JPEG", quality=80)
    return file.getvalue()
