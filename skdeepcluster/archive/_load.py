"""From a folder to one array: headers, choice, pixels, store."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from joblib import effective_n_jobs
from sklearn.utils import Bunch

from skdeepcluster.archive._choice import Found, Frames, choose
from skdeepcluster.archive._file import CRASHED, Address, Header, Unreadable
from skdeepcluster.archive._formats import open_image
from skdeepcluster.archive._parallel import in_parallel
from skdeepcluster.archive._pixels import Window, to_square
from skdeepcluster.archive._scan import scan
from skdeepcluster.archive._store import Row, Store, write_table

log = logging.getLogger("skdeepcluster.archive")

Progress = Callable[[str, int, int], object]

_CHUNK = 32  # files
_IMAGES = 512  # decoded at once
_NO_ERROR = ("hidden", "not an image")


class UnreadableFileError(ValueError):
    """A file of an archive that should give an image, and does not.

    Parameters
    ----------
    path : str
        As it was given, or relative to the folder; it is not part of the message, for
        names of files may be names of patients.
    kind : str
        "damaged", "unsupported", "too large" or "inaccessible".
    reason : str
        A sentence.
    instead : str
        The value of ``on_error`` that goes on.
    """

    def __init__(self, path: str, kind: str, reason: str, instead: str) -> None:
        super().__init__(
            f"A file cannot be read: {reason} Its path is the attribute `path` of this "
            f"error; on_error={instead!r} would go on without it."
        )
        self.path = path
        self.kind = kind
        self.reason = reason
        self._instead = instead

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors travel between processes."""
        return type(self), (self.path, self.kind, self.reason, self._instead)


