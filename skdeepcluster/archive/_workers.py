"""Workers that are started, kept for the next call, and ended."""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe, spawn
from multiprocessing.connection import Connection
from typing import Any

from skdeepcluster.archive._forkserver import ForkServer, serve
from skdeepcluster.archive._worker import main

_CAN_FORK = sys.platform == "linux"
"""Elsewhere a process that has loaded libraries is not safely forked."""

NOT_STARTED = (
    "A process that reads files could not be started, or was killed; what it said is "
    "in the standard error output."
)

# No script of a user runs in it, and what is imported is what is imported here.
_CODE = (
    "import sys; sys.path[:] = sys.argv[4:]; from importlib import import_module; "
    "getattr(import_module(sys.argv[1]), sys.argv[2])(int(sys.argv[3]))"
)

# A process of many is busy enough with one, and one with threads is not safely forked.
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


@dataclass
class Worker:
    """A process that decodes."""

    connection: Connection[Any, Any]
    """As of `work`."""
    _end: Callable[[], int]
    is_ready: bool = False
    is_new: bool = True
    """Whether it has seen no file yet."""

    def end(self) -> int:
        """Kill it, if it lives; how it ended, as of `subprocess`."""
        self.connection.close()
        return self._end()


class Workers:
    """Those of this process."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._idle: deque[Worker] = deque()
        self._server: ForkServer | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def take(self) -> Worker:
        """One that was kept, or a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            return self.start()

    def keep(self, worker: Worker) -> None:
        """For the next one who takes one; it ends itself if nobody does."""
        self._idle.append(worker)

    def start(self) -> Worker:
        """A new one, which is ready soon."""
        ours, theirs = Pipe()
        with theirs:
            if _CAN_FORK:
                return Worker(ours, self._fork(theirs.fileno()))
            process = _launch(main, theirs.fileno())
            return Worker(ours, lambda: _kill(process))

    def _fork(self, connection: int) -> Callable[[], int]:
        with self._lock:
            try:
                if self._server is not None:
                    with contextlib.suppress(OSError):  # somebody has killed it
                        return self._forked_by(self._server, connection)
                    self._close_server()
                return self._forked_by(self._start_server(), connection)
            except OSError as error:
                raise RuntimeError(NOT_STARTED) from error
            except BaseException:  # an interruption, and an answer may be under way
                self._close_server()
                raise

    def _forked_by(self, server: ForkServer, connection: int) -> Callable[[], int]:
        number = server.start(connection)
        return lambda: self._end(server, number)

    def _start_server(self) -> ForkServer:
        ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with theirs:
            self._process = _launch(serve, theirs.fileno())
        self._server = ForkServer(ours)
        return self._server

    def _end(self, server: ForkServer, number: int) -> int:
        with self._lock:
            try:
                return server.end(number)
            except OSError:  # it has killed its workers, or was killed itself
                return 0
            except BaseException:
                self._close_server()
                raise

    def _close_server(self) -> None:
        if self._server is not None and self._process is not None:
            self._server.close()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                _kill(self._process)
        self._server = self._process = None

    def close(self) -> None:
        """End all, when this process does."""
        while self._idle:
            self._idle.pop().end()
        self._close_server()

    def forget(self) -> None:
        """Leave them to the process that this one was forked from."""
        for worker in self._idle:
            worker.connection.close()
        if self._server is not None and self._process is not None:
            self._server.close()
            self._process.returncode = 0  # another one waits for it
        self._begin()


def _launch(function: Callable[[int], None], handle: int) -> subprocess.Popen[bytes]:
    """Start a process that runs a function of this room."""
    executable = os.fsdecode(spawn.get_executable())
    what = [function.__module__, function.__name__, str(handle)]
    command = [executable, "-P", "-c", _CODE, *what, *map(str, sys.path)]
    how: dict[str, Any]
    if sys.platform == "win32":
        os.set_handle_inheritable(handle, True)
        how = {"close_fds": False, "creationflags": subprocess.CREATE_NO_WINDOW}
    else:  # what is typed into the terminal, or stops it, is not for workers
        how = {"pass_fds": [handle], "start_new_session": True}
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=os.environ | _ONE_THREAD,
        **how,
    )


def _kill(process: subprocess.Popen[bytes]) -> int:
    process.kill()
    return process.wait()


WORKERS = Workers()
atexit.register(WORKERS.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=WORKERS.forget)
