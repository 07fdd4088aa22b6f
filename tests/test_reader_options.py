import numpy as np
import pytest

from skdeepcluster._reader_options import Options, check_options

GOOD = {"image_size": "auto", "channels": 1, "frames": "first", "window": "series"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Options(None, 1, "first", "series")),
        ({"image_size": np.int64(64)}, Options(64, 1, "first", "series")),
        ({"channels": "auto"}, Options(None, None, "first", "series")),
        ({"window": [0, 120]}, Options(None, 1, "first", (0.0, 120.0))),
        ({"window": np.array([-1, 1])}, Options(None, 1, "first", (-1.0, 1.0))),
        ({"window": None}, Options(None, 1, "first", None)),
    ],
)
def test_they_become_pythons_own_types(given, expected):
    found = check_options(**GOOD | given)
    assert found == expected
    types = (int, float, str, tuple, type(None))
    assert all(type(value) in types for value in found)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        *(({"image_size": size}, "image_size=") for size in (7, 4097, 64.0, True)),
        *(({"channels": n}, "channels=") for n in (0, 2, "x", True, 3.0, None)),
        *(({"frames": frames}, "frames=") for frames in ("last", 1, None)),
        *(({"window": (low, 1)}, "window=") for low in (1, 2, np.nan, -np.inf)),
        *(({"window": window}, "window=") for window in ("x", 3, [], [1, 2, 3], {})),
        *(({"window": window}, "window=") for window in (["1", "2"], [False, True])),
    ],
)
def test_what_they_cannot_be(given, message):
    with pytest.raises(ValueError, match=message):
        check_options(**GOOD | given)
