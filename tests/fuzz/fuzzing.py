"""Spoilt files, read as those of an archive are."""

import functools
from collections import Counter
from itertools import islice

import numpy as np
from mutations import mutated

from skdeepcluster._reader_options import Options
from skdeepcluster.archive._file import Unreadable
from skdeepcluster.archive._options import Limits
from skdeepcluster.archive._parallel import in_parallel
from skdeepcluster.archive._tasks import Wanted, one_image, read

ALL = Options(16, 3, "all", None)
ONE = Options(32, 1, "middle", "image")
LIMITS = Limits(timeout=10, max_memory=2)

_AT_ONCE = 1000


def spoilt(seeds, n, first=0):
    """Name and content of `n` files, always the same ones.

    Parameters
    ----------
    seeds : list of (name, bytes)
    n : int
    first : int
        The number of the first one.
    """
    for number in range(first, first + n):
        generator = np.random.default_rng(number)
        name, whole = seeds[generator.integers(len(seeds))]
        if generator.random() < 0.05:  # it goes on as another one
            _, other = seeds[generator.integers(len(seeds))]
            whole = whole[: generator.integers(len(whole))] + other
        yield f"{number:07}-{name}", mutated(whole, generator)


def read_all(folder, files, n_jobs, limits=LIMITS):
    """What becomes of each file, read for all of its images, and for one.

    Parameters
    ----------
    folder : Path
        Where they are written.
    files : iterable of (name, bytes)
    n_jobs : int
    limits : Limits

    Returns
    -------
    counts : Counter
        "read", or kind and reason.
    bad : list of Path
        Files that took a worker along or ran over; others are removed again.

    Raises
    ------
    Exception
        What should have been a reason.
    AssertionError
        If an image is not what it should be.
    """
    counts, bad, files = Counter(), [], iter(files)
    while some := list(islice(files, _AT_ONCE)):
        paths = [folder / name.replace("/", "-") for name, _ in some]
        for path, (_, whole) in zip(paths, some, strict=True):
            path.write_bytes(whole)
            if path.suffix == ".hdr":  # what is read of it lies beside it
                path.with_suffix(".img").write_bytes(bytes(10_000))
        wanted = [Wanted(n, str(path), None, True) for n, path in enumerate(paths)]
        ran_over = set()
        for item, got in _run(functools.partial(read, ALL), wanted, n_jobs, limits):
            if isinstance(got, Unreadable):
                counts[f"{got.kind}: {got.reason}"] += 1
                if _took_a_worker(got):
                    ran_over.add(item.number)
            else:
                counts["read"] += 1
                _check(got)
        rows = [(n, str(p)) for n, p in enumerate(paths) if n not in ran_over]
        for (row, _), got in _run(
            functools.partial(one_image, ONE), rows, n_jobs, limits
        ):
            if not isinstance(got, Unreadable):
                assert (got.shape, got.dtype) == ((32, 32), np.uint8)
            elif _took_a_worker(got):
                counts[f"{got.kind}: {got.reason}"] += 1
                ran_over.add(row)
        for row, path in enumerate(paths):
            if row in ran_over:
                bad.append(path)
            else:
                path.unlink()
                path.with_suffix(".img").unlink(missing_ok=True)
    return counts, bad


def _run(task, items, n_jobs, limits):
    chunks = [items[n : n + 25] for n in range(0, len(items), 25)]
    return in_parallel(task, chunks, n_jobs, limits)


def _took_a_worker(problem):
    of_memory = problem.kind == "too large" and "max_memory" in problem.reason
    return problem.kind == "too slow" or "crashed" in problem.reason or of_memory


def _check(got):
    assert got.headers
    for header in got.headers:
        assert header.height > 0
        assert header.width > 0
    for _, image in got.images:
        assert (image.shape, image.dtype) == ((16, 16, 3), np.float32)
        assert np.isfinite(image).all()
