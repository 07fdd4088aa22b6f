"""One run at a time writes to a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_PATIENCE = 5.0  # seconds: a process that was killed takes a moment to end


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


@contextmanager
def alone(path: Path, patience: float | None = None) -> Iterator[bool]:
    """Say whether no other process is here, and keep others away meanwhile.

    Parameters
    ----------
    path : path
        Of a file for this alone, which is removed at the end.
    patience : float or None
        Seconds to wait for another process; None is as long as one takes to end.

    Yields
    ------
    bool
        Also true where the file system has no locks.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=_PATIENCE if patience is None else patience)
    except Timeout:
        yield False
        return
    except (OSError, NotImplementedError):
        pass
    try:
        yield True
    finally:
        if lock.is_locked:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            lock.release()


@contextmanager
def to_the_last(path: Path) -> Iterator[None]:
    """Wait for a lock, and remove its file at the end: what it is for goes, too."""
    with FileLock(path):
        yield
    path.unlink(missing_ok=True)
