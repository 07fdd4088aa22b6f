import numpy as np

from skdeepcluster._pixels import first_unusable, pixel_statistics


def test_statistics_in_blocks(monkeypatch):
    rows = np.random.default_rng(0).integers(0, 256, (20, 6 * 5 * 3), np.uint8)
    whole = pixel_statistics(rows, (6, 5, 3))
    monkeypatch.setattr("skdeepcluster._pixels._BLOCK", 200)
    np.testing.assert_allclose(pixel_statistics(rows, (6, 5, 3)), whole)
    values = rows.reshape(-1, 3)
    np.testing.assert_allclose(whole, [values.mean(0), values.std(0)])


def test_the_first_unusable_pixel(monkeypatch):
    monkeypatch.setattr("skdeepcluster._pixels._BLOCK", 10)
    rows = np.zeros((9, 5))
    assert first_unusable(rows) is None
    rows[7, 2] = 1e300
    assert first_unusable(rows) == (7, 1e300)
    rows[4, 1] = np.inf
    assert first_unusable(rows) == (4, np.inf)
    assert first_unusable(np.zeros((2, 2), np.uint8)) is None
