"""What runs in a process that decodes: no file can harm another one."""

from __future__ import annotations

import multiprocessing.connection
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

# Imported once, by the process that the others are forked from.
from skdeepcluster.archive import _tasks  # noqa: F401
from skdeepcluster.archive._file import Unreadable
from skdeepcluster.archive._options import Limits

NO_MEMORY = 77
"""How a worker ends that has had a MemoryError, and may not have let go of much."""

NO_TIME = -signal.SIGPROF if sys.platform != "win32" else None
"""How a worker ends that has taken too much of the processor's time."""

_IDLE = 60
"""Seconds after which a worker without work ends."""


class Order(NamedTuple):
    """What a worker is to do."""

    task: Callable[[Any], Any]
    items: list[Any]
    limits: Limits


def work(connection: Connection[Any, Any]) -> None:
    """Do as is ordered until nobody is there any more.

    Parameters
    ----------
    connection : Connection
        Gets an Order, and gives True at first, and then for each item its place in the
        order and what the task has made of it: (place, result, None), or (place, None,
        error).
    """
    _leave_the_terminal()
    connection.send(True)
    while connection.poll(_IDLE):
        try:
            order = connection.recv()
        except (EOFError, OSError):
            return
        _limit_memory(order.limits.max_memory)
        for place, item in enumerate(order.items):
            try:
                done = _done(order.task, item, order.limits.timeout)
                connection.send((place, *done))
            except MemoryError:
                os._exit(NO_MEMORY)


def _done(
    task: Callable[[Any], Any], item: Any, timeout: float
) -> tuple[Any, Exception | None]:
    # The clock is looked at by the process that waits, which ends this one. This is
    # for decoders with threads, and if that process is busy or stopped.
    _limit_processor_time(timeout)
    try:
        return task(item), None
    except MemoryError:
        raise
    except Unreadable as error:
        return None, error
    except Exception as error:  # a mistake of ours
        return None, error
    finally:
        _limit_processor_time(0)


def _limit_processor_time(seconds: float) -> None:
    """The system ends the process then, whatever its code is busy with."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _limit_memory(gib: float) -> None:
    if sys.platform == "linux":  # macOS takes such a limit, and does not keep to it
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = int(gib * 2**30)
        if hard != resource.RLIM_INFINITY:
            limit = min(limit, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _leave_the_terminal() -> None:
    """Say nothing, leave no picture of the memory, and let signals be for others."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):  # decoders in C write there what they find in files
        os.dup2(nowhere, standard)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def main(handle: int) -> None:
    """Work for the process at the other end of a connection.

    Parameters
    ----------
    handle : int
        Of the connection, inherited.
    """
    if sys.platform == "win32":
        work(multiprocessing.connection.PipeConnection(handle))
    else:
        work(Connection(handle))
