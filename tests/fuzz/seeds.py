"""Small files of each kind that is read, to be spoilt."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from mutations import bytes_of
from nibabel.freesurfer import MGHImage
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    MRImageStorage,
    RLELossless,
)

_MAX_BYTES = 12_000
"""Larger files are slower to spoil, and what they hold is mostly pixels."""

_NO_IMAGES = (".py", ".pyc", ".txt", ".json", ".rst", ".m", ".dump", ".PAR", ".HEAD")
_NO_IMAGES = (*_NO_IMAGES, ".trk", ".tck", "plan.dcm", "struct.dcm", "si.dcm", ".icc")
_NO_IMAGES = (*_NO_IMAGES, "SR.dcm", ".gitignore", ".dconn.nii")  # the last: CIFTI


def own():
    """Files of our own making, by name."""
    generator = np.random.default_rng(0)
    grey = generator.integers(0, 256, (12, 10), np.uint8)
    colour = generator.integers(0, 256, (12, 10, 3), np.uint8)
    yield from _pictures(grey, colour)
    yield from _volumes(generator)
    yield from _dicoms(grey, colour)


def _pictures(grey, colour):
    deep = grey.astype(np.uint16) * 200
    for name, array in {"grey": grey, "colour": colour, "deep": deep}.items():
        image = Image.fromarray(array)
        yield f"{name}.png", bytes_of(image.save, "PNG")
        yield f"{name}.tif", bytes_of(image.save, "TIFF")
        if image.mode == "RGB":
            yield f"{name}.webp", bytes_of(image.save, "WEBP")
        if name != "deep":
            yield f"{name}.jpg", bytes_of(image.save, "JPEG")
            yield (
                f"{name}.lzw.tif",
                bytes_of(image.save, "TIFF", compression="tiff_lzw"),
            )
    pages = [Image.fromarray(grey), Image.fromarray(grey[::-1].copy())]
    yield (
        "pages.tif",
        bytes_of(pages[0].save, "TIFF", save_all=True, append_images=pages),
    )
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "side.jpg", bytes_of(pages[0].save, "JPEG", exif=exif)
    palette = Image.fromarray(grey).convert("P")
    yield "palette.png", bytes_of(palette.save, "PNG")


def _volumes(generator):
    short = generator.integers(-99, 99, (5, 6, 4, 2)).astype(np.int16)
    kinds = {"1.nii": nib.Nifti1Image, "2.nii": nib.Nifti2Image, "mgh": MGHImage}
    for name, kind in kinds.items():
        whole = kind(short, np.diag([1, 1, 3, 1])).to_bytes()
        yield f"short.{name}", whole
        yield f"short.{name}.gz", gzip.compress(whole, mtime=0)
    real = nib.Nifti1Image(generator.random((5, 6, 4)), np.eye(4))
    yield "real.nii", real.to_bytes()
    colours = np.zeros((4, 4, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    yield "colours.nii", nib.Nifti1Image(colours, np.eye(4)).to_bytes()


def _dicoms(grey, colour):
    yield "plain.dcm", _dicom(grey)
    yield (
        "deep.dcm",
        _dicom(grey.astype(np.uint16), RescaleSlope="2", RescaleIntercept="-9"),
    )
    yield "colour.dcm", _dicom(colour)
    yield "frames.dcm", _dicom(np.stack([grey, grey, grey]))
    yield "deflated.dcm", _dicom(grey, DeflatedExplicitVRLittleEndian)
    jpeg = bytes_of(Image.fromarray(grey).save, "JPEG")
    coded = {"PixelData": encapsulate([jpeg, jpeg]), "NumberOfFrames": 2}
    yield "jpeg.dcm", _dicom(grey, JPEGBaseline8Bit, **coded)
    segment = (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56)
    rows = b"".join(b"\x09" + row.tobytes() for row in grey)
    coded = {"PixelData": encapsulate([segment + rows])}
    yield "rle.dcm", _dicom(grey, RLELossless, **coded)
    frame = Dataset()
    place, transformation = Dataset(), Dataset()
    place.ImagePositionPatient = [0, 0, 1]
    transformation.RescaleSlope, transformation.RescaleIntercept = 1, 0
    frame.PlanePositionSequence = [place]
    frame.PixelValueTransformationSequence = [transformation]
    groups = {"PerFrameFunctionalGroupsSequence": [frame] * 3}
    yield "enhanced.dcm", _dicom(np.stack([grey] * 3), **groups)
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [256, 0, 16], "HU"
    table.LUTData = np.arange(256, dtype=np.uint16).tobytes()
    yield "table.dcm", _dicom(grey, ModalityLUTSequence=[table])
    colours = {"PhotometricInterpretation": "PALETTE COLOR"}
    for each in ("Red", "Green", "Blue"):
        colours[f"{each}PaletteColorLookupTableDescriptor"] = [256, 0, 8]
        colours[f"{each}PaletteColorLookupTableData"] = bytes(range(256))
    yield "palette.dcm", _dicom(grey, **colours)


def _dicom(pixels, syntax=ExplicitVRLittleEndian, **tags):
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = MRImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, "1.2.3"
    data.SeriesInstanceUID, data.InstanceNumber = "1.2.4", 1
    data.ImagePositionPatient = [0, 0, 5]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    is_colour = pixels.shape[-1] == 3
    if pixels.ndim == 3 and not is_colour:
        data.NumberOfFrames = len(pixels)
    data.Rows, data.Columns = pixels.shape[:2] if is_colour else pixels.shape[-2:]
    data.SamplesPerPixel = 3 if is_colour else 1
    if is_colour:
        data.PlanarConfiguration = 0
    data.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = 0
    data.PixelData = pixels.tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    if syntax.is_encapsulated:
        data["PixelData"].is_undefined_length = True
        data["PixelData"].VR = "OB"
    return bytes_of(pydicom.dcmwrite, data, enforce_file_format=True)


def shipped():
    """Small files that pydicom and nibabel bring along, by name."""
    folders = [
        Path(pydicom.__file__).parent / "data" / "test_files",
        Path(nib.__file__).parent / "tests" / "data",
    ]
    for folder in folders:
        for name, whole in found_in(folder, _MAX_BYTES):
            if not name.startswith("dicomdirtests") and not name.endswith(_NO_IMAGES):
                yield name, whole


def found_in(folder, max_bytes):
    """The files below a folder that are not larger, by name."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and 0 < path.stat().st_size <= max_bytes:
            yield str(path.relative_to(folder)), path.read_bytes()
