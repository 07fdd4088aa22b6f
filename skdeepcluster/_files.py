"""Replacing a file whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write another file, which takes the place of `path` if nothing fails.

    A reader sees the old file or the new one, even after a power failure. If an error
    is raised, the old file stays, and no other is left beside it.

    Parameters
    ----------
    path : str or path
        The file to replace, which need not exist.

    Yields
    ------
    Path
        Where to write, in the same folder.

    Raises
    ------
    FileNotFoundError
        If there is no folder to write into.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {target.parent} to write into.")
    # With the number of the process, for two may write at once.
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.unfinished")
    try:
        yield unfinished
        _to_disk(unfinished)
        os.replace(unfinished, target)
        _to_disk(target.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power failure."""
    if path.is_dir() and os.name == "nt":  # no folder can be opened there
        return
    opened = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
