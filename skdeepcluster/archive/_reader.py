"""Files as the first step of a pipeline."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skdeepcluster import _warnings
from skdeepcluster._image_size import read_at
from skdeepcluster._reader_options import Options, check_options
from skdeepcluster.archive._file import Unreadable, UnreadableFileError
from skdeepcluster.archive._options import check_limits
from skdeepcluster.archive._parallel import in_parallel
from skdeepcluster.archive._tasks import RowAndPath, longer_side, one_image

Result = TypeVar("Result")

_CHUNK = 16
_SAMPLE = 1000  # files whose headers tell how large images are


class ImageReader(TransformerMixin, BaseEstimator):
    """One image of each file, so that paths can be the input of a pipeline.

    It keeps nothing of the data but their size. For a whole archive with its series,
    and for a store on disk, see
    :func:`~skdeepcluster.archive.load_archive`.

    Parameters
    ----------
    image_size : int or "auto", default="auto"
        Height and width in pixels that images are scaled to, their aspect kept. "auto"
        follows from the files that `fit` sees, of which it reads the headers: 128 where
        the median of the longer sides has 96 pixels or more, else 64.

    channels : {1, 3}, default=1
        1 makes colour grey; 3 repeats grey.

    frames : {"first", "middle"}, default="middle"
        Which time of a file with several. Of a volume it is always the middle slice.

    window : "image", (low, high) or None, default="image"
        What becomes black and white in 8 bits: percentiles 0.5 and 99.5 of the image,
        or two values in the units of the modality. None keeps the values, as float32.
        A window of the series would depend on other files.

    on_error : {"raise", "blank"}, default="raise"
        What to do about a file that gives no image: raise an error, or put a black
        image in its place, and warn once.

    n_jobs : int, default=1
        Processes that decode, as of joblib; -1 is one for each core. None of them is
        this one, also with 1, so that no file can harm it; they are kept for a minute.

    timeout : float, default=30
        Seconds, of the clock and of the processor, that a file may take. One that takes
        longer gives no image.

    max_memory : float, default=4
        GiB that each of the processes may take, of its address space, on Linux. A file
        that does not fit gives no image.

    See Also
    --------
    skdeepcluster.archive.load_archive : A folder, whatever is in it.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> from skdeepcluster.archive import ImageReader
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [f"{folder}/{number}.png" for number in range(3)]
    ...     for path in paths:
    ...         Image.new("L", (20, 10), 100).save(path)
    ...     ImageReader(image_size=32).fit_transform(paths).shape
    (3, 32, 32)
    """

    def __init__(
        self,
        image_size: int | Literal["auto"] = "auto",
        *,
        channels: Literal[1, 3] = 1,
        frames: Literal["first", "middle"] = "middle",
        window: Literal["image"] | tuple[float, float] | None = "image",
        on_error: Literal["raise", "blank"] = "raise",
        n_jobs: int = 1,
        timeout: float = 30,
        max_memory: float = 4,
    ) -> None:
        self.image_size = image_size
        self.channels = channels
        self.frames = frames
        self.window = window
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.timeout = timeout
        self.max_memory = max_memory

    def fit(self, X: Sequence[str], y: None = None) -> Self:
        """Check the parameters, and choose the size of images if that is "auto".

        Parameters
        ----------
        X : sequence of str or path
            Files, of which headers are read where `image_size` is "auto".
        y : None
            Ignored.

        Returns
        -------
        self
            The reader.

        Raises
        ------
        ValueError
            If a parameter is not as documented.
        """
        options = self._check()
        paths = _paths(X)
        self.image_size_ = options.image_size or read_at(
            self._longer_sides(paths, options)
        )
        return self

    def transform(self, X: Sequence[str]) -> NDArray[Any]:
        """Read the files.

        Parameters
        ----------
        X : sequence of n str or path
            Files of any format that :func:`~skdeepcluster.archive.load_archive` reads.

        Returns
        -------
        ndarray of shape (n, image_size, image_size) or (..., 3)
            uint8, or float32 with ``window=None``; always a row for each path.

        Raises
        ------
        UnreadableFileError
            If a file gives no image, with ``on_error="raise"``.
        ValueError
            If a parameter is not as documented.
        NotFittedError
            Before `fit`, where `image_size` is "auto".
        """
        options = self._check()
        size = options.image_size
        if size is None:
            check_is_fitted(self)
            size = self.image_size_
        options = options._replace(image_size=size)
        paths = _paths(X)
        shape = (len(paths), size, size, 3)
        dtype = np.float32 if self.window is None else np.uint8
        images = np.zeros(shape if self.channels == 3 else shape[:3], dtype)
        failed = []
        with contextlib.closing(self._run(one_image, options, paths)) as runs:
            for (row, _), got in runs:
                if not isinstance(got, Unreadable):
                    images[row] = got
                elif self.on_error == "raise":
                    raise UnreadableFileError(paths[row], got.kind, got.reason, "blank")
                else:
                    failed.append(row)
        if failed:
            _warnings.warn(_warnings.blank_rows(sorted(failed), len(paths)))
        return images

    def _longer_sides(self, paths: list[str], options: Options) -> Iterator[int]:
        """Of the image of some files, those that have one."""
        some = paths[:: -(-len(paths) // _SAMPLE) or 1]
        for _, side in self._run(longer_side, options, some):
            if not isinstance(side, Unreadable):
                yield side

    def _run(
        self,
        task: Callable[[Options, RowAndPath], Result],
        options: Options,
        paths: list[str],
    ) -> Generator[tuple[RowAndPath, Result | Unreadable]]:
        # Who opens them may have been started in another folder.
        rows = [(row, os.path.abspath(path)) for row, path in enumerate(paths)]
        chunks = [rows[n : n + _CHUNK] for n in range(0, len(rows), _CHUNK)]
        limits = check_limits(self.timeout, self.max_memory)
        return in_parallel(
            functools.partial(task, options), chunks, self.n_jobs, limits
        )

    def _check(self) -> Options:
        if self.frames not in ("first", "middle"):
            raise ValueError(
                f"frames={self.frames!r} is neither 'first' nor 'middle': a file gives "
                "one image here. load_archive gives all of them."
            )
        window: Any = self.window
        if isinstance(window, str) and window == "series":
            raise ValueError(
                "window='series' depends on other files, and a reader sees one: take "
                "'image', (low, high) or None, or load_archive."
            )
        if self.on_error not in ("raise", "blank"):
            raise ValueError(
                f"on_error={self.on_error!r} is neither 'raise' nor 'blank'."
            )
        if self.channels not in (1, 3):
            raise ValueError(f"channels={self.channels!r} is neither 1 nor 3.")
        check_limits(self.timeout, self.max_memory)
        return check_options(self.image_size, self.channels, self.frames, window)

    def __sklearn_tags__(self) -> Tags:
        """Of strings, one a row."""
        tags = super().__sklearn_tags__()
        tags.requires_fit = self.image_size == "auto"
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _paths(X: Any) -> list[str]:
    if isinstance(X, str | os.PathLike):
        raise ValueError("X is one path; give a list of paths.")
    try:
        return [os.fspath(path) for path in np.asarray(X, dtype=object).ravel()]
    except TypeError:
        raise ValueError("X is not a list of paths: not all of it is text.") from None
