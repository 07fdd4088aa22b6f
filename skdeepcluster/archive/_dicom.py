"""DICOM: headers, and pixels in the modality's own units."""

from __future__ import annotations

import contextlib
import functools
import io
import math
import zlib
from struct import unpack
from typing import Any, BinaryIO

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.filereader import (
    _at_pixel_data,
    _read_file_meta_info,
    read_dataset,
    read_preamble,
)
from pydicom.multival import MultiValue
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.pixels.utils import as_pixel_options
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from skdeepcluster.archive._file import (
    Address,
    Header,
    Unreadable,
    When,
    check_images,
    check_size,
)

MAX_INFLATED = 2**30
"""Bytes of a deflated file, inflated."""

_PIXELS = {
    (0x7FE0, 0x0008): "FloatPixelData",
    (0x7FE0, 0x0009): "DoubleFloatPixelData",
    (0x7FE0, 0x0010): "PixelData",
}
# One value a frame: different ones are different places, and not times.
_PLACES = (
    "AngularViewVector",
    "DetectorVector",
    "EnergyWindowVector",
    "GridFrameOffsetVector",
    "RotationVector",
    "SliceVector",
)
# pydicom tries GDCM first, which is slower, and aborts on some damaged pictures.
_DECODERS = {
    JPEGBaseline8Bit: ("pillow",),
    JPEGLSLossless: ("pyjpegls", "gdcm"),
    JPEGLSNearLossless: ("pyjpegls", "gdcm"),
    JPEG2000Lossless: ("pylibjpeg", "pillow"),
    JPEG2000: ("pylibjpeg", "pillow"),
    RLELossless: ("pydicom",),
}
_MAX_TEXT = 1024
_DELIMITER = b"\xfe\xff\xdd\xe0"  # after the last compressed frame (PS3.5, A.4)
_TAIL = 2**16
_IN_MEMORY = 2**26
_PIXEL_MODULE = (
    "BitsAllocated",
    "BitsStored",
    "Columns",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "HighBit",
    "NumberOfFrames",
    "PhotometricInterpretation",
    "PixelRepresentation",
    "PlanarConfiguration",
    "Rows",
    "SamplesPerPixel",
)
_PALETTE = (
    "PaletteColorLookupTableUID",
    *(
        f"{colour}PaletteColorLookupTable{what}"
        for colour in ("Red", "Green", "Blue")
        for what in ("Descriptor", "Data")
    ),
    *(
        f"Segmented{colour}PaletteColorLookupTableData"
        for colour in ("Red", "Green", "Blue")
    ),
)
_TAGS = {
    name: Tag(name)
    for name in (
        *_PLACES,
        *_PIXEL_MODULE,
        *_PALETTE,
        "AcquisitionDateTime",
        "AcquisitionTime",
        "BurnedInAnnotation",
        "ImageOrientationPatient",
        "ImagePositionPatient",
        "ImageType",
        "InstanceNumber",
        "MediaStorageSOPClassUID",
        "ModalityLUTSequence",
        "PerFrameFunctionalGroupsSequence",
        "PixelPaddingValue",
        "RescaleIntercept",
        "RescaleSlope",
        "SOPClassUID",
        "SeriesInstanceUID",
        "SharedFunctionalGroupsSequence",
        "SliceLocation",
        "TemporalPositionIdentifier",
        "TriggerTime",
        # Within functional groups:
        "CTImageFrameTypeSequence",
        "CardiacSynchronizationSequence",
        "FrameAcquisitionDateTime",
        "FrameContentSequence",
        "FrameType",
        "MRImageFrameTypeSequence",
        "NominalCardiacTriggerDelayTime",
        "PixelValueTransformationSequence",
        "PlaneOrientationSequence",
        "PlanePositionSequence",
        "TemporalPositionIndex",
    )
}
_WANTED: list[BaseTag | int] = list(_TAGS.values())