def load_archive(
    folder: str | os.PathLike[str],
    store: str | os.PathLike[str] | None = None,
    *,
    image_size: int = 64,
    channels: Literal[1, 3] = 1,
    frames: Frames = "first",
    window: Window = "series",
    on_error: Literal["skip", "raise"] = "skip",
    path_key: str | os.PathLike[str] | None = None,
    n_jobs: int = -1,
    progress: Progress | None = None,
) -> Bunch:
    """All images of a folder of DICOM, NIfTI and picture files, whatever is in it.

    Files are told by what they hold and not by their names: DICOM (with and without
    preamble; every transfer syntax that a free decoder reads), NIfTI-1 and -2,
    Analyze, MGH and MINC 1 (also compressed by gzip), PNG, JPEG and TIFF. What cannot
    be read is listed with the reason.

    Parameters
    ----------
    folder : path
        Searched with its subfolders. Links to folders are not followed.

    store : path or None, default=None
        A folder that keeps the images: ``images.npy``, ``index.csv`` and
        ``skipped.csv``. The next run decodes only what is new or has changed, and an
        interrupted one goes on. None keeps them in memory.

    image_size : int, default=64
        Height and width in pixels that images are scaled to, their aspect kept.

    channels : {1, 3}, default=1
        1 makes colour grey (ITU-R BT.601); 3 repeats grey.

    frames : {"first", "all", "middle"}, default="first"
        Of images of the same place in a series, the first in time (the paper's rule:
        every slice at t = 0), all, or the one in the middle. In DICOM, place and time
        are told by series, kind of image, orientation, position, time after the
        trigger or of acquisition and instance number; in NIfTI by the axes after the
        third. Frames of a file that says no place, and pages of a TIFF, are taken for
        times. Images of which nothing tells that they are times are all kept.

    window : {"series", "image"}, (low, high) or None, default="series"
        What becomes black and white in 8 bits: percentiles 0.5 and 99.5 of the scaled
        images of a series (of 512 of them, where there are more), or of each image, or
        two values in the units of the modality (Hounsfield units, say). With "series",
        what was made for display keeps its 0 to 255: colour, and pictures of 8 bits;
        pictures of more bits share a window with those in the same folder.
        None keeps the values, as float32.

    on_error : {"skip", "raise"}, default="skip"
        "raise" ends at the first damaged, unsupported, oversized or inaccessible file.
        Hidden files and files without an image are skipped all the same.

    path_key : path or None, default=None
        Write numbers instead of paths, and which number is which to this CSV file,
        which is read and completed if it is there. Keep it apart from the store.

    n_jobs : int, default=-1
        Processes that decode, as of joblib; -1 is one for each core. Memory grows with
        their number and the largest file, beside some 500 bytes for each image. With 1
        this process decodes, and ends if a decoder crashes on a hostile file.

    progress : callable or None, default=None
        Called with "headers" or "pixels", the number of files done, and of all.

    Returns
    -------
    Bunch
        images : ndarray, or memmap with `store`
            Of shape (n, image_size, image_size), or (..., 3), uint8 or float32;
            padding is black, or the image's lowest value.
        index : DataFrame of n rows
            ``path``, ``series`` (running numbers), ``frame`` and ``slice`` (from 0),
            ``height``, ``width``, ``bits`` of the original, ``burned_in`` (DICOM's
            BurnedInAnnotation: yes, no, or not said), ``note`` (what had to be
            assumed), ``black`` and ``white`` (the values that became 0 and 255), and
            ``fingerprint``. What does not apply is missing. Sorted by path.
        skipped : DataFrame
            ``path``, ``kind`` (hidden, not an image, damaged, unsupported, too large,
            inaccessible) and ``reason``.
        n_files : int
            Files in the folder, whatever became of them.

    Raises
    ------
    NotADirectoryError
        If `folder` is none.
    ValueError
        If a parameter is not as above, if no image can be read, or if another run
        writes to the store.
    UnreadableFileError
        With ``on_error="raise"``; a ValueError whose message does not name the file.

    Notes
    -----
    No identifier and no text of a header is kept, in memory or on disk, beyond the
    columns above. Stored values are rescaled (PS3.3, C.11.1), MONOCHROME1 is inverted,
    pixel padding takes the lowest value. Slices of volumes are cut along the axis that
    is coarsest, else across the body, with front, or head, up and the patient's right
    to the left.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> from skdeepcluster import load_archive
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for number in range(3):
    ...         Image.new("L", (20, 10), 100).save(f"{folder}/{number}.png")
    ...     archive = load_archive(folder, image_size=32, n_jobs=1)
    >>> archive.images.shape
    (3, 32, 32)
    >>> archive.index["path"].tolist()
    ['0.png', '1.png', '2.png']
    """
    root = Path(folder)
    image_size, window = check_options(image_size, channels, frames, window)
    if on_error not in ("skip", "raise"):
        raise ValueError(f"on_error={on_error!r} is neither 'skip' nor 'raise'.")
    if not root.is_dir():
        raise NotADirectoryError(f"{folder} is no folder.")
    if store is not None and Path(store).resolve() == root.resolve():
        raise ValueError("store and folder are the same: give another folder.")
    options = _Options(image_size, channels, frames, window)
    with tempfile.TemporaryDirectory(prefix="skdeepcluster-") as temporary:
        place = Path(temporary if store is None else store)
        with Store(place, image_size, channels, window is None) as disk:
            n_jobs = effective_n_jobs(n_jobs)
            run = _Run(root, disk, options, on_error, n_jobs, progress)
            run.name_files(path_key)
            run.read_headers()
            run.decode()
            skipped = run.table_of_skipped()
            if store is not None:
                write_table(place / "skipped.csv", skipped)
            index = run.finish()
        mode: Literal["r"] | None = None if store is None else "r"
        images = np.load(place / "images.npy", mmap_mode=mode)
    n_files = len(run.files) + len(run.passed_over)
    return Bunch(images=images, index=index, skipped=skipped, n_files=n_files)


def check_options(
    image_size: Any, channels: Any, frames: Any, window: Any
) -> tuple[int, Window]:
    """Raise ValueError unless they are what `load_archive` takes.

    Parameters
    ----------
    image_size, channels, frames, window : Any
        As of `load_archive`.

    Returns
    -------
    image_size, window
        As Python's own types.
    """
    whole = isinstance(image_size, int | np.integer)
    if not whole or not 8 <= image_size <= 4096:
        raise ValueError(
            f"image_size={image_size!r} is no whole number of pixels from 8 to 4096."
        )
    if not isinstance(channels, int) or channels not in (1, 3):
        raise ValueError(f"channels={channels!r} is neither 1 nor 3.")
    if not isinstance(frames, str) or frames not in ("first", "all", "middle"):
        raise ValueError(f"frames={frames!r} is none of 'first', 'all', 'middle'.")
    if window is None:
        return int(image_size), None
    if isinstance(window, str) and window in ("series", "image"):
        return int(image_size), "series" if window == "series" else "image"
    low, high = np.nan, np.nan
    if isinstance(window, tuple | list | np.ndarray):
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            low, high = (float(value) for value in window)
    if not -np.inf < low < high < np.inf:
        raise ValueError(
            f"window={window!r} is none of 'series', 'image', None and (low, high) "
            "with low < high."
        )
    return int(image_size), (low, high)


