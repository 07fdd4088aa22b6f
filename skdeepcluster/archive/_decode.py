"""Headers and pixels of an archive's files, read in parallel processes."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

from skdeepcluster.archive._file import (
    CRASHED,
    Address,
    Header,
    Unreadable,
    UnreadableFileError,
)
from skdeepcluster.archive._find import Files
from skdeepcluster.archive._formats import open_image
from skdeepcluster.archive._options import Options
from skdeepcluster.archive._parallel import in_parallel
from skdeepcluster.archive._pixels import to_square
from skdeepcluster.archive._store import Store

Progress = Callable[[str, int, int], object]

_CHUNK = 32  # files
_IMAGES = 512  # decoded at once
_NO_ERROR = ("hidden", "not an image")


class _Wanted(NamedTuple):
    """What a process shall read of a file."""

    number: int
    path: str
    addresses: list[Address] | None
    """Of pixels; None is all."""
    headers: bool


class _Got(NamedTuple):
    headers: list[Header]
    images: list[tuple[Address, Any]]
    problem: Unreadable | None


@dataclass(frozen=True)
class Reading:
    """How the files of an archive are read; their pixels go to the store."""

    files: Files
    disk: Store | None
    """None if nothing but headers is wanted."""
    options: Options
    on_error: str
    n_jobs: int
    progress: Progress | None

    def headers(self) -> tuple[dict[int, list[Header]], dict[int, Unreadable]]:
        """Headers and problems of all files; decodes what is wanted in any case."""
        wanted = []
        disk = self.disk if self.options.frames == "all" else None
        for number, fingerprint in enumerate(self.files.fingerprints):
            at_once = disk is not None and not disk.knows(fingerprint)
            pixels: list[Address] | None = None if at_once else []
            wanted.append(_Wanted(number, self.files.location(number), pixels, True))
        return self._read("headers", wanted)

    def pixels(self, missing: dict[int, list[Address]]) -> dict[int, Unreadable]:
        """Decode some images of some files, and give the problems of these files."""
        wanted = [
            _Wanted(number, self.files.location(number), found[n : n + _IMAGES], False)
            for number, found in missing.items()
            for n in range(0, len(found), _IMAGES)
        ]
        return self._read("pixels", wanted)[1]

    def _read(
        self, stage: str, wanted: list[_Wanted]
    ) -> tuple[dict[int, list[Header]], dict[int, Unreadable]]:
        headers: dict[int, list[Header]] = {}
        problems: dict[int, Unreadable] = {}
        size = max(1, min(_CHUNK, len(wanted) // (4 * self.n_jobs)))
        function = functools.partial(_read, self.options)
        chunks = _chunks(wanted, size)
        done, crashed = 0, _Got([], [], CRASHED)
        with contextlib.closing(in_parallel(function, chunks, self.n_jobs)) as runs:
            for chunk, results in runs:
                for item, got in zip(chunk, results or [crashed], strict=True):
                    if got.problem is not None:
                        self._check(item.number, got.problem)
                        problems[item.number] = got.problem
                    if item.headers:
                        headers[item.number] = got.headers
                    if self.disk is not None:
                        self.disk.add(self.files.fingerprints[item.number], got.images)
                if self.disk is not None:
                    self.disk.flush()
                done += len(chunk)
                if self.progress is not None:
                    self.progress(stage, done, len(wanted))
        return headers, problems

    def _check(self, number: int, problem: Unreadable) -> None:
        if self.on_error == "raise" and problem.kind not in _NO_ERROR:
            path = self.files.kept[number].path
            raise UnreadableFileError(path, problem.kind, problem.reason, "skip")


def _chunks(wanted: list[_Wanted], size: int) -> Iterator[list[_Wanted]]:
    """Of so many files, and of not many more than _IMAGES images."""
    chunk: list[_Wanted] = []
    n_images = 0
    for item in wanted:
        if chunk and (len(chunk) == size or n_images >= _IMAGES):
            yield chunk
            chunk, n_images = [], 0
        chunk.append(item)
        n_images += len(item.addresses or ())
    if chunk:
        yield chunk


def _read(options: Options, wanted: list[_Wanted]) -> list[_Got]:
    """Runs in another process."""
    got, n_images = [], 0
    for item in wanted:
        try:
            with open_image(item.path) as file:
                addresses = item.addresses
                if addresses is None:
                    addresses = [header.address for header in file.headers]
                    if n_images + len(addresses) > _IMAGES:
                        addresses = []  # later, in parts
                    n_images += len(addresses)
                images = [(a, _square(file.pixels(a), options)) for a in addresses]
                headers = file.headers if item.headers else []
        except Unreadable as error:
            got.append(_Got([], [], error))
        else:
            got.append(_Got(headers, images, None))
    return got


def _square(values: NDArray[Any], options: Options) -> NDArray[Any]:
    assert options.image_size is not None  # before pixels are asked for
    return to_square(values, options.image_size, options.channels)