class DicomFile:
    """The images of one DICOM file, with or without its preamble."""

    def __init__(self, file: BinaryIO, size: int, *, preamble: bool) -> None:
        # A header is hundreds of short reads, which memory answers much faster.
        self._file = file if size > _IN_MEMORY else io.BytesIO(file.read())
        self._read_header(preamble)
        _check_that_it_is_an_image(self._data, self._meta)
        self._find_pixels()
        self._check_length()
        per_frame = self._data.get_item(_TAGS["PerFrameFunctionalGroupsSequence"])
        self._each = [] if per_frame is None else self._data[per_frame.tag].value
        self._shared = _first(self._data, "SharedFunctionalGroupsSequence")

    def close(self) -> None:
        """No more is read."""
        self._file.close()

    def _read_header(self, preamble: bool) -> None:
        """Leaves the file at the tag of the pixels."""
        file = self._file
        file.seek(0)
        if preamble:
            read_preamble(file, force=True)
        meta = _read_file_meta_info(file)
        syntax, self._note = meta.get("TransferSyntaxUID"), ""
        if not syntax:
            file.seek(0)
            data: Dataset = pydicom.dcmread(
                file, force=True, stop_before_pixels=True, specific_tags=_WANTED
            )
            implicit, little = data.original_encoding
            syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
            if not little:
                syntax = ExplicitVRBigEndian
            self._note = f"No transfer syntax: read as {syntax.name}."
        else:
            if not syntax.is_transfer_syntax:
                raise _unsupported(syntax)
            if syntax == DeflatedExplicitVRLittleEndian:
                self._file = _inflate(file)
            if not preamble:
                self._note = "No preamble."
            data = read_dataset(
                self._file,
                syntax.is_implicit_VR,
                syntax.is_little_endian,
                stop_when=_at_pixel_data,
                defer_size=_IN_MEMORY,
                specific_tags=_WANTED,
            )
        self._data, self._meta, self._syntax = data, meta, syntax

    def _find_pixels(self) -> None:
        """How to decode, and where in the file."""
        syntax = self._syntax
        endian = "<" if syntax.is_little_endian else ">"
        start = self._file.read(8)
        if len(start) < 8:
            raise Unreadable("damaged", "It ends before its pixels.")
        options: dict[str, Any] = {"transfer_syntax_uid": syntax}
        group, element, code, _ = unpack(endian + "HH2sH", start)
        # Some writers forget it for the pixels alone.
        if not syntax.is_implicit_VR and code in (b"OB", b"OW", b"OF", b"OD", b"UN"):
            options["pixel_vr"] = code.decode("ascii")
            self._file.read(4)
        options["pixel_keyword"] = _PIXELS[group, element]
        self._start = self._file.tell()
        self._options = as_pixel_options(self._data, **options)

    def _check_length(self) -> None:
        options = self._options
        height, width = options["rows"], options["columns"]
        check_size(height, width)
        self._n_frames = n_frames = int(options["number_of_frames"])
        if n_frames < 1:
            raise Unreadable("damaged", "Its header gives an absurd number of frames.")
        check_images(n_frames)
        size = self._file.seek(0, io.SEEK_END)
        if self._syntax.is_encapsulated:
            if n_frames > size:
                raise Unreadable("damaged", "It is too short for its frames.")
            self._file.seek(max(self._start, size - _TAIL))
            if _DELIMITER not in self._file.read():
                self._note = f"{self._note} Cut after its last frame.".strip()
            return
        bits = n_frames * height * width
        bits *= options["samples_per_pixel"] * options["bits_allocated"]
        if "422" in options["photometric_interpretation"]:
            bits = bits * 2 // 3
        if bits > 8 * (size - self._start):
            raise Unreadable("damaged", "It ends before its pixels do.")

    @functools.cached_property
    def headers(self) -> list[Header]:
        """What is known of each frame."""
        data, options = self._data, self._options
        shared, n_frames = self._shared, self._n_frames
        colour = options["samples_per_pixel"] > 1
        colour |= options["photometric_interpretation"] == "PALETTE COLOR"
        bits = int(options.get("bits_stored") or options["bits_allocated"])
        said = _text(data, "BurnedInAnnotation").strip()
        burned_in = {"YES": "yes", "NO": "no"}.get(said, "not said")
        vectors: list[tuple[float, ...]] = []
        if n_frames > 1:
            vectors = [_vector(data, name) for name in _PLACES]
            vectors = [values for values in vectors if len(values) == n_frames]
        headers = []
        kind, series = _text(data, "ImageType"), _text(data, "SeriesInstanceUID")
        kind = _frame_type(shared) or kind
        for frame in range(n_frames):
            own = self._each[frame] if frame < len(self._each) else None
            place = _place(data, shared, own)
            if place is None and vectors:
                place = tuple(vector[frame] for vector in vectors)
            headers.append(
                Header(
                    Address(frame=frame if n_frames > 1 else None),
                    options["rows"],
                    options["columns"],
                    bits,
                    series=series,
                    kind=_frame_type(own) or kind,
                    place=place,
                    when=_when(data, own, frame),
                    shown=colour,
                    burned_in=burned_in,
                    note=self._note,
                )
            )
        return headers

    def pixels(self, address: Address) -> NDArray[Any]:
        """One image, rescaled to the modality's units, white where values are high."""
        frame = address.frame or 0
        try:
            decoder = get_decoder(self._syntax)
        except NotImplementedError:
            raise _unsupported(self._syntax) from None
        if decoder.is_encapsulated:
            self._check_codestream(frame)
        try:
            array, found = self._decode(decoder, frame)
        except RuntimeError as error:
            # Only these words of pydicom's are looked for; nothing of it is kept.
            if "does not support" in str(error) or "with 1 bits" in str(error):
                raise _unsupported(self._syntax) from None
            raise
        if found["photometric_interpretation"] == "PALETTE COLOR":
            array = apply_color_lut(array, self._data)
            return _to_255(array, 8 * array.dtype.itemsize)
        if array.ndim == 3:
            return _to_255(array, int(found["bits_stored"]))
        return self._grey(array, found, frame)

    def _decode(self, decoder: Decoder, frame: int) -> tuple[NDArray[Any], Any]:
        options = dict(self._options, index=frame, validate=True)
        *others, last = _DECODERS.get(self._syntax, ("",))
        for plugin in others:
            with contextlib.suppress(Exception):
                self._file.seek(self._start)
                return decoder.as_array(self._file, decoding_plugin=plugin, **options)
        self._file.seek(self._start)
        return decoder.as_array(self._file, decoding_plugin=last, **options)

    def _grey(
        self, stored: NDArray[Any], found: dict[str, Any], frame: int
    ) -> NDArray[Any]:
        values = self._to_units(stored, frame)
        if found["photometric_interpretation"] == "MONOCHROME1":
            ends = self._to_units(_stored_range(stored.dtype, found), frame)
            values = float(ends.sum()) - values
        padding = _value(self._data, "PixelPaddingValue")
        if padding is not None:
            padded = stored == padding
            if padded.any() and not padded.all():
                values = np.where(padded, values[~padded].min(), values)
        return values

    def _to_units(self, stored: NDArray[Any], frame: int) -> NDArray[Any]:
        """The modality's table or line (PS3.3, C.11.1)."""
        if _TAGS["ModalityLUTSequence"] in self._data:
            return apply_modality_lut(stored, self._data)
        slope, intercept = self._rescale(frame)
        if slope == 1 and intercept == 0:
            return stored
        exact = np.float32 if stored.dtype.itemsize < 4 else np.float64
        return stored * exact(slope) + exact(intercept)

    def _rescale(self, frame: int) -> tuple[float, float]:
        own = self._each[frame] if frame < len(self._each) else None
        for group in (own, self._shared):
            line = _first(group, "PixelValueTransformationSequence")
            slope = _number(line, "RescaleSlope")
            if slope is not None:
                return slope, _number(line, "RescaleIntercept") or 0.0
        slope = _number(self._data, "RescaleSlope")
        intercept = _number(self._data, "RescaleIntercept")
        return (1.0 if slope is None else slope), intercept or 0.0

    def _check_codestream(self, frame: int) -> None:
        """Decoders believe the compressed picture's own size, and make room for it."""
        options = self._options
        self._file.seek(self._start)
        coded = get_frame(
            self._file,
            frame,
            number_of_frames=options["number_of_frames"],
            extended_offsets=options.get("extended_offsets"),
        )
        size = coded_size(coded)
        if self._syntax != RLELossless:  # which has no size of its own
            check_size(*size)


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


