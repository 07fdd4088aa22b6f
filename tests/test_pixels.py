import numpy as np
import pytest

from skdeepcluster._pixels import first_unusable, pixel_statistics


def test_statistics_in_blocks(monkeypatch):
    rows = np.random.default_rng(0).integers(0, 256, (20, 6 * 5 * 3), np.uint8)
    whole = pixel_statistics(rows, (6, 5, 3))
    monkeypatch.setattr("skdeepcluster._pixels._BLOCK", 200)
    np.testing.assert_allclose(pixel_statistics(rows, (6, 5, 3)), whole)
    values = rows.reshape(-1, 3)
    np.testing.assert_allclose(whole, [values.mean(0), values.std(0)])


@pytest.mark.parametrize("block", [2**22, 1000])
def test_a_constant_channel_has_no_deviation(monkeypatch, block):
    monkeypatch.setattr("skdeepcluster._pixels._BLOCK", block)
    X = np.random.default_rng(0).random((50, 8, 8, 3))
    X[..., 1] = 0.1
    mean, std = pixel_statistics(X.reshape(50, -1), (8, 8, 3))
    assert std[1] < 1e-12
    np.testing.assert_allclose(mean, X.mean((0, 1, 2)))


def test_the_first_unusable_pixel(monkeypatch):
    monkeypatch.setattr("skdeepcluster._pixels._BLOCK", 10)
    rows = np.zeros((9, 5))
    assert first_unusable(rows) is None
    rows[7, 2] = 1e300
    assert first_unusable(rows) == (7, 1e300)
    rows[4, 1] = np.inf
    assert first_unusable(rows) == (4, np.inf)
    assert first_unusable(np.zeros((2, 2), np.uint8)) is None
