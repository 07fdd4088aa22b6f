"""From the values of an image to a small square of them, and to 8 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PERCENTILES = (0.5, 99.5)
_LARGEST = 1e37  # sums of larger float32 values are infinite
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def to_square(values: NDArray[Any], size: int, channels: int) -> NDArray[np.float32]:
    """Scale an image into a square, its aspect kept, padded with its lowest value.

    Parameters
    ----------
    values : ndarray of shape (h, w) or (h, w, 3)
        Any real dtype; what is not finite, or beyond 1e37, becomes the lowest other
        value.
    size : int
        Height and width of the result in pixels.
    channels : {1, 3}
        1 makes colour grey (ITU-R BT.601), 3 repeats grey.

    Returns
    -------
    ndarray of shape (size, size) or (size, size, 3), float32
    """
    image = np.asarray(values, np.float32)
    if values.dtype.kind == "f":
        sound = np.abs(image) < _LARGEST  # what is not a number is not
        if not sound.all():
            image = np.where(sound, image, image[sound].min() if sound.any() else 0)
    if image.ndim == 3 and channels == 1:
        image = image @ _LUMA
    _, _, height, width = place_of(image.shape[0], image.shape[1], size)
    inside = inner(image.shape[0], image.shape[1], size)
    planes = [image] if image.ndim == 2 else list(np.moveaxis(image, 2, 0))
    square = np.full((len(planes), size, size), image.min(), np.float32)
    for plane, target in zip(planes, square, strict=True):
        scaled = Image.fromarray(np.ascontiguousarray(plane)).resize(
            (width, height), Image.Resampling.BILINEAR, reducing_gap=3.0
        )
        target[inside] = np.asarray(scaled)
    if channels == 1:
        return square[0]
    return np.stack([square[0]] * 3 if len(planes) == 1 else list(square), axis=-1)


def place_of(height: int, width: int, size: int) -> tuple[int, int, int, int]:
    """Top, left, height and width of an image in its square.

    Parameters
    ----------
    height, width, size : int
        Of the image as it was, and of the square, in pixels.

    Returns
    -------
    tuple of four int
    """
    scale = size / max(height, width)
    inner = max(1, round(height * scale)), max(1, round(width * scale))
    return (size - inner[0]) // 2, (size - inner[1]) // 2, *inner


def inner(height: int, width: int, size: int) -> tuple[slice, slice]:
    """The rows and columns of a square that are not padding.

    Parameters
    ----------
    height, width, size : int
        Of the image as it was, and of the square, in pixels.

    Returns
    -------
    tuple of two slice
    """
    top, left, height, width = place_of(height, width, size)
    return slice(top, top + height), slice(left, left + width)


def limits(values: NDArray[np.float32]) -> tuple[float, float]:
    """The grey values that become black and white: percentiles 0.5 and 99.5.

    Parameters
    ----------
    values : ndarray
        Without padding.

    Returns
    -------
    low, high : float
        The smallest and the largest value where the percentiles are equal.
    """
    low, high = np.percentile(values, PERCENTILES)
    if not low < high:
        low, high = values.min(), values.max()
    return float(low), float(high)


def to_eight_bits(
    square: NDArray[np.float32], low: float, high: float
) -> NDArray[np.uint8]:
    """From black at `low` to white at `high`.

    Parameters
    ----------
    square : ndarray
        Any shape.
    low, high : float
        If equal, all is black.

    Returns
    -------
    ndarray of the same shape, uint8
    """
    if not low < high:
        return np.zeros(square.shape, np.uint8)
    scaled = (square.astype(np.float64) - low) * (255 / (high - low))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def with_window(
    square: NDArray[np.float32], inside: tuple[slice, slice], low: float, high: float
) -> NDArray[np.uint8]:
    """A square of 8 bits, its padding black.

    Parameters
    ----------
    square : ndarray
        As of `to_square`.
    inside : tuple of two slice
        As of `inner`.
    low, high : float
        As of `to_eight_bits`.

    Returns
    -------
    ndarray of the same shape, uint8
    """
    image = np.zeros(square.shape, np.uint8)
    image[inside] = to_eight_bits(square[inside], low, high)
    return image
