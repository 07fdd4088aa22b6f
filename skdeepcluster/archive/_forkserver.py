"""A process that has imported the readers, and becomes a worker in milliseconds.

`multiprocessing` has a server like this, too. But its workers run the user's script
again, which a script without ``if __name__ == "__main__"`` does not survive, the
processes of a `multiprocessing.Pool` may have no workers, and a program has only one
server, which may have been started for something else. Pebble, which bounds the time of
tasks, has the first two of these, and is under the LGPL.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import socket
import struct
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import NoReturn

from skdeepcluster.archive._worker import work

_NUMBER = struct.Struct("q")
_START = 0  # no process that is ended has this number


class ForkServer:
    """The server as it is seen from the process that started it, on Linux.

    Parameters
    ----------
    control : socket
        To the process that runs `serve`.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    def start(self, connection: int) -> int:
        """Fork a worker.

        Parameters
        ----------
        connection : int
            The file descriptor on which it takes orders.

        Returns
        -------
        int
            Number of the process.

        Raises
        ------
        RuntimeError
            If the system starts no more processes.
        OSError
            If the server has ended.
        """
        socket.send_fds(self._control, [_NUMBER.pack(_START)], [connection])
        number = self._answer()
        if number < 0:
            raise RuntimeError(
                "The system lets no other process be started to read files "
                f"({os.strerror(-number)}): end some, or take fewer (n_jobs)."
            )
        return number

    def end(self, process: int) -> int:
        """Kill a worker, if it lives; how it ended, as of `subprocess`.

        Raises
        ------
        OSError
            If the server has ended.
        """
        self._control.send(_NUMBER.pack(process))
        return self._answer()

    def _answer(self) -> int:
        answer = self._control.recv(_NUMBER.size)
        if not answer:
            raise OSError("The process that starts those that read files has ended.")
        return int(_NUMBER.unpack(answer)[0])

    def close(self) -> None:
        """Have it kill its workers, and end."""
        self._control.close()


def serve(control: int) -> None:
    """Fork workers and end them, until the other side is gone, for whatever reason.

    Parameters
    ----------
    control : int
        File descriptor of a socket that keeps messages apart.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    gc.freeze()  # what is collected later would be copied for each worker
    workers = _Forked()
    orders = socket.socket(fileno=control)
    with contextlib.suppress(OSError):  # of one that has gone without an answer
        while True:
            message, connections, _, _ = socket.recv_fds(orders, _NUMBER.size, 1)
            if not message:
                break
            (number,) = _NUMBER.unpack(message)
            if number == _START:
                answer = workers.start(connections[0], control)
                os.close(connections[0])
            else:
                answer = workers.end(number)
            orders.send(_NUMBER.pack(answer))
    workers.end_all()


class _Forked:
    """The children of this process."""

    def __init__(self) -> None:
        self._alive: set[int] = set()
        self._codes: dict[int, int] = {}
        signal.signal(signal.SIGCHLD, self._has_ended)

    def _has_ended(self, *_: object) -> None:
        for worker in list(self._alive):
            # While this looks, it is called again for another that ends, which may
            # look at this one, too.
            with contextlib.suppress(ChildProcessError):
                process, status = os.waitpid(worker, os.WNOHANG)
                if process:
                    self._alive.discard(worker)
                    self._codes[worker] = os.waitstatus_to_exitcode(status)

    def start(self, connection: int, control: int) -> int:
        """The number of a new worker, or an error's, negative."""
        with _no_end_told():
            try:
                worker = os.fork()
            except OSError as error:
                return -(error.errno or errno.EAGAIN)
            if worker == 0:
                os.close(control)
                _become_a_worker(connection)
            self._alive.add(worker)
            return worker

    def end(self, worker: int) -> int:
        """How it has ended, or ends now."""
        with _no_end_told():  # or its number might be another process's
            if worker in self._alive:
                os.kill(worker, signal.SIGKILL)
        for _ in range(1000):
            if worker in self._codes:
                return self._codes.pop(worker)
            time.sleep(0.001)
        # A file system that has gone keeps it; nobody shall wait for that.
        return -signal.SIGKILL

    def end_all(self) -> None:
        """When there is nobody to work for."""
        with _no_end_told():
            for worker in self._alive:
                os.kill(worker, signal.SIGKILL)


@contextlib.contextmanager
def _no_end_told() -> Iterator[None]:
    """Hear of workers that end later."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])


def _become_a_worker(connection: int) -> NoReturn:
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        work(Connection(connection))
    finally:
        os._exit(0)
