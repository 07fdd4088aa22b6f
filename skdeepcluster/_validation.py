"""Check images and reshape them to rows, or say how to fix them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skdeepcluster._pixels import first_unusable, pixel_statistics

_ACCEPTED = (
    "X takes images of shape (n, height, width) or (n, height, width, channels) with "
    "1 or 3 channels, or flat rows of shape (n, n_features)"
)
MAX_SIDE = 4096
"""Pixels of the longest side of the images that a network sees."""

_SCALE_SAMPLE = 256
_MANY = 10  # images whose spread says something


def fold(
    X: ArrayLike, image_shape: tuple[int, ...] | None
) -> tuple[Any, tuple[int, ...] | None]:
    """X as rows, and the (height, width, channels) of its images.

    Parameters
    ----------
    X : array-like
        What the user passed.
    image_shape : tuple of int or None
        Shape of an image where rows are images.

    Returns
    -------
    rows : array-like of shape (n, n_features)
        A view if X is an array; X with fewer than 3 dimensions is returned as it is,
        for scikit-learn's own validation.
    shape : tuple of three int or None
        None for feature vectors.

    Raises
    ------
    ValueError
        If X has another number of dimensions, the channels stand elsewhere, an
        image has no pixels, values are masked, or `image_shape` does not fit.
    """
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError(
            "X is a masked array with masked values, and a network needs a value for "
            "every pixel; fill them, for example with X.filled(0)."
        )
    expected = _normal_shape(image_shape) if image_shape is not None else None
    if not hasattr(X, "shape"):
        try:
            X = np.asarray(X)
        except ValueError as error:
            raise ValueError(
                f"{_ACCEPTED}, all images of one size. Got a sequence whose items "
                f"differ in size; resize or pad them first. ({error})"
            ) from error
    given: tuple[int, ...] = tuple(X.shape)
    if len(given) < 3:
        if expected is not None and len(given) == 2 and given[1] != math.prod(expected):
            raise ValueError(
                f"image_shape={image_shape} has {math.prod(expected)} pixel values, "
                f"but the rows of X have {given[1]}; give the shape that they were "
                "flattened from."
            )
        return X, expected
    if 0 in given[1:]:
        raise ValueError(f"{_ACCEPTED}. Got shape {given}: its images have no pixels.")
    if len(given) == 4 and given[3] not in (1, 3) and given[1] in (1, 3):
        raise ValueError(
            f"{_ACCEPTED}. Got shape {given}, which has its channels on axis 1: move "
            "them to the end with np.moveaxis(X, 1, -1)."
        )
    if len(given) > 4 or (len(given) == 4 and given[3] not in (1, 3)):
        raise ValueError(
            f"{_ACCEPTED}. Got shape {given}; pass each slice of a volume, or frame "
            "of a film, as a separate image."
        )
    shape = _normal_shape(given[1:])
    if expected is not None and shape != expected:
        raise ValueError(
            f"image_shape={image_shape}, but X has images of shape {given[1:]}; leave "
            "out image_shape, or pass flat rows."
        )
    rows = np.asarray(X)
    return rows.reshape(len(rows), math.prod(shape)), shape


def _normal_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    whole = all(isinstance(side, int | np.integer) and side > 0 for side in shape)
    if (
        len(shape) not in (2, 3)
        or not whole
        or (len(shape) == 3 and shape[2] not in (1, 3))
    ):
        raise ValueError(
            "image_shape must be (height, width) or (height, width, channels), with 1 "
            f"or 3 channels and at least one pixel. Got {shape!r} instead."
        )
    height, width, channels = (*shape, 1)[:3]
    return int(height), int(width), int(channels)


def check_sides(shape: tuple[int, ...]) -> None:
    """Raise ValueError if images are too large to keep their size."""
    if len(shape) == 3 and max(shape[:2]) > MAX_SIDE:
        raise ValueError(
            f"X has images of {shape[0]} × {shape[1]} pixels, and image_size=None "
            f"keeps their size, which may be at most {MAX_SIDE:,} a side; set "
            "image_size, for example to 64."
        )


def check_finite(rows: NDArray[Any]) -> None:
    """Raise ValueError that names the first image with a pixel torch cannot take."""
    found = first_unusable(rows)
    if found is None:
        return
    image, value = found
    if math.isfinite(value):
        problem = f"{value:g}, beyond the range of float32 (inf there)"
        remedy = "scale the pixels, or clip them with np.clip"
    else:
        problem = "NaN" if math.isnan(value) else "inf"
        remedy = "replace such pixels, with np.nan_to_num, or leave out these images"
    raise ValueError(f"X contains {problem}, first in image {image}; {remedy}.")


def on_another_scale(
    rows: NDArray[Any],
    shape: tuple[int, ...],
    mean: NDArray[np.float64],
    std: NDArray[np.float64],
) -> bool:
    """Whether pixels are far from those that a set was standardised with.

    For example, [0, 1] after a fit on 0 to 255. Judged on some of the images; blank
    ones are never far.
    """
    sample = rows[:: max(1, len(rows) // _SCALE_SAMPLE)]
    found_mean, found_std = pixel_statistics(sample, shape)
    usable = (std > 0) & (found_std > 0)
    if not usable.any():
        return False
    spread = float(np.median(found_std[usable] / std[usable]))
    shift = float(np.median(np.abs(found_mean - mean)[usable] / std[usable]))
    # Some images may be much alike, but not all are; if few, they may be darker, too.
    level = float(np.median(np.abs(found_mean)[usable] / (np.abs(mean) + std)[usable]))
    is_smaller = spread < 0.02 and (len(rows) >= _MANY or level < 0.05)
    return is_smaller or spread > 50 or shift > 10
