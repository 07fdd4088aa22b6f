"""DICOM: from stored pixels to the modality's own units, or to colours."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut

from skdeepcluster.archive._dicom_elements import (
    TAGS,
    Groups,
    binary_number,
    first,
    number,
)


def values_of(
    stored: NDArray[Any],
    found: dict[str, Any],
    data: Dataset,
    groups: Groups,
    frame: int,
) -> NDArray[Any]:
    """White where values are high; `found` is what the decoder found them to be."""
    if found["photometric_interpretation"] == "PALETTE COLOR":
        colour = apply_color_lut(stored, data)
        return _to_255(colour, _palette_bits(data, colour.dtype))
    if stored.ndim == 3:
        return _to_255(stored, int(found["bits_stored"]))
    to_units = functools.partial(_to_units, data, groups, frame)
    values = to_units(stored)
    if found["photometric_interpretation"] == "MONOCHROME1":
        ends = to_units(_stored_range(stored.dtype, found))
        values = float(ends.sum()) - values
    padding = binary_number(data, "PixelPaddingValue")
    if padding is not None:
        padded = stored == _as_stored(padding, stored.dtype)
        if padded.any() and not padded.all():
            values = np.where(padded, values[~padded].min(), values)
    return values


def _as_stored(padding: float, dtype: np.dtype[Any]) -> float:
    """The same bits; headers give it with a sign where pixels have none, or without."""
    if dtype.kind not in "iu":
        return padding
    bits = 8 * dtype.itemsize
    value = int(padding) % 2**bits
    return value - 2**bits if dtype.kind == "i" and value >= 2 ** (bits - 1) else value


def _palette_bits(data: Dataset, dtype: np.dtype[Any]) -> int:
    """Bits of the colours of a palette; some writers put 8 into entries of 16."""
    bits = 8 * dtype.itemsize
    if bits == 8:
        return bits
    length, start, _ = data[TAGS["RedPaletteColorLookupTableDescriptor"]].value
    every = start + np.arange(length or 2**16)  # 0 is what 65,536 is written as
    return 8 if apply_color_lut(every, data).max() < 2**8 else bits


def _to_255(colour: NDArray[Any], bits: int) -> NDArray[Any]:
    """Colour between 0 and 255, whatever its bits."""
    return colour if bits == 8 else colour * np.float32(255 / (2**bits - 1))


def _to_units(
    data: Dataset, groups: Groups, frame: int, stored: NDArray[Any]
) -> NDArray[Any]:
    """The modality's table or line (PS3.3, C.11.1)."""
    if TAGS["ModalityLUTSequence"] in data:
        return apply_modality_lut(stored, data)
    slope, intercept = _rescale(data, groups, frame)
    if slope == 1 and intercept == 0:
        return stored
    exact = np.float32 if stored.dtype.itemsize < 4 else np.float64
    return stored * exact(slope) + exact(intercept)


def _rescale(data: Dataset, groups: Groups, frame: int) -> tuple[float, float]:
    for group in (groups.own(frame), groups.shared):
        line = first(group, "PixelValueTransformationSequence")
        slope = number(line, "RescaleSlope")
        if slope is not None:
            return slope or 1.0, number(line, "RescaleIntercept") or 0.0
    # A slope of 0, which some writers mean for none, would leave no image.
    slope = number(data, "RescaleSlope") or 1.0
    return slope, number(data, "RescaleIntercept") or 0.0


def _stored_range(dtype: np.dtype[Any], found: dict[str, Any]) -> NDArray[Any]:
    """The lowest and the highest value that the header has bits for."""
    if dtype.kind == "f":
        return np.zeros(2, dtype)
    bits = int(found["bits_stored"])
    low = -(2 ** (bits - 1)) if dtype.kind == "i" else 0
    return np.array([low, low + 2**bits - 1], dtype)
