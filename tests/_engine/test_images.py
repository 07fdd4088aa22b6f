import numpy as np
import pytest
import torch

from skdeepcluster._engine import images as _images
from skdeepcluster._engine.images import Images
from skdeepcluster._pixels import pixel_statistics

CPU = torch.device("cpu")


def make(rows, shape, standardize=None, size=None, resident=True):
    mean, std = pixel_statistics(rows, shape)
    for each in (mean, std):
        each.setflags(write=False)
    return Images(
        rows,
        shape,
        size=size or (shape[:2] if len(shape) == 3 else (1, shape[0])),
        standardize=standardize,
        mean=mean,
        std=std,
        device=CPU,
        resident=resident,
    )


@pytest.fixture
def rows():
    return np.random.default_rng(0).integers(0, 256, (20, 6 * 5 * 3), np.uint8)


def test_pixels_come_channels_first(rows):
    batch = make(rows, (6, 5, 3)).batch(slice(2, 4))
    assert batch.shape == (2, 3, 6, 5)
    assert batch.dtype == torch.float32
    np.testing.assert_array_equal(batch[0, 1], rows[2].reshape(6, 5, 3)[:, :, 1])


def test_z_score_of_each_image(rows):
    batch = make(rows, (6, 5, 3), "image").batch(torch.arange(20))
    flat = batch.flatten(1)
    torch.testing.assert_close(flat.mean(1), torch.zeros(20), atol=1e-5, rtol=0)
    torch.testing.assert_close(flat.std(1, correction=0), torch.ones(20))


