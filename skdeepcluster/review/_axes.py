"""Where a display draws, and writes."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.axes import Axes


def given_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """The given axes, or new ones of this size in inches."""
    if ax is None:
        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    return ax


def as_written(name: object) -> str:
    """Escape a name: Matplotlib reads text between two dollar signs as a formula."""
    return str(name).replace("$", r"\$")