def _check_that_it_is_an_image(data: Dataset, meta: Dataset) -> None:
    if all(_TAGS[name] in data for name in ("Rows", "Columns", "BitsAllocated")):
        return
    named = _text(data, "SOPClassUID") or _text(meta, "MediaStorageSOPClassUID")
    name = UID_dictionary.get(named, [""])[0]
    if "Image Storage" in name:
        raise Unreadable("damaged", "A DICOM image that ends before its pixels.")
    what = name.removesuffix(" Storage") or "of an unknown class"
    raise Unreadable("not an image", f"DICOM without an image: {what}.")


def _stored_range(dtype: np.dtype[Any], found: dict[str, Any]) -> NDArray[Any]:
    """The lowest and the highest value that the header has bits for."""
    if dtype.kind == "f":
        return np.zeros(2, dtype)
    bits = int(found["bits_stored"])
    low = -(2 ** (bits - 1)) if dtype.kind == "i" else 0
    return np.array([low, low + 2**bits - 1], dtype)


def _unsupported(syntax: UID) -> Unreadable:
    name = UID_dictionary.get(str(syntax), ["an unknown transfer syntax"])[0]
    return Unreadable("unsupported", f"No free decoder reads this image: {name}.")


def _to_255(colour: NDArray[Any], bits: int) -> NDArray[Any]:
    """Colour between 0 and 255, whatever its bits."""
    return colour if bits == 8 else colour * np.float32(255 / (2**bits - 1))


