"""Work in processes that a hostile file may kill."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from joblib import Parallel, delayed

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(
    function: Callable[[list[Item]], Result],
    chunks: Iterable[list[Item]],
    n_jobs: int,
) -> Generator[tuple[list[Item], Result | None]]:
    """Results as they come, each with the chunk that gave it.

    Parameters
    ----------
    function : callable
        Gives a result of a list of items; importable, for it runs elsewhere.
    chunks : iterable of lists
        Read only as far ahead as there are processes.
    n_jobs : int
        Processes, as of joblib. With 1 it runs in this process.

    Yields
    ------
    chunk, result
        A chunk that killed its process is run again item by item, each alone; an item
        that does so again has the result None. Whoever closes the generator before its
        end waits for the chunks under way.
    """
    waiting = iter(chunks)
    started: dict[int, list[Item]] = {}
    enough = threading.Event()

    def tasks() -> Iterator[object]:
        for number, chunk in enumerate(waiting):
            if enough.is_set():
                return
            started[number] = chunk
            yield delayed(_numbered)(function, number, chunk)

    while True:
        try:
            with contextlib.closing(_run(tasks(), n_jobs)) as results:
                try:
                    for number, result in results:
                        yield started.pop(number), result
                except GeneratorExit:
                    enough.set()
                    raise
        except BrokenProcessPool:
            suspects = [item for chunk in started.values() for item in chunk]
            started.clear()
            for item in suspects:
                # Two processes, of which one has nothing to do: with one, joblib
                # would run it here.
                try:
                    task = delayed(_numbered)(function, 0, [item])
                    ((_, result),) = list(_run([task], max(2, n_jobs)))
                    yield [item], result
                except BrokenProcessPool:
                    yield [item], None
        else:
            return


def _run(tasks: Iterable[object], n_jobs: int) -> Generator[Any]:
    results = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(tasks)
    try:
        # With `yield from` it would be closed before the warning is off.
        for result in results:  # noqa: UP028
            yield result
    except GeneratorExit:
        # What is under way is waited for: to end its processes may fail in a thread of
        # joblib's, where nobody can catch it.
        with contextlib.suppress(Exception):
            for _ in results:
                pass
        raise
    finally:
        with warnings.catch_warnings():  # of tasks that are not wanted any more
            warnings.simplefilter("ignore")
            results.close()


def _numbered(
    function: Callable[[list[Item]], Result], number: int, chunk: list[Item]
) -> tuple[int, Result]:
    return number, function(chunk)
