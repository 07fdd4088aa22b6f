import numpy as np
import pytest
from PIL import Image

from skdeepcluster.archive._pixels import limits, place_of, to_eight_bits, to_square


@pytest.mark.parametrize(
    ("shape", "place"),
    [
        ((20, 40), (16, 0, 32, 64)),
        ((40, 20), (0, 16, 64, 32)),
        ((7, 7), (0, 0, 64, 64)),
        ((1, 10000), (31, 0, 1, 64)),
    ],
)
def test_aspect_is_kept_and_padded(shape, place):
    values = np.random.default_rng(0).normal(5, 1, shape)
    values[0, 0] = -3
    square = to_square(values, 64, 1)
    assert square.shape == (64, 64)
    assert square.dtype == np.float32
    assert place_of(*shape, 64) == place
    top, left, height, width = place
    outside = np.ones((64, 64), bool)
    outside[top : top + height, left : left + width] = False
    assert (square[outside] == -3).all()
    assert (square[~outside] != -3).any()


def test_an_image_of_that_size_is_not_touched():
    values = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    np.testing.assert_array_equal(to_square(values, 32, 1), values)


def test_reducing_is_near_the_mean_of_blocks():
    values = np.random.default_rng(0).normal(size=(512, 512)).cumsum(0).cumsum(1)
    blocks = values.reshape(64, 8, 64, 8).mean((1, 3))
    error = np.abs(to_square(values, 64, 1) - blocks)
    assert error[1:-1, 1:-1].max() < 0.05 * np.ptp(blocks)


def test_colour_and_grey():
    colour = np.zeros((8, 8, 3), np.uint8)
    colour[..., 0], colour[..., 1] = 200, 100
    grey = Image.fromarray(colour).convert("L").getpixel((0, 0))
    assert to_square(colour, 8, 1)[0, 0] == pytest.approx(grey, abs=1)
    np.testing.assert_array_equal(to_square(colour, 8, 3), colour)
    np.testing.assert_array_equal(
        to_square(colour[..., 0], 8, 3), colour[..., [0, 0, 0]]
    )


def test_what_is_not_finite_is_the_lowest_value():
    values = np.array([[1.0, np.nan], [np.inf, 7.0]])
    assert to_square(np.kron(values, np.ones((4, 4))), 8, 1)[0, 7] == 1
    assert (to_square(np.full((8, 8), np.nan), 8, 1) == 0).all()


def test_percentiles_and_what_they_leave_alone():
    values = np.concatenate([np.linspace(0, 100, 10001), [1e6, -1e6]])
    low, high = limits(values)
    assert low == pytest.approx(0.5, abs=0.05)
    assert high == pytest.approx(99.5, abs=0.05)
    rare = np.zeros(10000)
    rare[:3] = 1
    assert limits(rare) == (0, 1)


def test_eight_bits():
    values = np.array([-5.0, 0.0, 1.0, 2.0, 9.0], np.float32)
    assert to_eight_bits(values, 0, 2).tolist() == [0, 0, 128, 255, 255]
    assert to_eight_bits(values, 3, 3).tolist() == [0] * 5


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(30, 20), (30, 20, 3)])
def test_sums_of_absurd_values_are_finite(shape, channels):
    values = np.full(shape, np.finfo(np.float32).max)
    values[::2] *= -1
    values[7] = [5] * 3 if len(shape) == 3 else 5
    square = to_square(values, 16, channels)
    assert np.isfinite(square).all()
    assert square.min() == 5
