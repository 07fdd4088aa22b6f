from datetime import datetime

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from skdeepcluster.archive._file import Unreadable
from skdeepcluster.archive._formats import open_image

MR = "1.2.840.10008.5.1.4.1.1.4"
SERIES = generate_uid()


def make_dicom(pixels, *, syntax=ExplicitVRLittleEndian, **tags):
    """A data set of one grey or colour image, or of frames of grey."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = MR
    data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.SOPClassUID = MR
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID
    data.SeriesInstanceUID = SERIES
    data.PatientName = "Doe^Jane"
    data.ContentDate = datetime(2001, 2, 3)
    pixels = np.asarray(pixels)
    colour = pixels.ndim == 3 and pixels.shape[-1] == 3
    if pixels.ndim == 3 and not colour:
        data.NumberOfFrames = len(pixels)
    data.Rows, data.Columns = pixels.shape[:2] if colour else pixels.shape[-2:]
    data.SamplesPerPixel = 3 if colour else 1
    if colour:
        data.PlanarConfiguration = 0
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes()
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    return data


@pytest.fixture
def write_dicom(tmp_path):
    """Write an image under a name, and give the path."""

    def write(name, pixels, **tags):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pydicom.dcmwrite(path, make_dicom(pixels, **tags), enforce_file_format=True)
        return path

    return write


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)


@pytest.fixture
def read_all():
    """Read all images of a file: pairs of header and pixels."""

    def read(path):
        with open_image(str(path)) as file:
            return [(header, file.pixels(header.address)) for header in file.headers]

    return read


@pytest.fixture
def reason(read_all):
    """Give kind and sentence of a file that cannot be read."""

    def why(path):
        with pytest.raises(Unreadable) as error:
            read_all(path)
        return error.value.kind, error.value.reason

    return why
