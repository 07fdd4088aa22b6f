"""What Ctrl-C and SIGTERM do to a command."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skdeepcluster._interruption import TERMINATED, current


@contextmanager
def terminable() -> Iterator[None]:
    """Make SIGTERM end a command soon, and keep what was learnt in a checkpoint.

    During training, `fit` writes the checkpoint after the next step; elsewhere the
    command ends at once. A half-written file never replaces another.

    Raises
    ------
    SystemExit
        With the exit code of what SIGTERM has ended.
    """
    current.begin(kept=[])
    try:
        with handled(signal.SIGTERM, _terminate):
            yield
    finally:
        current.begin(kept=None)


def _terminate(*_: Any) -> None:
    current.terminated = True
    if not current.is_training:
        raise SystemExit(TERMINATED)


class StopWhenInterrupted:
    """Ctrl-C ends learning after the epoch and writes results; twice, ends at once.

    Attributes
    ----------
    asked : bool
        Whether it was pressed.
    flag : path or None
        A file that is made then, for other processes to see.
    """

    asked = False
    flag: Path | None = None

    def setup(self, estimator: Any, context: Any) -> None:
        self._handled = handled(signal.SIGINT, self.ask)
        self._handled.__enter__()

    def teardown(self, estimator: Any, context: Any) -> None:
        self._handled.__exit__(None, None, None)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        return self.asked

    def ask(self, *_: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        if self.flag is not None:
            self.flag.touch()
        print(
            "\nStopping after this epoch, to write what was learnt; the same command "
            "continues from there. Press Ctrl-C again to quit at once.",
            file=sys.stderr,
        )


@contextmanager
def handled(number: int, handler: Any) -> Iterator[None]:
    """Handle a signal, if possible: only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before or signal.SIG_DFL)
