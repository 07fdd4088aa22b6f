"""How files become images, as parameters: of `archive`, and of a saved model."""

from __future__ import annotations

import contextlib
from typing import Any, Literal, NamedTuple

import numpy as np

Frames = Literal["first", "all", "middle"]
Window = Literal["series", "image"] | tuple[float, float] | None


class Options(NamedTuple):
    """As of `load_archive`."""

    image_size: int | None
    """None until it is known, where it follows from the images."""
    channels: int | None
    """None until it is known, where it follows from the images."""
    frames: Frames
    window: Window


def check_options(image_size: Any, channels: Any, frames: Any, window: Any) -> Options:
    """Raise ValueError unless they are what `load_archive` takes.

    Parameters
    ----------
    image_size, channels, frames, window : Any
        As of `load_archive`.

    Returns
    -------
    Options
        As Python's own types.
    """
    size = _image_size(image_size)
    is_auto = isinstance(channels, str) and channels == "auto"
    if not is_auto and (type(channels) is not int or channels not in (1, 3)):
        raise ValueError(f"channels={channels!r} is none of 1, 3 and 'auto'.")
    known = isinstance(frames, str) and frames in ("first", "all", "middle")
    if not known:
        raise ValueError(f"frames={frames!r} is none of 'first', 'all', 'middle'.")
    return Options(size, None if is_auto else channels, frames, _window(window))


def _image_size(image_size: Any) -> int | None:
    if isinstance(image_size, str) and image_size == "auto":
        return None
    whole = isinstance(image_size, int | np.integer)
    if not whole or not 8 <= image_size <= 4096:
        raise ValueError(
            f"image_size={image_size!r} is neither 'auto' nor a whole number of pixels "
            "from 8 to 4096."
        )
    return int(image_size)


def _window(window: Any) -> Window:
    if window is None:
        return None
    if isinstance(window, str) and window in ("series", "image"):
        return "series" if window == "series" else "image"
    low, high = np.nan, np.nan
    if isinstance(window, tuple | list | np.ndarray):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            low, high = (_number(value) for value in window)
    if not -np.inf < low < high < np.inf:
        raise ValueError(
            f"window={window!r} is none of 'series', 'image', None and (low, high) "
            "with low < high."
        )
    return low, high


def _number(value: Any) -> float:
    """As a float; ValueError for text and truth values, which float would take."""
    if isinstance(value, str | bytes | bool | np.bool_):
        raise ValueError
    return float(value)
