"""NIfTI, Analyze, MGH and MINC: slices in one orientation, whatever the affine says."""

from __future__ import annotations

import gzip
import os
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import FileBasedImage
from nibabel.fileholders import FileHolder
from nibabel.orientations import io_orientation
from numpy.typing import NDArray

from skdeepcluster.archive._file import (
    Address,
    Header,
    Unreadable,
    When,
    check_images,
    check_size,
)
from skdeepcluster.archive._scan import pixels_of

MAX_BYTES = 2**31
"""Of one volume that has to be read whole, and of a MINC file, which always is."""

_DEFLATE_RATIO = 1032
"""What zlib compresses to at best (zlib's technical notes)."""
_MAX_OFFSET = 2**26
_PAIRS = (nib.Nifti1Pair, nib.Nifti2Pair, nib.AnalyzeImage)


def recognise(head: bytes) -> type[FileBasedImage] | None:
    """The class that reads a file which begins so.

    Parameters
    ----------
    head : bytes
        At least 352 bytes, if the file has as many; inflated.

    Returns
    -------
    type or None
        None for none of nibabel's that is known.
    """
    if head[344:348] == b"n+1\0":
        return nib.Nifti1Image
    if head[4:8] == b"n+2\0":
        return nib.Nifti2Image
    if head[344:348] == b"ni1\0":
        return nib.Nifti1Pair
    if head[4:8] == b"ni2\0":
        return nib.Nifti2Pair
    for order in ("<", ">"):
        start = np.frombuffer(head[:42].ljust(42, b"\0"), order + "i2")
        size = np.frombuffer(head[:4].ljust(4, b"\0"), order + "i4")
        if size == 348 and 1 <= start[20] <= 7:  # as many dimensions
            return nib.AnalyzeImage
    if head[:4] == b"CDF\x01":
        return nib.Minc1Image
    dimensions = np.frombuffer(head[4:24].ljust(20, b"\0"), ">i4")
    known = dimensions[4] in (0, 1, 3, 4) and (dimensions[:4] > 0).all()
    return nib.MGHImage if known and head[:4] == b"\0\0\0\x01" else None


