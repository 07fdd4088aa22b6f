"""Fits that want the same cores take turns."""

from __future__ import annotations

import getpass
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from skdeepcluster._interruption import current

_SECONDS = 1.0  # of a turn
_PATIENCE = 10.0  # seconds, after which a fit learns beside one that hands nothing over
_ALONE = 60.0  # seconds that it then learns before it waits again
_POLLED = 0.005  # seconds


class TakeTurns:
    """Fits of one user on the same cores of a machine learn one at a time.

    Where two fits at once have more threads than there are cores, each layer waits for
    a thread that is not running, and both take many times as long. One at a time, they
    take the sum of what each takes alone, and the bits stay what they are with all
    threads. A turn is handed over between two steps.

    Nothing is shared where the user has shared out cores (``OMP_NUM_THREADS``), between
    other sets of cores, or on a GPU.

    Parameters
    ----------
    is_shared_out : bool or None
        Whether the user has; None looks for the variable.
    """

    def __init__(self, is_shared_out: bool | None = None) -> None:
        self._is_shared_out = is_shared_out

    def setup(self, estimator: Any, context: Any) -> None:
        from skdeepcluster._engine.runtime import resolve_device

        self._held: FileLock | None = None
        folder = _folder()
        on_cpu = resolve_device(estimator.device).type == "cpu"
        is_shared_out = self._is_shared_out
        if is_shared_out is None:
            is_shared_out = "OMP_NUM_THREADS" in os.environ
        if folder is None or not on_cpu or is_shared_out:
            return
        # Who waits holds `next`, so that a fit that has had its turn comes after.
        self._next, self._turn = (
            FileLock(folder / f"{name}-{_cores()}") for name in ("next", "turn")
        )
        self._take()
        current.between_steps = self._hand_over

    def teardown(self, estimator: Any, context: Any) -> None:
        current.between_steps = None
        self._give()

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...

    def on_fit_task_end(self, estimator: Any, context: Any) -> None: ...

    def _hand_over(self) -> None:
        """Let another fit learn, if one waits and this one has had its turn."""
        if time.monotonic() - self._since > _SECONDS:
            self._give()
            self._take()

    def _take(self) -> None:
        start = time.monotonic()
        with suppress(OSError):  # of a disk or of rights: no reason not to learn
            if _acquired(self._next, start):
                try:
                    if _acquired(self._turn, start):
                        self._held = self._turn
                finally:
                    self._next.release()
        self._since = time.monotonic() + (0 if self._held is not None else _ALONE)

    def _give(self) -> None:
        if self._held is not None:
            self._held.release()
            self._held = None


def _acquired(lock: FileLock, start: float) -> bool:
    """Whether a lock could be had while there was patience, and no SIGTERM came."""
    while not current.terminated and time.monotonic() - start < _PATIENCE:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            time.sleep(_POLLED)
        else:
            return True
    return False


def _cores() -> str:
    """The cores that threads may run on, as part of a file's name."""
    if not hasattr(os, "sched_getaffinity"):
        return "all"
    mask = sum(1 << core for core in os.sched_getaffinity(0))
    return f"{mask:x}"[-200:]


def _folder() -> Path | None:
    """A temporary folder that is the user's own; None where there is none."""
    try:
        folder = Path(tempfile.gettempdir(), f"skdeepcluster-{getpass.getuser()}")
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except (OSError, KeyError):  # KeyError: of a user without a name
        return None
    is_own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return folder if is_own and folder.is_dir() and not folder.is_symlink() else None
