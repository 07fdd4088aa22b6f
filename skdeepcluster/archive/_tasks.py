"""What is made of a file, in the process that opens it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

from numpy.typing import NDArray

from skdeepcluster._reader_options import Options
from skdeepcluster.archive._choice import Found, choose
from skdeepcluster.archive._file import Address, Header
from skdeepcluster.archive._formats import open_image
from skdeepcluster.archive._pixels import inner, limits, to_square, with_window

MAX_AT_ONCE = 512
"""Images of a file that are decoded at once, if they are small."""

MAX_PIXELS_AT_ONCE = 2**26
"""Pixels of a file that are decoded at once, if it has more than one image."""


RowAndPath = tuple[int, str]
"""Of a list of paths."""


class Wanted(NamedTuple):
    """What is to be read of a file."""

    number: int
    path: str
    addresses: list[Address] | None
    """Of pixels; None is all, unless they are too many to be decoded at once."""
    headers: bool


class Got(NamedTuple):
    """What was read."""

    headers: list[Header]
    images: list[tuple[Address, NDArray[Any]]]


def read(options: Options, wanted: Wanted) -> Got:
    """Headers and pixels of a file of an archive."""
    with open_image(wanted.path) as file:
        addresses = wanted.addresses
        if addresses is None:
            first, *later = parts(file.headers, options.image_size)
            addresses = [] if later else [header.address for header in first]
        images = [(a, _square(file.pixels(a), options)) for a in addresses]
        return Got(file.headers if wanted.headers else [], images)


def parts(images: Iterable[Header], image_size: int | None) -> Iterator[list[Header]]:
    """What is decoded at once of a file, in the time that `timeout` grants."""
    made = 0 if image_size is None else image_size**2  # of an image, in pixels
    part: list[Header] = []
    n_pixels = 0
    for image in images:
        larger = max(image.height * image.width, made)
        n_pixels += larger
        if part and (len(part) == MAX_AT_ONCE or n_pixels > MAX_PIXELS_AT_ONCE):
            yield part
            part, n_pixels = [], larger
        part.append(image)
    yield part


def longer_side(options: Options, row_and_path: RowAndPath) -> int:
    """Of the one image of a file that is read where there is one a file, in pixels."""
    with open_image(row_and_path[1]) as file:
        header = _one_of(file.headers, options)
        return max(header.height, header.width)


def one_image(options: Options, row_and_path: RowAndPath) -> NDArray[Any]:
    """The one image of a file, with its window."""
    with open_image(row_and_path[1]) as file:
        header = _one_of(file.headers, options)
        square = _square(file.pixels(header.address), options)
    window = options.window
    if window is None:
        return square
    inside = inner(header.height, header.width, square.shape[0])
    if isinstance(window, str):
        window = limits(square[inside])
    return with_window(square, inside, *window)


def _square(values: NDArray[Any], options: Options) -> NDArray[Any]:
    # Both are known before pixels are asked for.
    image_size, channels = cast("tuple[int, int]", options[:2])
    return to_square(values, image_size, channels)


def _one_of(headers: list[Header], options: Options) -> Header:
    found = choose([Found(0, header) for header in headers], options.frames)
    in_space = sorted(found, key=lambda image: image.header.place or ())
    return in_space[len(in_space) // 2].header