class VolumeFile:
    """The slices of one volume, or of many at different times."""

    def __init__(self, path: str, kind: type[FileBasedImage], compressed: bool) -> None:
        self._files: list[Any] = []
        self._compressed = compressed
        if compressed and kind in (nib.Minc1Image, *_PAIRS):
            reason = "A MINC, Analyze or two-file NIfTI image in gzip: decompress it."
            raise Unreadable("unsupported", reason)
        if kind is nib.Minc1Image and os.path.getsize(path) > MAX_BYTES // 8:
            reason = f"A MINC file of more than {MAX_BYTES // 8:,} bytes."
            raise Unreadable("too large", reason)
        try:
            self._image = self._open(path, kind)
            self._shape = self._check_shape()
            found = _orient(self._image, self._shape)
            self._axis, self._in_plane, self._flipped = found
            self._whole: tuple[int, NDArray[Any]] | None = None
            self.headers = self._headers()
        except BaseException:
            self.close()
            raise

    def _open(self, path: str, kind: type[FileBasedImage]) -> Any:
        names = {"image": path}
        if kind in _PAIRS:
            pixels = pixels_of(path)
            if pixels is None and os.path.isfile(f"{os.path.splitext(path)[0]}.img.gz"):
                reason = "The .img file with its pixels is in gzip: decompress it."
                raise Unreadable("unsupported", reason)
            if pixels is None:
                raise Unreadable("damaged", "The .img file with its pixels is missing.")
            names = {"header": path, "image": pixels}
        holders = {}
        for role, name in names.items():
            opener = gzip.open if self._compressed else open
            self._files.append(opener(name, "rb"))
            holders[role] = FileHolder(fileobj=self._files[-1])
        # What lies between header and voxels is read whole.
        file: Any = holders["header" if "header" in holders else "image"].fileobj
        if _offset_of_voxels(file.read(352), kind) > _MAX_OFFSET:
            raise Unreadable("damaged", "Its header gives an absurd place of voxels.")
        file.seek(0)
        return kind.from_file_map(holders)

    def _check_shape(self) -> tuple[int, ...]:
        shape = tuple(int(length) for length in self._image.shape)
        if not 2 <= len(shape) <= 7 or any(length < 1 for length in shape):
            raise Unreadable("damaged", "Its header gives no shape of an image.")
        shape = (*shape, 1)[: max(3, len(shape))]
        size = max(os.path.getsize(file.name) for file in self._files)
        if self._compressed:
            size *= _DEFLATE_RATIO
        n_bytes = np.prod(shape, dtype=float) * self._image.get_data_dtype().itemsize
        if n_bytes > size:
            raise Unreadable("damaged", "It is too short for the shape in its header.")
        return shape

    def _headers(self) -> list[Header]:
        height, width = (self._shape[axis] for axis in reversed(self._in_plane))
        check_size(height, width)
        dtype = self._image.get_data_dtype()
        times = int(np.prod(self._shape[3:], dtype=float))
        check_images(times * self._shape[self._axis])
        return [
            Header(
                Address(time if times > 1 else None, number),
                height,
                width,
                8 * dtype.itemsize,
                series="",
                place=(float(number),),
                when=When(frame=time),
                shown=dtype.names is not None,
            )
            for time in range(times)
            for number in range(self._shape[self._axis])
        ]

    def pixels(self, address: Address) -> NDArray[Any]:
        """One slice: front, or head, up and the patient's right to the left."""
        values = self._stored(address)
        if values.dtype.names:  # red, green, blue
            values = np.stack([values[name] for name in values.dtype.names[:3]], -1)
        if np.iscomplexobj(values):
            values = np.abs(values)
        first, second = self._in_plane
        if first > second:
            values = np.swapaxes(values, 0, 1)
        if first in self._flipped:
            values = values[::-1]
        if second in self._flipped:
            values = values[:, ::-1]
        # From (left to right, back to front) to rows from the top.
        return np.swapaxes(values, 0, 1)[::-1, ::-1]

    def _stored(self, address: Address) -> NDArray[Any]:
        """One slice as it lies in the file."""
        number = address.slice or 0
        if self._axis in self._flipped:
            number = self._shape[self._axis] - 1 - number
        place: list[Any] = [slice(None)] * 3
        place[self._axis] = number
        time = address.frame or 0
        rest = np.unravel_index(time, self._shape[3:]) if len(self._shape) > 3 else ()
        stored = self._image.dataobj
        if len(self._image.shape) == 2:
            return np.asanyarray(stored)[..., None][tuple(place)]
        if self._compressed or self._axis != 2:
            # Else every slice would inflate the file from its start, or be read voxel
            # by voxel.
            if self._whole is None or self._whole[0] != time:
                self._check_bytes()
                self._whole = None
                self._whole = time, np.asanyarray(stored[(..., *rest)])
            return self._whole[1][tuple(place)]
        return np.asanyarray(stored[(*place, *rest)])

    def _check_bytes(self) -> None:
        size = self._image.get_data_dtype().itemsize
        stored = self._image.dataobj
        if (getattr(stored, "slope", None), getattr(stored, "inter", None)) != (1, 0):
            size = max(8, size)  # nibabel scales to float64
        if np.prod(self._shape[:3], dtype=float) * size > MAX_BYTES:
            reason = f"One volume would take more than {MAX_BYTES:,} bytes of memory."
            raise Unreadable("too large", reason)

    def close(self) -> None:
        """No more is read."""
        for file in self._files:
            file.close()


def _offset_of_voxels(head: bytes, kind: type[FileBasedImage]) -> float:
    """As a NIfTI header says; 0 of other formats."""
    order = "<" if head[:1] in (b"\x5c", b"\x1c") else ">"
    if kind is nib.Nifti1Image:
        return abs(float(np.frombuffer(head[108:112], order + "f4")[0]))
    if kind is nib.Nifti2Image:
        return abs(float(np.frombuffer(head[168:176], order + "i8")[0]))
    return 0


def _orient(
    image: Any, shape: tuple[int, ...]
) -> tuple[int, tuple[int, int], frozenset[int]]:
    """The axis of slices, those of their columns and rows, and those stored reversed.

    Slices are cut where a volume has one only, else where it is coarsest, as it was
    acquired, else across the body. No choice depends on the order of storage.
    """
    affine = getattr(image, "affine", None)
    if affine is None or not np.isfinite(affine).all():
        affine = np.eye(4)
    found = io_orientation(affine)  # for each axis: right, front, up, and its sign
    known = np.isfinite(found).all()
    towards = {axis: int(found[axis, 0]) if known else axis for axis in range(3)}
    flipped = frozenset(axis for axis in range(3) if found[axis, 1] < 0)
    zooms = np.linalg.norm(np.asarray(affine)[:3, :3], axis=0)
    single = [axis for axis in range(3) if shape[axis] == 1]
    coarsest = int(np.argmax(zooms))
    if single:
        axis = max(single, key=towards.__getitem__) if len(single) < 3 else 2
    elif zooms[coarsest] > 1.1 * np.sort(zooms)[1]:
        axis = coarsest
    else:
        axis = next(axis for axis in range(3) if towards[axis] == 2)
    rest = sorted((a for a in range(3) if a != axis), key=towards.__getitem__)
    return axis, (rest[0], rest[1]), flipped
