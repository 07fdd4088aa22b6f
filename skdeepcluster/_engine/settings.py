"""What a network that was trained elsewhere asks of its images."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple


class Settings(NamedTuple):
    """The configuration of a network, by the library that has it."""

    size: tuple[int, int]
    """Height and width in pixels."""
    channels: int
    mean: tuple[float, ...]
    """Of the pixels that it was trained on, from 0 (black) to 1 (white)."""
    std: tuple[float, ...]
    library: str
    """Name and version."""
    licence: str | None
    """Of the weights with that name, where the library knows it."""


def unknown(library: str, name: str, names: Iterable[str]) -> ValueError:
    """The error for a network that a library does not have, with the nearest names."""
    near = difflib.get_close_matches(name, list(names), 3, 0)
    return ValueError(
        f"backbone='{library}:{name}': {library} has no such network; the nearest "
        f"names are {', '.join(near)}."
    )
