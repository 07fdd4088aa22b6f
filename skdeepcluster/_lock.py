"""One run at a time writes to a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Have a folder alone; it is made if need be.

    The system takes the lock away when the process ends, whatever ends it, on all file
    systems that have locks.

    Raises
    ------
    ValueError
        If another run writes to the folder.
    OSError
        If it cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        held = FileLock(folder / ".lock").acquire(timeout=0)
    except Timeout:
        raise ValueError(
            f"Another run is writing to {folder}: wait for it, or give another folder."
        ) from None
    with held:
        yield
