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
