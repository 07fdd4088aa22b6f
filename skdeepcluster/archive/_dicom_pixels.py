"""DICOM: where the pixels are, and their decoding, which trusts no header."""

from __future__ import annotations

import contextlib
import io
from struct import unpack
from typing import Any, BinaryIO

from numpy.typing import NDArray
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import (
    JPEG2000,
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from skdeepcluster.archive._file import Unreadable, check_images, check_size

_KEYWORDS = {
    (0x7FE0, 0x0008): "FloatPixelData",
    (0x7FE0, 0x0009): "DoubleFloatPixelData",
    (0x7FE0, 0x0010): "PixelData",
}
# pydicom tries GDCM first, which is slower, and aborts on some damaged pictures.
_DECODERS = {
    JPEGBaseline8Bit: ("pillow",),
    JPEGLSLossless: ("pyjpegls", "gdcm"),
    JPEGLSNearLossless: ("pyjpegls", "gdcm"),
    JPEG2000Lossless: ("pylibjpeg", "pillow"),
    JPEG2000: ("pylibjpeg", "pillow"),
    RLELossless: ("pydicom",),
}
_DELIMITER = b"\xfe\xff\xdd\xe0"  # after the last compressed frame (PS3.5, A.4)
_TAIL = 2**16


class CodedPixels:
    """The pixels of an open file, one frame at a time, as they are stored.

    Parameters
    ----------
    file : binary file
        At the tag of its pixels.
    data : Dataset
        What comes before them.
    syntax : UID
        How they are coded.

    Attributes
    ----------
    options : dict
        Their size, number and kind, in pydicom's words.
    notes : list of str
        What of these had to be assumed.
    cut : bool
        Whether the file ends after a frame without saying that it was the last.
    """

    def __init__(self, file: BinaryIO, data: Dataset, syntax: UID) -> None:
        self._file, self._syntax = file, syntax
        keywords = _read_tag(file, syntax)
        self._start = file.tell()
        self.options: dict[str, Any] = as_pixel_options(data, **keywords)
        self.notes = _complete(self.options)
        self._check_frames()
        size = file.seek(0, io.SEEK_END)
        self.cut = syntax.is_encapsulated and self._is_cut(size)
        if not syntax.is_encapsulated:
            self._check_length(size)

    def _check_frames(self) -> None:
        check_size(self.options["rows"], self.options["columns"])
        n_frames = int(self.options["number_of_frames"])
        if n_frames < 1:
            raise Unreadable("damaged", "Its header gives an absurd number of frames.")
        check_images(n_frames)

    def _is_cut(self, size: int) -> bool:
        if int(self.options["number_of_frames"]) > size:
            raise Unreadable("damaged", "It is too short for its frames.")
        self._file.seek(max(self._start, size - _TAIL))
        return _DELIMITER not in self._file.read()

    def _check_length(self, size: int) -> None:
        options = self.options
        bits = int(options["number_of_frames"]) * options["rows"] * options["columns"]
        bits *= options["samples_per_pixel"] * options["bits_allocated"]
        if "422" in options["photometric_interpretation"]:
            bits = bits * 2 // 3
        if bits > 8 * (size - self._start):
            raise Unreadable("damaged", "It ends before its pixels do.")

    def decode(self, frame: int) -> tuple[NDArray[Any], dict[str, Any]]:
        """One frame, and what its decoder found it to be."""
        try:
            decoder = get_decoder(self._syntax)
        except NotImplementedError:
            raise unsupported(self._syntax) from None
        if decoder.is_encapsulated:
            self._check_codestream(frame)
        try:
            return self._decode(decoder, frame)
        except RuntimeError as error:
            # Only these words of pydicom's are looked for; nothing of it is kept.
            if "does not support" in str(error) or "with 1 bits" in str(error):
                raise unsupported(self._syntax) from None
            raise

    def _check_codestream(self, frame: int) -> None:
        """Decoders believe the compressed picture's own size, and make room for it."""
        self._file.seek(self._start)
        coded = get_frame(
            self._file,
            frame,
            number_of_frames=self.options["number_of_frames"],
            extended_offsets=self.options.get("extended_offsets"),
        )
        size = coded_size(coded)
        if self._syntax != RLELossless:  # which has no size of its own
            check_size(*size)
            if size != (self.options["rows"], self.options["columns"]):
                reason = "Its compressed picture is not of the size in its header."
                raise Unreadable("damaged", reason)

    def _decode(self, decoder: Decoder, frame: int) -> tuple[NDArray[Any], Any]:
        options = dict(self.options, index=frame, validate=True)
        *others, last = _DECODERS.get(self._syntax, ("",))
        for plugin in others:
            with contextlib.suppress(Exception):
                self._file.seek(self._start)
                return decoder.as_array(self._file, decoding_plugin=plugin, **options)
        self._file.seek(self._start)
        return decoder.as_array(self._file, decoding_plugin=last, **options)


def _complete(options: dict[str, Any]) -> list[str]:
    """Assume what a header leaves out, in place, and say so."""
    notes = []
    name = str(options.get("photometric_interpretation") or "").strip().upper()
    options["photometric_interpretation"] = name or None
    assumed = {
        "samples_per_pixel": ("SamplesPerPixel", 1),
        "bits_stored": ("BitsStored", options["bits_allocated"]),
        "pixel_representation": ("PixelRepresentation", 0),
    }
    if options.get("samples_per_pixel") in (None, 1):
        assumed["photometric_interpretation"] = (
            "PhotometricInterpretation",
            "MONOCHROME2",
        )
    else:
        assumed["planar_configuration"] = ("PlanarConfiguration", 0)
    for option, (keyword, value) in assumed.items():
        if options.get(option) is None and options["pixel_keyword"] == "PixelData":
            options[option] = value
            notes.append(f"No {keyword}: read as {value}.")
    if options["photometric_interpretation"] is None:
        raise Unreadable("damaged", "Its header has no PhotometricInterpretation.")
    return notes


def _read_tag(file: BinaryIO, syntax: UID) -> dict[str, Any]:
    """What the tag of the pixels says; leaves the file behind it."""
    start = file.read(8)
    if len(start) < 8:
        raise Unreadable("damaged", "It ends before its pixels.")
    options: dict[str, Any] = {"transfer_syntax_uid": syntax}
    endian = "<" if syntax.is_little_endian else ">"
    group, element, code, _ = unpack(endian + "HH2sH", start)
    # Some writers forget it for the pixels alone.
    if not syntax.is_implicit_VR and code in (b"OB", b"OW", b"OF", b"OD", b"UN"):
        options["pixel_vr"] = code.decode("ascii")
        file.read(4)
    options["pixel_keyword"] = _KEYWORDS[group, element]
    return options


def coded_size(coded: bytes) -> tuple[int, int]:
    """Height and width that a JPEG, JPEG-LS or JPEG 2000 picture gives; else (0, 0).

    Parameters
    ----------
    coded : bytes
        The compressed picture.

    Returns
    -------
    int, int
        In pixels.
    """
    start = coded.find(b"\xff\x4f\xff\x51", 0, 4096)  # some writers put boxes before
    if start >= 0 and len(coded) >= start + 24:  # JPEG 2000, Annex A.5.1
        right, bottom, left, top = unpack(">4L", coded[start + 8 : start + 24])
        return max(0, bottom - top), max(0, right - left)
    place = 2
    while coded[:2] == b"\xff\xd8" and place + 9 <= len(coded):  # ITU-T T.81, Annex B
        marker, length = coded[place + 1], unpack(">H", coded[place + 2 : place + 4])[0]
        if coded[place] != 0xFF:
            break
        frame_header = 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
        if frame_header or marker == 0xF7:  # JPEG-LS: ITU-T T.87
            height, width = unpack(">2H", coded[place + 5 : place + 9])
            return height, width
        place += 1 if marker == 0xFF else 2 + length
    return 0, 0


def unsupported(syntax: UID) -> Unreadable:
    """Of an image in a coding that no free decoder reads."""
    name = UID_dictionary.get(str(syntax), ["an unknown transfer syntax"])[0]
    return Unreadable("unsupported", f"No free decoder reads this image: {name}.")
