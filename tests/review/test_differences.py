from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from skdeepcluster.datasets import make_cardiac_views
from skdeepcluster.review._differences import GreyLevels, differences, halved


@pytest.fixture(scope="module")
def views():
    X, _, subjects = make_cardiac_views(200, return_subjects=True, random_state=0)
    pixels = (X - X.min()) / (X.max() - X.min()) * 255
    return pixels.round().astype(np.float32), subjects


def compressed(image, quality):
    file = BytesIO()
    picture = Image.fromarray(image.astype(np.uint8))
    picture.save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), dtype=np.float32)


def test_compression_is_less_than_another_view(views):
    X, _ = views
    fine = differences(X, np.stack([compressed(each, 90) for each in X]))
    coarse = differences(X, np.stack([compressed(each, 50) for each in X]))
    others = differences(X[:-1], X[1:])
    assert (coarse < 0.9).mean() > 0.95
    assert (fine < coarse).all()
    assert others.min() > 2


@pytest.mark.parametrize("change", [lambda x: 0.5 * x + 20, lambda x: 1.4 * x])
def test_brightness_contrast_and_saturation_are_no_difference(views, change):
    X, _ = views
    changed = np.clip(change(X), 0, 255).round()
    assert differences(X, changed).max() < 0.4
    assert differences(changed, X).max() < 0.4


def test_a_change_in_one_place_counts(views):
    X, _ = views
    marked = X.copy()
    marked[:, 40:44, 20:24] = 255 - marked[:, 40:44, 20:24]
    assert (differences(X, marked) > 0.9).mean() > 0.95


def test_at_half_the_size_copies_differ_little_and_others_much(views):
    X, _ = views
    copies = np.stack([compressed(np.clip(1.4 * each, 0, 255), 50) for each in X])
    assert differences(halved(X), halved(copies)).max() < 3 * 0.9
    assert differences(halved(X[:-1]), halved(X[1:])).min() > 2
    odd = np.arange(30, dtype=np.float32).reshape(1, 5, 6)
    assert halved(odd).tolist() == [[[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]]


def test_blank_images_and_noise_are_no_copies():
    random = np.random.default_rng(0)
    noise = random.normal(size=(2, 20, 30)).astype(np.float32)
    blank = np.ones_like(noise)
    noise[:, 0, 0] = 9
    assert np.isinf(differences(noise[:1], noise[1:])).all()
    assert np.isinf(differences(blank, blank)).all()
    assert np.isinf(differences(noise, blank)).all()
    almost = noise / 20
    assert np.isinf(differences(almost, noise)).all()
    assert np.isfinite(differences(2 * noise, noise)).all()


def test_a_small_image_is_one_block():
    image = np.arange(35, dtype=np.float32).reshape(1, 5, 7)
    assert differences(image, 2 * image) == pytest.approx(0, abs=1e-4)
    assert np.isinf(differences(image, image[:, ::-1]))


@pytest.mark.parametrize("shape", [(9, 9, 1), (9, 9, 3)])
def test_grey_levels(shape):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (50, *shape), dtype=np.uint8)
    grey = GreyLevels(images).of(np.array([3, 4]))
    assert grey.shape == (2, 9, 9)
    if shape[2] == 1:
        np.testing.assert_array_equal(grey, images[3:5, :, :, 0])
    floats = images / 255 * 4000 - 1000
    np.testing.assert_allclose(GreyLevels(floats).of(slice(3, 5)), grey, atol=5)
    assert GreyLevels(np.zeros((3, *shape))).of(slice(None)).max() == 0
