"""What every reader of a file format gives, and how it says that it cannot."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

MAX_PIXELS = 8192 * 8192
"""Of one image; no scanner makes larger ones, and bombs are larger."""

MAX_IMAGES = 2**18
"""Of one file."""

Kind = Literal[
    "hidden",  # by name
    "not an image",  # a text, a report, a structure set
    "damaged",
    "unsupported",  # an image, in a coding that no free decoder reads
    "too large",
    "too slow",
    "inaccessible",  # no permission, no regular file, a link to nowhere
]


class Unreadable(Exception):  # noqa: N818
    """Why a file gives no image: its kind, and a sentence without a word of its own."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(kind, reason)
        self.kind = kind
        self.reason = reason


class UnreadableFileError(ValueError):
    """A file of an archive that should give an image, and does not.

    Parameters
    ----------
    path : str
        As it was given, or relative to the folder; it is not part of the message, for
        names of files may be names of patients.
    kind : str
        "damaged", "unsupported", "too large", "too slow" or "inaccessible".
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


class Address(NamedTuple):
    """An image in its file; None where that does not apply."""

    frame: int | None = None
    slice: int | None = None


class When(NamedTuple):
    """Of images of one place, sorted so the earliest is the first."""

    trigger: float = np.inf
    phase: float = np.inf
    acquired: str = "~"
    instance: float = np.inf
    frame: int = 0


class Header(NamedTuple):
    """What is known of one image before its pixels are decoded.

    `series` and `kind` never leave memory: they may hold what a header says.
    """

    address: Address
    height: int
    width: int
    bits: int
    series: str | None = None
    """Names the series across files; "" of a file that is one; None of a picture."""
    kind: str = ""
    """Images of different kinds are not phases of each other (magnitude, velocity)."""
    place: tuple[float, ...] | None = None
    """Orientation and position; None where unknown."""
    when: When = When()
    shown: bool = False
    """Made for display: colour, or a picture of 8 bits. Its range is 0 to 255."""
    burned_in: str = ""
    """Whether DICOM's header says yes or no, or "not said"; "" of other files."""
    note: str = ""
    """What had to be assumed."""


class ImageFile(Protocol):
    """An open file."""

    @property
    def headers(self) -> list[Header]:
        """What is known of each image before its pixels are decoded."""

    def pixels(self, address: Address) -> NDArray[Any]:
        """Of one image, (height, width) or (height, width, 3)."""

    def close(self) -> None:
        """No more is read."""


def check_images(number: float) -> None:
    """Raise Unreadable if no real file has that many images."""
    if number > MAX_IMAGES:
        raise Unreadable(
            "too large", f"More than {MAX_IMAGES:,} images, by its own header."
        )


def too_many_pixels() -> Unreadable:
    """Of an image that is larger than MAX_PIXELS."""
    return Unreadable(
        "too large", f"More than {MAX_PIXELS:,} pixels in one image, by its own header."
    )


def check_size(height: int, width: int) -> None:
    """Raise Unreadable unless an image of that size can be."""
    if height < 1 or width < 1:
        raise Unreadable("damaged", "Its header says that it has no pixels.")
    if min(height, width) == 1:  # values of a surface, a profile
        raise Unreadable("not an image", "It is one pixel wide.")
    if height * width > MAX_PIXELS:
        raise too_many_pixels()
