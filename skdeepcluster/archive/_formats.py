"""Which reader a file wants, by what it holds and not by its name."""

from __future__ import annotations

import contextlib
import gzip
import logging
import os
import stat
import warnings
import zlib
from collections.abc import Iterator

import pydicom

from skdeepcluster.archive._dicom import DicomFile
from skdeepcluster.archive._file import ImageFile, Unreadable
from skdeepcluster.archive._picture import PictureFile
from skdeepcluster.archive._volume import VolumeFile, recognise

_HEAD = 1024
_PICTURES = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
)


@contextlib.contextmanager
def open_image(path: str) -> Iterator[ImageFile]:
    """An image file of any format that is read.

    Parameters
    ----------
    path : str
        Of a file.

    Yields
    ------
    ImageFile
        It is closed at the end.

    Raises
    ------
    Unreadable
        Whatever is wrong, also while reading its pixels; nothing that the file says is
        repeated.
    MemoryError
        As it is raised. Nothing else is.
    """
    try:
        with _quiet():
            file = _open(path)
            try:
                yield file
            finally:
                file.close()
    except (Unreadable, MemoryError):
        raise
    except PermissionError:
        raise Unreadable("inaccessible", "No permission to read it.") from None
    except FileNotFoundError:
        raise Unreadable("inaccessible", "It is no longer there.") from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        reason = "Its compressed content is cut or spoilt."
        raise Unreadable("damaged", reason) from None
    except Exception as error:
        # A decoder raises whatever the damage leads to, and its messages may quote
        # the file: only their kind is kept.
        reason = f"It cannot be decoded ({type(error).__name__})."
        raise Unreadable("damaged", reason) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No warning and no log of any library: they quote headers."""
    before = logging.root.manager.disable
    with warnings.catch_warnings(), pydicom.config.disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            logging.disable(logging.CRITICAL)
            yield
        finally:
            logging.disable(before)


def _open(path: str) -> ImageFile:
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise Unreadable("inaccessible", "Not a regular file.")
    with open(path, "rb") as file:
        head = file.read(_HEAD)
        size = os.fstat(file.fileno()).st_size
    if not head:
        raise Unreadable("damaged", "The file is empty.")
    preamble = head[128:132] == b"DICM"  # what comes before it may look like a TIFF
    if preamble and size == 132:
        raise Unreadable("damaged", "It ends after its preamble.")
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    if (head.startswith(_PICTURES) or is_webp) and not preamble:
        return PictureFile(path)
    compressed = head[:2] == b"\x1f\x8b"
    kind = None
    if not preamble:
        head = _inflated(path) if compressed else head
        kind = recognise(head)
        if kind is not None:
            return VolumeFile(path, kind, compressed)
        if compressed and (head[128:132] == b"DICM" or _begins_as_dicom(head)):
            raise Unreadable("unsupported", "A DICOM file in gzip: decompress it.")
        if compressed:
            raise Unreadable("not an image", "Compressed, and neither NIfTI nor MGH.")
    if preamble or _begins_as_dicom(head):
        return _open_dicom(path, size, preamble)
    raise Unreadable("not an image", _what_it_is(path, head))


def _open_dicom(path: str, size: int, preamble: bool) -> DicomFile:
    file = open(path, "rb")  # noqa: SIM115
    try:
        return DicomFile(file, size, preamble=preamble)
    except BaseException:
        file.close()
        raise


def _what_it_is(path: str, head: bytes) -> str:
    """In place of an image."""
    stem, suffix = os.path.splitext(path)
    if suffix.lower() == ".img" and os.path.isfile(stem + ".hdr"):
        return "The pixels of the .hdr file beside it."
    if all(byte < 128 and (byte > 31 or byte in b"\t\n\r\f") for byte in head):
        return "A text."
    return "Neither DICOM, NIfTI, Analyze, MGH, MINC, PNG, JPEG, TIFF nor WebP."


def _inflated(path: str) -> bytes:
    with gzip.open(path, "rb") as file:
        return file.read(_HEAD)


def _begins_as_dicom(head: bytes) -> bool:
    """Whether it may be a data set without preamble: groups 2 and 8 come first."""
    if len(head) < 8:
        return False
    for order in ("little", "big"):
        group = int.from_bytes(head[0:2], order)
        element = int.from_bytes(head[2:4], order)
        explicit = head[4:6].isalpha() and head[4:6].isupper()
        implicit = int.from_bytes(head[4:8], order) <= 2**16  # a length
        if group in (2, 8) and element <= 0x0100 and (explicit or implicit):
            return True
    return False
