"""DICOM: one file, its headers and its pixels."""

from __future__ import annotations

import functools
import io
import zlib
from typing import Any, BinaryIO, NamedTuple

import pydicom
from numpy.typing import NDArray
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset
from pydicom.filereader import (
    _at_pixel_data,
    _read_file_meta_info,
    read_dataset,
    read_preamble,
)
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from skdeepcluster.archive._dicom_elements import (
    TAGS,
    WANTED,
    functional_groups,
    number,
    text,
)
from skdeepcluster.archive._dicom_headers import headers_of
from skdeepcluster.archive._dicom_pixels import CodedPixels, unsupported
from skdeepcluster.archive._dicom_values import values_of
from skdeepcluster.archive._file import Address, Header, Unreadable

MAX_INFLATED = 2**30
"""Bytes of a deflated file, inflated."""

_IN_MEMORY = 2**26


class DicomFile:
    """The images of one DICOM file, with or without its preamble."""

    def __init__(self, file: BinaryIO, size: int, *, preamble: bool) -> None:
        if size <= _IN_MEMORY:
            # A header is hundreds of short reads, which memory answers much faster.
            file = io.BytesIO(file.read())
        content = _read(file, preamble)
        _check_that_it_is_an_image(content)
        self._file, self._data = content.file, content.data
        self._coded = CodedPixels(content.file, content.data, content.syntax)
        self._groups = functional_groups(content.data)
        notes = [content.note, *self._coded.notes]
        if self._coded.cut:
            notes.append("Cut after its last frame.")
        if number(content.data, "RescaleSlope") == 0:
            notes.append("RescaleSlope is 0: read as 1.")
        self._note = " ".join(filter(None, notes))

    @functools.cached_property
    def headers(self) -> list[Header]:
        """What is known of each frame."""
        return headers_of(self._data, self._groups, self._coded.options, self._note)

    def pixels(self, address: Address) -> NDArray[Any]:
        """One image, rescaled to the modality's units, white where values are high."""
        frame = address.frame or 0
        stored, found = self._coded.decode(frame)
        return values_of(stored, found, self._data, self._groups, frame)

    def close(self) -> None:
        """No more is read."""
        self._file.close()


class _Content(NamedTuple):
    file: BinaryIO
    """At the tag of the pixels; another file where the content was deflated."""
    meta: Dataset
    data: Dataset
    """Up to the pixels."""
    syntax: UID
    note: str
    """What had to be assumed."""


def _read(file: BinaryIO, preamble: bool) -> _Content:
    file.seek(0)
    if preamble:
        read_preamble(file, force=True)
    meta = _read_file_meta_info(file)
    syntax = meta.get("TransferSyntaxUID")
    if not syntax:
        return _read_without_syntax(file, meta)
    if not syntax.is_transfer_syntax:
        raise unsupported(syntax)
    if syntax == DeflatedExplicitVRLittleEndian:
        file = _inflate(file)
    data = read_dataset(
        file,
        syntax.is_implicit_VR,
        syntax.is_little_endian,
        stop_when=_at_pixel_data,
        defer_size=_IN_MEMORY,
        specific_tags=WANTED,
    )
    return _Content(file, meta, data, syntax, "" if preamble else "No preamble.")


def _read_without_syntax(file: BinaryIO, meta: Dataset) -> _Content:
    file.seek(0)
    data: Dataset = pydicom.dcmread(
        file, force=True, stop_before_pixels=True, specific_tags=WANTED
    )
    implicit, little = data.original_encoding
    syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    if not little:
        syntax = ExplicitVRBigEndian
    note = f"No transfer syntax: read as {syntax.name}."
    return _Content(file, meta, data, syntax, note)


def _inflate(file: BinaryIO) -> BinaryIO:
    """What follows, which may be a bomb."""
    inflater, parts, total = zlib.decompressobj(-zlib.MAX_WBITS), [], 0
    while not inflater.eof and (part := file.read(2**16)):
        while part and not inflater.eof:
            parts.append(inflater.decompress(part, 2**20))
            part = inflater.unconsumed_tail
            total += len(parts[-1])
            if total > MAX_INFLATED:
                raise Unreadable(
                    "too large", f"More than {MAX_INFLATED:,} bytes when inflated."
                )
    return io.BytesIO(b"".join(parts))


def _check_that_it_is_an_image(content: _Content) -> None:
    if all(TAGS[name] in content.data for name in ("Rows", "Columns", "BitsAllocated")):
        return
    named = text(content.data, "SOPClassUID")
    named = named or text(content.meta, "MediaStorageSOPClassUID")
    name = UID_dictionary.get(named, [""])[0]
    if "Image Storage" in name:
        raise Unreadable("damaged", "A DICOM image that ends before its pixels.")
    what = name.removesuffix(" Storage") or "of an unknown class"
    raise Unreadable("not an image", f"DICOM without an image: {what}.")
