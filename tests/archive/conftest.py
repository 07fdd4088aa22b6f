import struct

import numpy as np
import pytest

from skdeepcluster.archive._file import Unreadable
from skdeepcluster.archive._formats import open_image


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


@pytest.fixture
def write_slow_dicom(write_dicom):
    """Write an image that takes some ten seconds to open, and give the path."""
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    begin = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)

    def write(name):
        path = write_dicom(name, np.ones((20, 30), np.uint16))
        whole = path.read_bytes()
        place = whole.index(struct.pack("<HH", 0x0028, 0x0002))
        path.write_bytes(whole[:place] + begin + item * 300_000 + end + whole[place:])
        return path

    return write
