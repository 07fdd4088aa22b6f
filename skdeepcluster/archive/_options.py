"""What reading a file may take, as parameters."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

_MIN_MEMORY = 0.25  # GiB; without a file a worker has 0.17
_MAX_MEMORY = 2**20
_MAX_SECONDS = 10**6


class Limits(NamedTuple):
    """What a file may take."""

    timeout: float = 30
    """Seconds of the clock, and of the processor."""
    max_memory: float = 4
    """GiB of the address space of the process that reads it."""


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
