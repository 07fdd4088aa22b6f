"""DICOM: the elements that are read, whatever a file has put into them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

# One value a frame: different ones are different places, and not times.
PLACES = (
    "AngularViewVector",
    "DetectorVector",
    "EnergyWindowVector",
    "GridFrameOffsetVector",
    "RotationVector",
    "SliceVector",
)
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
TAGS = {
    name: Tag(name)
    for name in (
        *PLACES,
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
WANTED: list[BaseTag | int] = list(TAGS.values())

_MAX_TEXT = 1024


class Groups(NamedTuple):
    """The functional groups of an enhanced file; other files have none."""

    shared: Dataset | None
    each: Sequence[Dataset]

    def own(self, frame: int) -> Dataset | None:
        """What is said of one frame alone."""
        return self.each[frame] if frame < len(self.each) else None


def functional_groups(data: Dataset) -> Groups:
    """What an enhanced file says of all its frames, and of each."""
    per_frame = data.get_item(TAGS["PerFrameFunctionalGroupsSequence"])
    each = [] if per_frame is None else data[per_frame.tag].value
    return Groups(first(data, "SharedFunctionalGroupsSequence"), each)


# An element may be missing, empty, there twice, or no number at all.


def first(data: Dataset | None, keyword: str) -> Dataset | None:
    """The first item of a sequence."""
    tag = TAGS[keyword]
    if data is None or tag not in data:
        return None
    try:
        return data[tag].value[0]
    except Exception:
        return None


def text(data: Dataset | None, keyword: str) -> str:
    """As it is written; pydicom's conversions would take most of the time."""
    element = None if data is None else data.get_item(TAGS[keyword])
    value = None if element is None else element.value
    if isinstance(value, bytes):
        return value[:_MAX_TEXT].decode("latin-1").strip("\0 ")
    if isinstance(value, MultiValue):
        return "\\".join(map(str, value))
    return "" if value is None else str(value)


def numbers(
    data: Dataset | None, keyword: str, length: int | None = None
) -> tuple[float, ...]:
    """Of decimal strings; nothing unless all are numbers, as many as they should be."""
    try:
        values = tuple(map(float, text(data, keyword).split("\\")))
    except ValueError:
        return ()
    if not all(map(math.isfinite, values)) or length not in (None, len(values)):
        return ()
    return values


def number(data: Dataset | None, keyword: str) -> float | None:
    """The first of decimal strings."""
    values = numbers(data, keyword)
    return values[0] if values else None


def vector(data: Dataset, keyword: str) -> tuple[float, ...]:
    """Of numbers, binary or not."""
    tag = TAGS[keyword]
    try:
        return tuple(map(float, data[tag].value)) if tag in data else ()
    except Exception:
        return ()


def binary_number(data: Dataset | None, keyword: str) -> float | None:
    """Of a value that is not written as text."""
    tag = TAGS[keyword]
    if data is None or tag not in data:
        return None
    try:
        value = float(data[tag].value)
    except Exception:
        return None
    return value if math.isfinite(value) else None
