"""What is made of files, as parameters."""

from __future__ import annotations

import contextlib
from typing import Any, NamedTuple

import numpy as np

from skdeepcluster.archive._choice import Frames
from skdeepcluster.archive._pixels import Window

_MIN_MEMORY = 0.25  # GiB; without a file a worker has 0.17
_MAX_MEMORY = 2**20
_MAX_SECONDS = 10**6


class Limits(NamedTuple):
    """What a file may take."""

    timeout: float = 30
    """Seconds of the clock, and of the processor."""
    max_memory: float = 4
    """GiB of the address space of the process that reads it."""


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
    if not is_auto and (not isinstance(channels, int) or channels not in (1, 3)):
        raise ValueError(f"channels={channels!r} is none of 1, 3 and 'auto'.")
    known = isinstance(frames, str) and frames in ("first", "all", "middle")
    if not known:
        raise ValueError(f"frames={frames!r} is none of 'first', 'all', 'middle'.")
    return Options(size, None if is_auto else channels, frames, _window(window))


def check_limits(timeout: Any, max_memory: Any) -> Limits:
    """Raise ValueError unless they are what `load_archive` takes.

    Parameters
    ----------
    timeout, max_memory : Any
        As of `load_archive`.

    Returns
    -------
    Limits
        As Python's own types.
    """
    if not (_is_real(timeout) and 0 < timeout <= _MAX_SECONDS):
        raise ValueError(
            f"timeout={timeout!r} is not a number of seconds above 0, at most "
            f"{_MAX_SECONDS:,}; 30 is the default."
        )
    if not (_is_real(max_memory) and _MIN_MEMORY <= max_memory <= _MAX_MEMORY):
        raise ValueError(
            f"max_memory={max_memory!r} is not a number of GiB from {_MIN_MEMORY} to "
            f"{_MAX_MEMORY:,}; 4 is the default."
        )
    return Limits(float(timeout), float(max_memory))


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating)


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
            low, high = (float(value) for value in window)
    if not -np.inf < low < high < np.inf:
        raise ValueError(
            f"window={window!r} is none of 'series', 'image', None and (low, high) "
            "with low < high."
        )
    return low, high
