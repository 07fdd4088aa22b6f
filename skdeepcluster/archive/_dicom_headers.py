"""DICOM: what is known of each frame before its pixels are decoded."""

from __future__ import annotations

import math
from typing import Any

from pydicom.dataset import Dataset

from skdeepcluster.archive._dicom_elements import (
    PLACES,
    Groups,
    binary_number,
    first,
    number,
    numbers,
    text,
    vector,
)
from skdeepcluster.archive._file import Address, Header, When


def headers_of(
    data: Dataset, groups: Groups, options: dict[str, Any], note: str
) -> list[Header]:
    """A header for each frame; `options` are those of its pixels."""
    n_frames = int(options["number_of_frames"])
    colour = options["samples_per_pixel"] > 1
    colour |= options["photometric_interpretation"] == "PALETTE COLOR"
    bits = int(options.get("bits_stored") or options["bits_allocated"])
    said = text(data, "BurnedInAnnotation").strip()
    burned_in = {"YES": "yes", "NO": "no"}.get(said, "not said")
    series = text(data, "SeriesInstanceUID")
    kind = _frame_type(groups.shared) or text(data, "ImageType")
    vectors = _places_of_frames(data, n_frames)
    headers = []
    for frame in range(n_frames):
        own = groups.own(frame)
        place = _place(data, groups.shared, own)
        if place is None and vectors:
            place = tuple(values[frame] for values in vectors)
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
                note=note,
            )
        )
    return headers


def _places_of_frames(data: Dataset, n_frames: int) -> list[tuple[float, ...]]:
    if n_frames == 1:
        return []
    vectors = [vector(data, name) for name in PLACES]
    return [values for values in vectors if len(values) == n_frames]


def _place(
    data: Dataset, shared: Dataset | None, own: Dataset | None
) -> tuple[float, ...] | None:
    orientation: tuple[float, ...] = ()
    position: tuple[float, ...] = ()
    for group in (own, shared):
        if group is not None:
            plane = first(group, "PlanePositionSequence")
            position = position or numbers(plane, "ImagePositionPatient", 3)
            plane = first(group, "PlaneOrientationSequence")
            orientation = orientation or numbers(plane, "ImageOrientationPatient", 6)
    position = position or numbers(data, "ImagePositionPatient", 3)
    orientation = orientation or numbers(data, "ImageOrientationPatient", 6)
    position = position or numbers(data, "SliceLocation", 1)
    return (*(orientation or (0.0,) * 6), *position) if position else None


def _frame_type(group: Dataset | None) -> str:
    for name in ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence"):
        if found := text(first(group, name), "FrameType"):
            return found
    return ""


def _when(data: Dataset, own: Dataset | None, frame: int) -> When:
    trigger: float | None = None
    phase: float | None = None
    acquired = ""
    if own is not None:
        cycle = first(own, "CardiacSynchronizationSequence")
        trigger = binary_number(cycle, "NominalCardiacTriggerDelayTime")
        content = first(own, "FrameContentSequence")
        phase = binary_number(content, "TemporalPositionIndex")
        acquired = text(content, "FrameAcquisitionDateTime")
    if trigger is None:
        trigger = number(data, "TriggerTime")
    if phase is None:
        phase = number(data, "TemporalPositionIdentifier")
    acquired = acquired or text(data, "AcquisitionDateTime")
    acquired = acquired or text(data, "AcquisitionTime")
    instance = number(data, "InstanceNumber")
    return When(
        math.inf if trigger is None else trigger,
        math.inf if phase is None else phase,
        acquired or "~",
        math.inf if instance is None else instance,
        frame,
    )
