"""Work in processes that a hostile file may kill, or keep busy for ever."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from joblib import effective_n_jobs

from skdeepcluster.archive._file import Unreadable
from skdeepcluster.archive._options import Limits
from skdeepcluster.archive._worker import NO_MEMORY, NO_TIME, Order
from skdeepcluster.archive._workers import NOT_STARTED, WORKERS, Worker

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST = 60 if sys.platform == "win32" else 10_000  # Windows waits for no more at once

CRASHED = Unreadable("damaged", "Decoding it crashed, or took all memory.")


def in_parallel(
    task: Callable[[Item], Result],
    chunks: Iterable[list[Item]],
    n_jobs: int,
    limits: Limits,
) -> Generator[tuple[Item, Result | Unreadable]]:
    """What a task makes of each item, as it comes; with one process, in order.

    Parameters
    ----------
    task : callable
        Gives a result of one item, or raises Unreadable; importable, for it runs
        elsewhere.
    chunks : iterable of lists
        Items; a process is sent a list at once. Read only as far ahead as there are
        processes.
    n_jobs : int
        Processes, as of joblib.
    limits : Limits
        What an item may take.

    Yields
    ------
    item, result
        Unreadable of an item whose task raises it, kills its process, or takes more
        than `limits`. Whoever closes the generator before its end ends what is under
        way.

    Raises
    ------
    RuntimeError
        If no process can be started.
    Exception
        Anything else that the task raises.
    """
    n_jobs = min(effective_n_jobs(n_jobs), _MOST)
    waiting = iter(chunks)
    runs: dict[Connection[Any, Any], _Run[Item]] = {}
    try:
        while True:
            while len(runs) < n_jobs and (chunk := next(waiting, None)) is not None:
                worker = WORKERS.take()
                runs[worker.connection] = _Run(worker, Order(task, chunk, limits))
            if not runs:
                return
            for run in _next(runs):
                outcome = run.outcome()
                if run.has_ended or not run.left:
                    del runs[run.worker.connection]
                    if not run.has_ended:
                        WORKERS.keep(run.worker)
                    elif run.left:
                        new = run.in_a_new_worker()
                        runs[new.worker.connection] = new
                if outcome is not None:
                    yield outcome
    finally:
        for run in runs.values():
            run.worker.end()


class _Run(Generic[Item]):
    """A worker and its order."""

    def __init__(self, worker: Worker, order: Order) -> None:
        self.worker, self._order = worker, order
        self.left: deque[Item] = deque(order.items)
        self.has_ended = False
        self.deadline = math.inf  # a new one may have to import the readers first
        if worker.is_ready:
            self._start_the_clock()
        with contextlib.suppress(OSError):  # one that was kept may just have ended
            worker.connection.send(order)

    def _start_the_clock(self) -> None:
        # Also late, if whoever waits was busy: a file gets more time then, not less.
        self.deadline = time.monotonic() + self._order.limits.timeout

    def outcome(self) -> tuple[Item, Any] | None:
        """An item, and what has become of it; None if that is not known yet."""
        worker = self.worker
        try:
            if not worker.connection.poll():
                self._end()
                return self.left.popleft(), _too_slow(self._order.limits)
            answer = worker.connection.recv()
        except (EOFError, OSError):
            return self._of_ended(self._end())
        self._start_the_clock()
        if not worker.is_ready and answer is True:
            worker.is_ready = True
            return None
        place = len(self._order.items) - len(self.left)
        if not worker.is_ready or answer is True or answer[0] != place:
            self._end()  # whatever it has answered, a new worker will begin here
            return None
        worker.is_new = False
        _, result, error = answer
        if error is not None and not isinstance(error, Unreadable):
            raise error
        return self.left.popleft(), error or result

    def _end(self) -> int:
        self.has_ended = True
        return self.worker.end()

    def _of_ended(self, code: int) -> tuple[Item, Any] | None:
        limits = self._order.limits
        if not self.worker.is_ready:
            raise RuntimeError(NOT_STARTED)
        if code == NO_TIME:
            return self.left.popleft(), _too_slow(limits)
        if not self.worker.is_new:
            # The file before may have spoilt the memory, or filled it, or the worker
            # had been idle for too long: a new one will tell.
            return None
        return self.left.popleft(), _too_large(limits) if code == NO_MEMORY else CRASHED

    def in_a_new_worker(self) -> _Run[Item]:
        """The items that are left."""
        return _Run(WORKERS.start(), self._order._replace(items=list(self.left)))


def _next(runs: dict[Connection[Any, Any], _Run[Item]]) -> Iterator[_Run[Item]]:
    """Those that have an answer or are late, when there is one."""
    deadline = min(run.deadline for run in runs.values())
    seconds = None if deadline == math.inf else max(0, deadline - time.monotonic())
    ready = set(wait(list(runs), seconds))
    now = time.monotonic()
    for connection, run in list(runs.items()):
        if connection in ready or run.deadline <= now:
            yield run


def _too_slow(limits: Limits) -> Unreadable:
    reason = f"It took more than {limits.timeout:g} s (timeout)."
    return Unreadable("too slow", reason)


def _too_large(limits: Limits) -> Unreadable:
    reason = f"It took more than {limits.max_memory:g} GiB (max_memory)."
    return Unreadable("too large", reason)