def _place(
    data: Dataset, shared: Dataset | None, own: Dataset | None
) -> tuple[float, ...] | None:
    orientation: tuple[float, ...] = ()
    position: tuple[float, ...] = ()
    for group in (own, shared):
        if group is not None:
            plane = _first(group, "PlanePositionSequence")
            position = position or _numbers(plane, "ImagePositionPatient", 3)
            plane = _first(group, "PlaneOrientationSequence")
            orientation = orientation or _numbers(plane, "ImageOrientationPatient", 6)
    position = position or _numbers(data, "ImagePositionPatient", 3)
    orientation = orientation or _numbers(data, "ImageOrientationPatient", 6)
    position = position or _numbers(data, "SliceLocation", 1)
    return (*(orientation or (0.0,) * 6), *position) if position else None


def _frame_type(group: Dataset | None) -> str:
    for name in ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence"):
        if found := _text(_first(group, name), "FrameType"):
            return found
    return ""


def _when(data: Dataset, own: Dataset | None, frame: int) -> When:
    trigger: float | None = None
    phase: float | None = None
    acquired = ""
    if own is not None:
        cycle = _first(own, "CardiacSynchronizationSequence")
        trigger = _value(cycle, "NominalCardiacTriggerDelayTime")
        content = _first(own, "FrameContentSequence")
        phase = _value(content, "TemporalPositionIndex")
        acquired = _text(content, "FrameAcquisitionDateTime")
    if trigger is None:
        trigger = _number(data, "TriggerTime")
    if phase is None:
        phase = _number(data, "TemporalPositionIdentifier")
    acquired = acquired or _text(data, "AcquisitionDateTime")
    acquired = acquired or _text(data, "AcquisitionTime")
    instance = _number(data, "InstanceNumber")
    return When(
        math.inf if trigger is None else trigger,
        math.inf if phase is None else phase,
        acquired or "~",
        math.inf if instance is None else instance,
        frame,
    )


# An element may be missing, empty, there twice, or no number at all.


def _first(data: Dataset | None, keyword: str) -> Dataset | None:
    """The first item of a sequence."""
    tag = _TAGS[keyword]
    if data is None or tag not in data:
        return None
    try:
        return data[tag].value[0]
    except Exception:
        return None


def _text(data: Dataset | None, keyword: str) -> str:
    """As it is written; pydicom's conversions would take most of the time."""
    element = None if data is None else data.get_item(_TAGS[keyword])
    value = None if element is None else element.value
    if isinstance(value, bytes):
        return value[:_MAX_TEXT].decode("latin-1").strip("\0 ")
    if isinstance(value, MultiValue):
        return "\\".join(map(str, value))
    return "" if value is None else str(value)


def _numbers(
    data: Dataset | None, keyword: str, length: int | None = None
) -> tuple[float, ...]:
    """Of decimal strings; nothing unless all are numbers, as many as they should be."""
    try:
        values = tuple(map(float, _text(data, keyword).split("\\")))
    except ValueError:
        return ()
    if not all(map(math.isfinite, values)) or length not in (None, len(values)):
        return ()
    return values


def _number(data: Dataset | None, keyword: str) -> float | None:
    values = _numbers(data, keyword)
    return values[0] if values else None


def _vector(data: Dataset, keyword: str) -> tuple[float, ...]:
    """Of numbers, binary or not."""
    tag = _TAGS[keyword]
    try:
        return tuple(map(float, data[tag].value)) if tag in data else ()
    except Exception:
        return ()


def _value(data: Dataset | None, keyword: str) -> float | None:
    """Of a binary number."""
    tag = _TAGS[keyword]
    if data is None or tag not in data:
        return None
    try:
        value = float(data[tag].value)
    except Exception:
        return None
    return value if math.isfinite(value) else None
