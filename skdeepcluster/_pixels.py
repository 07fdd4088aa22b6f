"""Statistics of all pixels of a set, which may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 2**22  # pixels read at a time


def pixel_statistics(
    rows: NDArray[Any], shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation over the set, per channel (or feature).

    Blocks are merged as in Chan, Golub & LeVeque (1983), "Algorithms for computing
    the sample variance". scikit-learn's StandardScaler may find a constant channel's
    variance to be less than zero, and takes five times as long for a single image.
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


def _blocks(rows: NDArray[Any]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Some rows at a time as float64, and the number of the first."""
    step = max(1, _BLOCK // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        yield start, rows[start : start + step].astype(np.float64)
