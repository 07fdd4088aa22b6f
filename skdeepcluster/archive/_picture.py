"""PNG, JPEG, TIFF and WebP."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from skdeepcluster.archive._file import (
    Address,
    Header,
    Unreadable,
    When,
    check_size,
    too_many_pixels,
)

_ORIENTATION = 0x0112  # of Exif
_PHOTOMETRIC = 262  # of TIFF 6.0
_SAMPLE_FORMAT = 339
_MAX_PAGES = 10_000
_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")
_GREY_OF_MORE_BITS = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_GREY = ("1", "L", "LA", "La", *_GREY_OF_MORE_BITS)


class PictureFile:
    """The pages of a picture file."""

    def __init__(self, path: str) -> None:
        try:
            self._picture = Image.open(path, formats=_FORMATS)
        except UnidentifiedImageError:
            if _is_unknown_tiff(path):
                reason = "A kind of TIFF that is not read: write it in 8 or 16 bits."
                raise Unreadable("unsupported", reason) from None
            raise Unreadable("damaged", "Begins as a picture, and is none.") from None
        except Image.DecompressionBombError:
            raise too_many_pixels() from None
        self._path = path
        self._is_turned = False
        try:
            self.headers = list(self._headers())
        except BaseException:
            self.close()
            raise

    def _headers(self) -> Iterator[Header]:
        n_pages = 1
        if self._picture.format == "TIFF":
            n_pages = getattr(self._picture, "n_frames", 1)
        if n_pages > _MAX_PAGES:
            raise Unreadable("too large", f"A TIFF of more than {_MAX_PAGES:,} pages.")
        for page in range(n_pages):
            self._picture.seek(page)
            width, height = self._picture.size
            check_size(height, width)
            orientation = self._orientation()
            self._is_turned = orientation > 1
            if orientation >= 5:  # on its side
                if self._picture.format == "TIFF":  # Pillow 13.0 misreads it
                    reason = "A TIFF that is stored on its side."
                    raise Unreadable("unsupported", reason)
                width, height = height, width
            self._check_numbers()
            deep = self._picture.mode in _GREY_OF_MORE_BITS
            bits = 16 if "16" in self._picture.mode else 32 if deep else 8
            yield Header(
                Address(frame=page if n_pages > 1 else None),
                height,
                width,
                bits,
                when=When(frame=page),
                shown=not deep,
            )

    def _orientation(self) -> int:
        """1 is upright."""
        if self._picture.format == "PNG" and not _has_exif_behind(self._path):
            # A PNG's own method would decode it, to look behind the pixels.
            exif = Image.Image.getexif(self._picture)
        else:
            exif = self._picture.getexif()
        found = exif.get(_ORIENTATION)
        return found if isinstance(found, int) and 1 <= found <= 8 else 1

    def _check_numbers(self) -> None:
        """Raise Unreadable where Pillow takes numbers with a sign for others."""
        if self._picture.mode == "L" and self._tag(_SAMPLE_FORMAT) == 2:
            raise Unreadable("unsupported", "A TIFF of 8 bits with a sign.")

    def _tag(self, number: int) -> int | None:
        """A tag of this page of a TIFF."""
        found = getattr(self._picture, "tag_v2", {}).get(number)
        return found[0] if isinstance(found, tuple) else found

    def pixels(self, address: Address) -> NDArray[Any]:
        """One page, upright."""
        self._picture.seek(address.frame or 0)
        check_size(self._picture.height, self._picture.width)
        picture: Image.Image = self._picture
        if self._is_turned and picture.format != "TIFF":  # which Pillow turns itself
            picture = ImageOps.exif_transpose(picture)
        if picture.mode in _GREY_OF_MORE_BITS:
            return self._deep_values(np.asarray(picture))
        if picture.has_transparency_data:  # what is not there is black, as padding is
            seen = picture.convert("RGBA")
            picture = Image.new("RGBA", seen.size, "black")
            picture.alpha_composite(seen)
        is_grey = self._picture.mode in _GREY
        return np.asarray(picture.convert("L" if is_grey else "RGB"))

    def _deep_values(self, values: NDArray[Any]) -> NDArray[Any]:
        """White where values are high; Pillow sees to that in 8 bits only."""
        if self._picture.format != "TIFF":
            return values
        if values.dtype == np.int32 and self._tag(_SAMPLE_FORMAT) in (None, 1):
            values = values.view(np.uint32)
        if self._tag(_PHOTOMETRIC) != 0:
            return values
        return -values if values.dtype.kind == "f" else ~values

    def close(self) -> None:
        """No more is read."""
        self._picture.close()


def _is_unknown_tiff(path: str) -> bool:
    """Whether it is a whole TIFF of a kind that Pillow does not know."""
    try:
        with TiffImageFile(path):
            return False
    except SyntaxError as error:  # only this word of Pillow's is looked for
        return "pixel mode" in str(error)
    except Exception:
        return False


def _has_exif_behind(path: str) -> bool:
    """Whether a PNG has a chunk of Exif after those of its pixels."""
    is_behind = False
    with open(path, "rb") as file:
        place = file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            is_behind |= kind == b"IDAT"
            if kind == b"eXIf" and is_behind:
                return True
            place = file.seek(place + length + 12)
    return False