def test_z_score_of_the_set_is_one_a_channel(rows):
    rows[:, ::3] //= 2
    batch = make(rows, (6, 5, 3), "dataset").batch(slice(None))
    channels = batch.transpose(0, 1).flatten(1)
    torch.testing.assert_close(channels.mean(1), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(channels.std(1, correction=0), torch.ones(3))


def test_feature_vectors_are_pictures_of_one_row():
    rows = np.random.default_rng(0).normal([1, 100, -5], [1, 20, 0.1], (50, 3))
    batch = make(rows, (3,), "dataset").batch(slice(None))
    assert batch.shape == (50, 1, 1, 3)
    columns = batch[:, 0, 0]
    torch.testing.assert_close(columns.std(0, correction=0), torch.ones(3))


@pytest.mark.parametrize("standardize", ["image", "dataset"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_blank_images_become_zeros(standardize, dtype):
    rows = np.full((4, 9), 0.1 if dtype != np.uint8 else 7).astype(dtype)
    batch = make(rows, (3, 3, 1), standardize).batch(slice(None))
    assert batch.abs().max() < 1e-5


def test_doubles_are_standardised_before_they_are_narrowed():
    rows = 1e9 + np.random.default_rng(0).normal(size=(30, 16))
    for standardize in ("image", "dataset"):
        batch = make(rows, (4, 4, 1), standardize).batch(slice(None))
        assert float(batch.std()) == pytest.approx(1, rel=0.01)
        assert len(batch.unique()) > 400


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", ">i2", ">u2", "<i4", "f2", ">f4", "f8", "?"]
)
def test_any_real_dtype(dtype, rows):
    given = (rows // 3).astype(dtype)
    batch = make(given, (6, 5, 3)).batch(slice(None))
    np.testing.assert_array_equal(
        batch.permute(0, 2, 3, 1).flatten(1), given.astype(np.float32)
    )


def test_resized_to_what_the_network_takes(rows):
    batch = make(rows, (6, 5, 3), size=(12, 10)).batch(slice(0, 2))
    assert batch.shape == (2, 3, 12, 10)


def test_shrinking_does_not_alias():
    checkerboard = (np.indices((64, 64)).sum(0) % 2).reshape(1, -1).astype(np.float32)
    batch = make(checkerboard, (64, 64, 1), size=(16, 16)).batch(slice(None))
    assert (batch - 0.5).abs().max() < 0.05


def test_large_images_shrink_in_two_steps():
    ramp = np.linspace(0, 1, 520, dtype=np.float32)
    ramp = np.tile(ramp, (500, 1)).reshape(1, -1)
    batch = make(ramp, (500, 520, 1), size=(4, 4)).batch(slice(None))
    expected = torch.arange(1, 8, 2) / 8
    torch.testing.assert_close(batch[0, 0, 2], expected, atol=0.03, rtol=0)


def test_the_users_array_is_left_alone(rows):
    before = rows.copy()
    rows.setflags(write=False)
    make(rows, (6, 5, 3), "image").batch(torch.arange(5)).add_(1)
    np.testing.assert_array_equal(rows, before)


@pytest.fixture
def roomy(monkeypatch):
    """A device with room for all pixels, as a GPU may have it."""
    monkeypatch.setattr("skdeepcluster._engine.images.fits_on", lambda *_: True)
    monkeypatch.setattr("skdeepcluster._engine.images._BLOCK", 200)


@pytest.mark.parametrize("dtype", ["uint8", ">i2", "uint16", "f4", "?", "i8", "f8"])
@pytest.mark.parametrize("standardize", ["image", "dataset", None])
def test_pixels_on_the_device_are_those_of_the_array(
    roomy, monkeypatch, rows, dtype, standardize
):
    rows = rows.astype(dtype)
    rows.setflags(write=False)
    there = make(rows, (6, 5, 3), standardize)
    monkeypatch.undo()
    here = make(rows, (6, 5, 3), standardize)
    there.rows = None  # and are not read again
    for index in (slice(3, 9), torch.tensor([7, 0, 7]), slice(3, 9)):
        assert torch.equal(there.batch(index), here.batch(index))


def test_pixels_lie_on_the_device_for_who_asks_for_it(roomy, rows):
    assert make(rows, (6, 5, 3))._resident is not None
    assert make(rows, (6, 5, 3), resident=False)._resident is None


def test_a_column_that_only_doubles_tell_from_a_blank_one():
    rows = np.zeros((50, 2), np.float32)
    rows[0, 1] = 1.5e-45
    assert make(rows, (2,), "dataset").batch(slice(None)).isfinite().all()


def test_doubles_lose_no_digits_on_the_device(roomy, rows):
    far = 1e9 + rows.astype(np.float64)
    there = make(far, (6, 5, 3), "dataset")
    there.rows = None  # and are not read again
    expected = make(rows, (6, 5, 3), "dataset").batch(slice(None))
    pixels = there.batch(slice(None))
    torch.testing.assert_close(pixels, expected)
    pixels.zero_()  # as a network may that works in place
    torch.testing.assert_close(there.batch(slice(None)), expected)


@pytest.mark.parametrize("room", [True, False])
def test_batches_are_those_asked_for_in_their_order(request, room, rows):
    if room:
        request.getfixturevalue("roomy")
    images = make(rows, (6, 5, 3), "image")
    indices = [torch.tensor([5, 1]), slice(3, 9), torch.tensor([7, 0, 7])]
    batches = list(images.batches(indices))
    assert len(batches) == 3
    for index, batch in zip(indices, batches, strict=True):
        assert torch.equal(batch, images.batch(index))


def test_an_error_while_reading_ahead_is_not_lost(rows):
    batches = make(rows, (6, 5, 3)).batches([slice(2), torch.tensor([99])])
    next(batches)
    with pytest.raises(IndexError):
        next(batches)


@pytest.mark.parametrize("standardize", [None, "image", "dataset"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_large_images_are_made_small_a_few_at_a_time(standardize, dtype, monkeypatch):
    rows = np.random.default_rng(0).integers(0, 256, (9, 40 * 30)).astype(dtype)
    images = make(rows, (40, 30, 1), standardize, size=(8, 8), resident=False)
    whole = images.batch(slice(0, 9))
    monkeypatch.setattr(_images, "_BLOCK", 2 * 40 * 30)
    made, resized = [], Images._resized

    def noted(self, some):
        made.append(len(some))
        return resized(self, some)

    monkeypatch.setattr(Images, "_resized", noted)
    assert torch.equal(images.batch(slice(0, 9)), whole)
    assert made == [2, 2, 2, 2, 1]