class _Options(NamedTuple):
    image_size: int
    channels: int
    frames: Frames
    window: Window


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


def _read(options: _Options, wanted: list[_Wanted]) -> list[_Got]:
    """Runs in another process."""
    got, n_images = [], 0
    for item in wanted:
        headers: list[Header] = []
        images: list[tuple[Address, Any]] = []
        problem = None
        try:
            with open_image(item.path) as file:
                addresses = item.addresses
                if addresses is None:
                    addresses = [header.address for header in file.headers]
                    if n_images + len(addresses) > _IMAGES:
                        addresses = []  # later, in parts
                    n_images += len(addresses)
                for address in addresses:
                    values = file.pixels(address)
                    square = to_square(values, options.image_size, options.channels)
                    images.append((address, square))
                if item.headers:
                    headers = file.headers
        except Unreadable as error:
            images, problem = [], error
        got.append(_Got(headers, images, problem))
    return got


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


class _Run:
    """One reading of an archive."""

    def __init__(
        self,
        root: Path,
        disk: Store,
        options: _Options,
        on_error: str,
        n_jobs: int,
        progress: Progress | None,
    ) -> None:
        self.root, self.disk, self.options = root, disk, options
        self.on_error, self.n_jobs, self.progress = on_error, n_jobs, progress
        self.headers: dict[int, list[Header]] = {}
        self.problems: dict[int, Unreadable] = {}

    def name_files(self, path_key: str | os.PathLike[str] | None) -> None:
        """Find the files, and how each is called in tables."""
        self.files, self.passed_over = scan(self.root, leave_out=self.disk.folder)
        paths = [file.path for file in self.files]
        paths += [path for path, _ in self.passed_over]
        self.names = {path: path for path in paths}
        if path_key is not None:
            self.names = _numbers_for(sorted(paths), Path(path_key))
        self.fingerprints = [
            file.fingerprint(self.names[file.path]) for file in self.files
        ]

    def read_headers(self) -> None:
        """Also decode at once what will be wanted in any case."""
        wanted = [
            _Wanted(number, self._path(number), self._at_once(number), True)
            for number in range(len(self.files))
        ]
        self._read("headers", wanted)

    def _path(self, number: int) -> str:
        return os.path.join(self.root, self.files[number].path)

    def _at_once(self, number: int) -> list[Address] | None:
        new = not self.disk.knows(self.fingerprints[number])
        return None if self.options.frames == "all" and new else []

    def decode(self) -> None:
        """The pixels of what is chosen; a damaged file changes what is."""
        while True:
            found = [
                Found(number, header)
                for number, headers in sorted(self.headers.items())
                for header in headers
                if number not in self.problems
            ]
            self.chosen = choose(found, self.options.frames)
            self.rows = self._rows()
            missing: dict[int, list[Address]] = {}
            for image, row in zip(self.chosen, self.rows, strict=True):
                if not self.disk.has(row):
                    missing.setdefault(image.file, []).append(row.address)
            if not missing:
                return
            self._read(
                "pixels",
                [
                    _Wanted(number, self._path(number), parts[n : n + _IMAGES], False)
                    for number, parts in missing.items()
                    for n in range(0, len(parts), _IMAGES)
                ],
            )

    def _read(self, stage: str, wanted: list[_Wanted]) -> None:
        size = max(1, min(_CHUNK, len(wanted) // (4 * self.n_jobs)))
        chunks = _chunks(wanted, size)
        function = functools.partial(_read, self.options)
        done, crashed = 0, _Got([], [], CRASHED)
        with contextlib.closing(in_parallel(function, chunks, self.n_jobs)) as runs:
            for chunk, results in runs:
                for item, got in zip(chunk, results or [crashed], strict=True):
                    if got.problem is not None:
                        self._note(item.number, got.problem)
                    if item.headers:
                        self.headers[item.number] = got.headers
                    self.disk.add(self.fingerprints[item.number], got.images)
                self.disk.flush()
                done += len(chunk)
                if self.progress is not None:
                    self.progress(stage, done, len(wanted))

    def _note(self, number: int, problem: Unreadable) -> None:
        if self.on_error == "raise" and problem.kind not in _NO_ERROR:
            raise UnreadableFileError(
                self.files[number].path, problem.kind, problem.reason, "skip"
            )
        self.problems[number] = problem

    def _rows(self) -> list[Row]:
        """What the store shall hold, with which window."""
        options = self.options
        members: dict[Any, list[str]] = {}
        keys = []
        for image in self.chosen:
            key: Any = None
            if options.window == "image":
                key = image
            elif options.window == "series" and not image.header.shown:
                folder = os.path.dirname(self.files[image.file].path)
                key = ("folder", folder) if image.is_picture else image.series
            keys.append(key)
            address = image.header.address
            member = f"{self.fingerprints[image.file]} {address.frame} {address.slice}"
            members.setdefault(key, []).append(member)
        members[None] = []
        settings = f"{options.image_size} {options.channels} {options.window}"
        digests = {}
        for key, names in members.items():
            text = "\n".join([settings, *sorted(names)])
            digests[key] = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        fixed = (0.0, 255.0)
        if isinstance(options.window, tuple):
            fixed = options.window
        return [
            Row(
                self.fingerprints[image.file],
                digests[key],
                image.header.address,
                (image.header.height, image.header.width),
                fixed if key is None else None,
            )
            for image, key in zip(self.chosen, keys, strict=True)
        ]

    def finish(self) -> pd.DataFrame:
        """Write the images; the table of them."""
        if not self.chosen:
            raise ValueError(self._nothing())
        numbers: dict[Any, int] = {}
        table = []
        for image in self.chosen:
            file, header = image
            series = None
            if not image.is_picture:
                series = numbers.setdefault(image.series, len(numbers))
            table.append(
                {
                    "path": self.names[self.files[file].path],
                    "series": series,
                    "frame": header.address.frame,
                    "slice": header.address.slice,
                    "height": header.height,
                    "width": header.width,
                    "bits": header.bits,
                    "burned_in": header.burned_in,
                    "note": header.note,
                }
            )
        whole = dict.fromkeys(("series", "frame", "slice"), "Int64")
        index = self.disk.finish(self.rows, pd.DataFrame(table).astype(whole))
        log.info(
            "%d images of %d files, of which %d were skipped",
            len(index),
            len(self.files) + len(self.passed_over),
            len(self.problems) + len(self.passed_over),
        )
        return index

    def _skipped(self) -> Iterator[tuple[str, Unreadable]]:
        for number, problem in self.problems.items():
            yield self.files[number].path, problem
        yield from self.passed_over

    def table_of_skipped(self) -> pd.DataFrame:
        """Path, kind and reason of each, sorted by path."""
        rows = [
            (self.names[path], problem.kind, problem.reason)
            for path, problem in sorted(self._skipped(), key=lambda row: row[0])
        ]
        return pd.DataFrame(rows, columns=["path", "kind", "reason"], dtype=str)

    def _nothing(self) -> str:
        kinds = Counter(problem.kind for _, problem in self._skipped())
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        return (
            f"{self.root} holds no image that can be read "
            f"({told or 'it is empty'}); DICOM, NIfTI, Analyze, MGH, MINC, PNG, JPEG "
            "and TIFF files are looked for, whatever their names."
        )


def _numbers_for(paths: list[str], key: Path) -> dict[str, str]:
    """A number for each path, that of an earlier run where the file has one."""
    known: dict[str, str] = {}
    if key.exists():
        table = pd.read_csv(
            key, dtype=str, keep_default_na=False, encoding_errors="surrogateescape"
        )
        if list(table.columns) != ["number", "path"]:
            raise ValueError(
                f"path_key={os.fspath(key)} is there already, and is no such table: "
                "give another name."
            )
        known = dict(zip(table["path"], table["number"], strict=True))
        if not all(number.isdecimal() for number in known.values()):
            raise ValueError(f"path_key={os.fspath(key)} is spoilt: give another name.")
    start = 1 + max((int(number) for number in known.values()), default=0)
    new = [path for path in paths if path not in known]
    known |= {path: f"{start + place:07d}" for place, path in enumerate(new)}
    rows = sorted((number, path) for path, number in known.items())
    write_table(key, pd.DataFrame(rows, columns=["number", "path"]))
    return known
