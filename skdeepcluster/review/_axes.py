"""Where a display draws, and writes."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.axes import Axes


def given_or_new(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes that were given, or new ones of so many inches."""
    if ax is None:
        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    return ax


def as_written(name: object) -> str:
    """A name as it is: between two dollar signs Matplotlib would see a formula."""
    return str(name).replace("$", r"\$")
