"""Where pixels live: rows of an array or a memory map, as batches on the device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

_BLOCK = 2**22  # pixels read at a time when the whole set is walked


class Images:
    """A set of images, or of feature vectors, standardised batch by batch.

    The array itself is never copied as a whole: it may be a memory map larger than
    memory.

    Parameters
    ----------
    rows : array of shape (n, n_pixels)
        Any real dtype.
    shape : (height, width, channels) or (n_features,)
        What a row is. Feature vectors enter the network as pictures of one row.
    size : (int, int)
        Height and width at which images enter the network.
    standardize : {"image", "dataset", None}
        What mean and spread are taken from before the network sees the pixels:
        each image by itself, the whole set, or nothing.
    mean, std : arrays of shape (channels,) or (n_features,), or None
        The set's, where the set is standardised.
    device : torch.device
        Where batches go.
    """

    def __init__(
        self,
        rows: NDArray[Any],
        shape: tuple[int, ...],
        *,
        size: tuple[int, int],
        standardize: str | None,
        mean: NDArray[np.float64] | None = None,
        std: NDArray[np.float64] | None = None,
        device: torch.device,
    ) -> None:
        self.rows = rows
        self.is_pictures = len(shape) == 3
        self.size = size
        self.standardize = standardize
        self.device = device
        self._picture = shape if self.is_pictures else (1, shape[0], 1)
        if mean is not None and std is not None:
            # Pictures have one mean a channel, feature vectors one a column.
            stored = (1, 1, shape[-1]) if self.is_pictures else (1, shape[0], 1)
            self._mean = mean.reshape(stored)
            self._scale = _scale(mean, std).reshape(stored)
        # Wider integers and doubles lose digits in float32, so they are
        # standardised before they are narrowed.
        exact = np.can_cast(rows.dtype, np.float32, "safe")
        self._dtype = np.float32 if exact else np.float64

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, index: slice | NDArray[np.int64]) -> Tensor:
        """Standardised pixels of shape (n, channels, height, width), float32."""
        rows = self.rows[index].astype(self._dtype)
        height, width, channels = self._picture
        pixels: NDArray[Any] = rows.reshape(len(rows), height, width, channels)
        if self.standardize == "image":
            mean = pixels.mean((1, 2, 3), keepdims=True)
            std = pixels.std((1, 2, 3), keepdims=True)
            pixels = (pixels - mean) / _scale(mean, std)
        elif self.standardize == "dataset":
            pixels = (pixels - self._mean) / self._scale
        tensor = torch.from_numpy(pixels.astype(np.float32, copy=False))
        tensor = tensor.permute(0, 3, 1, 2).to(self.device)
        if tensor.shape[2:] != self.size:
            smaller = self.size[0] < height or self.size[1] < width
            tensor = F.interpolate(
                tensor, self.size, mode="bilinear", antialias=smaller
            )
        return tensor


def _scale(mean: NDArray[Any], std: NDArray[Any]) -> NDArray[Any]:
    """What to divide by: a blank image becomes zeros, not NaN or rounding noise."""
    blank = std <= 10 * np.finfo(std.dtype).eps * np.abs(mean)
    return np.where(blank, std.dtype.type(1), std)


def _blocks(rows: NDArray[Any]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    step = max(1, _BLOCK // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        yield start, rows[start : start + step].astype(np.float64)


def pixel_statistics(
    rows: NDArray[Any], shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation over the set, a value a channel (or a feature).

    Blocks are merged as in Chan, Golub & LeVeque (1983), "Algorithms for computing
    the sample variance".
    """
    channels = shape[-1]
    count, mean, spread = 0, np.zeros(channels), np.zeros(channels)
    for _, block in _blocks(rows):
        values = block.reshape(-1, channels)
        more, block_mean = len(values), values.mean(0)
        delta = block_mean - mean
        spread += values.var(0) * more + delta**2 * count * more / (count + more)
        mean += delta * more / (count + more)
        count += more
    return mean, np.sqrt(spread / count)


def first_unusable(rows: NDArray[Any]) -> tuple[int, float] | None:
    """Row and value of the first pixel that is not a finite float32, or None."""
    if rows.dtype.kind in "biu":
        return None
    for start, block in _blocks(rows):
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(block.astype(np.float32))
        if bad.any():
            row, column = np.argwhere(bad)[0]
            return start + int(row), float(block[row, column])
    return None
