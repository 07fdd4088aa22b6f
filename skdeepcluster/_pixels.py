"""What all pixels of a set are like; the set may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

_BLOCK = 2**22  # pixels read at a time


def pixel_statistics(
    rows: NDArray[Any], shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation over the set, a value a channel (or a feature)."""
    scaler = StandardScaler()
    for _, block in _blocks(rows):
        scaler.partial_fit(block.reshape(-1, shape[-1]))
    return scaler.mean_, np.sqrt(scaler.var_)


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
