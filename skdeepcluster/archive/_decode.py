"""Headers and pixels of an archive's files, read in parallel processes."""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from skdeepcluster._reader_options import Options
from skdeepcluster.archive._file import Address, Header, Unreadable, UnreadableFileError
from skdeepcluster.archive._find import Files
from skdeepcluster.archive._options import Limits
from skdeepcluster.archive._parallel import in_parallel
from skdeepcluster.archive._store import Store
from skdeepcluster.archive._tasks import MAX_AT_ONCE, Got, Wanted, parts, read

Progress = Callable[[str, int, int], object]

_CHUNK = 32  # files
_NO_ERROR = ("hidden", "not an image")


@dataclass(frozen=True)
class Reading:
    """How the files of an archive are read; their pixels go to the store."""

    files: Files
    disk: Store | None
    """None if nothing but headers is wanted."""
    options: Options
    on_error: str
    n_jobs: int
    limits: Limits
    progress: Progress | None

    def headers(self) -> tuple[dict[int, list[Header]], dict[int, Unreadable]]:
        """Headers and problems of all files; decodes what is wanted in any case."""
        wanted = []
        disk = self.disk if self.options.frames == "all" else None
        for number, fingerprint in enumerate(self.files.fingerprints):
            at_once = disk is not None and not disk.knows(fingerprint)
            pixels: list[Address] | None = None if at_once else []
            wanted.append(Wanted(number, self.files.location(number), pixels, True))
        return self._read("headers", wanted)

    def pixels(self, missing: dict[int, list[Header]]) -> dict[int, Unreadable]:
        """Decode some images of some files, and give the problems of these files."""
        wanted = [
            Wanted(
                number, self.files.location(number), [h.address for h in part], False
            )
            for number, found in missing.items()
            for part in parts(found, self.options.image_size)
        ]
        return self._read("pixels", wanted)[1]

    def _read(
        self, stage: str, wanted: list[Wanted]
    ) -> tuple[dict[int, list[Header]], dict[int, Unreadable]]:
        headers: dict[int, list[Header]] = {}
        problems: dict[int, Unreadable] = {}
        size = max(1, min(_CHUNK, len(wanted) // (4 * self.n_jobs)))
        task = functools.partial(read, self.options)
        # A part that is damaged, or too slow, is enough.
        still = (item for item in wanted if item.number not in problems)
        left, done = Counter(item.number for item in wanted), set()
        runs = in_parallel(task, _chunks(still, size), self.n_jobs, self.limits)
        with contextlib.closing(runs):
            for item, got in runs:
                left[item.number] -= 1
                if isinstance(got, Unreadable):
                    check(self.files.kept[item.number].path, got, self.on_error)
                    problems[item.number] = got
                    got = Got([], [])
                if item.headers:
                    headers[item.number] = got.headers
                if self.disk is not None:
                    self.disk.add(self.files.fingerprints[item.number], got.images)
                    self.disk.flush()
                if item.number in problems or not left[item.number]:
                    done.add(item.number)
                if self.progress is not None:
                    self.progress(stage, len(done), len(left))
        return headers, problems


def check(path: str, problem: Unreadable, on_error: str) -> None:
    """Raise UnreadableFileError if a problem with a file is to end the reading."""
    if on_error == "raise" and problem.kind not in _NO_ERROR:
        raise UnreadableFileError(path, problem.kind, problem.reason, "skip")


def _chunks(wanted: Iterable[Wanted], size: int) -> Iterator[list[Wanted]]:
    """Of `size` files each, and of not many more than MAX_AT_ONCE images.

    Parts of one file are in different ones.
    """
    chunk: list[Wanted] = []
    n_images = 0
    for item in wanted:
        is_full = len(chunk) == size or n_images >= MAX_AT_ONCE
        if chunk and (is_full or chunk[-1].number == item.number):
            yield chunk
            chunk, n_images = [], 0
        chunk.append(item)
        n_images += len(item.addresses or ())
    if chunk:
        yield chunk
