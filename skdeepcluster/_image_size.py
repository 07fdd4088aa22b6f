"""The size at which images are read and seen: what `image_size="auto"` means.

A network sees images of 96 pixels or more at 64 pixels, and smaller ones at 32. Files
are read at twice that size, at which a person sees more too. So the network sees the
same whether it gets images as they were read or at the files' own size.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable

_DETAILED = 96  # pixels of the longer side


def seen_at(height: int, width: int) -> int:
    """Height and width in pixels at which a network sees images of that size."""
    return 64 if max(height, width) >= _DETAILED else 32


def read_at(longer_sides: Iterable[int]) -> int:
    """Height and width in pixels at which files are read, by the median of theirs."""
    sides = list(longer_sides)
    side = statistics.median_low(sides) if sides else 0
    return 2 * seen_at(side, side)
