"""What is made of a file, in the process that opens it."""

import pytest

from skdeepcluster.archive._file import Address, Header
from skdeepcluster.archive._tasks import parts


@pytest.mark.parametrize(
    ("side", "image_size", "largest"),
    [(64, 64, 512), (64, None, 512), (1024, 64, 64), (64, 1024, 64), (64, 2**14, 1)],
)
def test_what_is_decoded_at_once_is_bounded(side, image_size, largest):
    """By what is read as by what is made of it."""
    headers = [Header(Address(slice=n), side, side, 8) for n in range(1100)]
    found = list(parts(headers, image_size))
    assert [header for part in found for header in part] == headers
    assert max(map(len, found)) == largest
