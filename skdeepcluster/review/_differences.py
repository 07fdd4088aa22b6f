"""How two images differ beyond brightness, in units of what compression does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdeepcluster.review._thumbnails import GreyRange

_Floats = NDArray[np.float32]

_SIDE = 8  # pixels of a block's side
# Quantisation steps of JPEG at quality 50 for luminance (ITU-T T.81, table K.1), of the
# lowest frequencies, row by row. Of higher ones, compression leaves nothing to compare.
_STEPS = (
    (16, 11, 10, 16, 24),
    (12, 12, 14, 19),
    (14, 13, 16),
    (14, 17),
    (18,),
)
_N_FITS = 3  # of the grey map, the first with all pixels
_LEAST_EXPLAINED = 0.5  # of the variance; less is explained in noise without an image
_LEAST_SPREAD = 1.0  # variance in grey levels; with less, an image is blank
_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def _basis() -> _Floats:
    """A column a frequency: its cosines, divided by its step, of shape (64, 15)."""
    places = (np.arange(_SIDE) + 0.5) * np.pi / _SIDE
    waves = np.cos(np.outer(np.arange(_SIDE), places)) * np.sqrt(2 / _SIDE)
    waves[0] /= np.sqrt(2)
    columns = [
        np.outer(waves[u], waves[v]).ravel() / step
        for u, steps in enumerate(_STEPS)
        for v, step in enumerate(steps)
    ]
    return np.stack(columns, axis=1).astype(np.float32)


_BASIS = _basis()


class GreyLevels:
    """Images in 8-bit grey: 8-bit ones as they are, others between black and white.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, 1 or 3)
        May be a memory map; of other types than uint8, some are read to find the range.
    """

    def __init__(self, images: NDArray[Any]) -> None:
        self.images = images
        self.low, self.scale = 0.0, 1.0
        if images.dtype != np.uint8:
            low, high = GreyRange.of_some(images, np.arange(len(images)))
            self.low = low
            self.scale = 255 / (high - low) if high > low else 1.0

    def of(self, rows: slice | NDArray[np.intp]) -> _Floats:
        """Some of the images, of shape (n, height, width)."""
        some = np.asarray(self.images[rows]).astype(np.float32)
        grey = some @ _LUMINANCE if some.shape[3] == 3 else some[..., 0]
        return (grey - self.low) * self.scale


def differences(ones: _Floats, others: _Floats) -> _Floats:
    """How much pairs of images differ beyond brightness and contrast.

    The grey values of one are mapped to those of the other by the best ``a x + b``
    with a > 0, clipped to its range, in the direction in which less remains. What
    remains is measured as JPEG does: in blocks of 8 × 8 pixels, by the 15 coefficients
    of lowest frequency of the discrete cosine transform, each divided by its
    quantisation step at quality 50. Recompression changes each by up to half a step,
    wherever in an image; what shows another moment or place differs by many steps in
    some block.

    Parameters
    ----------
    ones, others : ndarray of shape (n, height, width), float32
        In 8-bit grey levels, from 0 to 255.

    Returns
    -------
    ndarray of shape (n,), float32
        Root mean square, in steps, of the coefficients of the block that differs most;
        infinite for blank images, and where the map explains less than half of the
        variance.
    """
    # The original may be either; what is compressed or clipped cannot be mapped back.
    apart = np.minimum(_from(ones, others), _from(others, ones))
    spread = np.minimum(ones.var(axis=(1, 2)), others.var(axis=(1, 2)))
    return np.where(spread < _LEAST_SPREAD, np.float32(np.inf), apart)


def halved(images: _Floats) -> _Floats:
    """Means of 2 × 2 pixels; a last line or column that is odd is left out."""
    height, width = (side // 2 for side in images.shape[1:])
    even = images[:, : 2 * height, : 2 * width]
    return even.reshape(-1, height, 2, width, 2).mean(axis=(2, 4))


def _from(ones: _Floats, others: _Floats) -> _Floats:
    """The differences of others from ones, whose grey values are mapped."""
    n, height, width = ones.shape
    pixels = others.reshape(n, height * width)  # n may be 0
    residuals = pixels - _mapped(ones.reshape(pixels.shape), pixels)
    spread = pixels.var(axis=1)
    unexplained = np.square(residuals).mean(axis=1)
    worst = _in_steps(residuals.reshape(n, height, width)).max(axis=1)
    is_mapped = unexplained <= (1 - _LEAST_EXPLAINED) * spread
    return np.where(is_mapped, np.sqrt(worst), np.inf).astype(np.float32)


def _mapped(ones: _Floats, others: _Floats) -> _Floats:
    """The best ``a x + b`` of ones, clipped to the range of others."""
    low, high = others.min(1, keepdims=True), others.max(1, keepdims=True)
    middle = others.mean(1, keepdims=True)
    x, y = ones - ones.mean(1, keepdims=True), others - middle
    inside = np.ones_like(x)
    for _ in range(_N_FITS):
        kept = inside * x
        n = np.maximum(_sums(inside), 1)
        mean_x, mean_y = _sums(kept) / n, _sums(inside, y) / n
        power = _sums(kept, x) - n * mean_x**2
        shared = np.maximum(_sums(kept, y) - n * mean_x * mean_y, 0)  # no negatives
        slope = shared / np.where(power > 0, power, 1)
        mapped = slope * x + (mean_y - slope * mean_x + middle)
        inside = ((mapped > low) & (mapped < high)).astype(np.float32)
    return np.clip(mapped, low, high)


def _sums(values: _Floats, weights: _Floats | None = None) -> _Floats:
    """Of each row, weighted, as a column; einsum reads large arrays only once."""
    if weights is None:
        return np.einsum("ij->i", values)[:, None]
    return np.einsum("ij,ij->i", values, weights)[:, None]


def _in_steps(residuals: _Floats) -> _Floats:
    """Mean square in steps by image and block, of shape (n, n_blocks)."""
    n, height, width = residuals.shape
    missing = ((0, 0), (0, -height % _SIDE), (0, -width % _SIDE))
    padded = np.pad(residuals, missing, mode="edge")
    lines, columns = padded.shape[1] // _SIDE, padded.shape[2] // _SIDE
    blocks = padded.reshape(n, lines, _SIDE, columns, _SIDE).swapaxes(2, 3)
    steps = blocks.reshape(-1, _SIDE**2) @ _BASIS
    return np.square(steps).mean(axis=1).reshape(n, lines * columns)
