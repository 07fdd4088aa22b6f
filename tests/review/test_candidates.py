import numpy as np
import pytest

from skdeepcluster.review import _candidates
from skdeepcluster.review._candidates import Sketches, candidates
from skdeepcluster.review._differences import GreyLevels


def on_sphere(points):
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def scattered():
    """Points around centres, and unrelated images."""
    random = np.random.default_rng(0)
    centers = on_sphere(random.normal(size=(6, 16)))
    points = on_sphere(centers.repeat(30, axis=0) + random.normal(size=(180, 16)) / 5)
    images = random.integers(0, 256, (180, 20, 20, 1), dtype=np.uint8)
    return points, centers, images


def pairs_of(points, centers, images):
    found = candidates(points, centers, Sketches.of(GreyLevels(images)))
    return set(map(tuple, found.tolist()))


def test_only_what_looks_alike_roughly(scattered):
    points, centers, images = scattered
    assert pairs_of(*scattered) == set()
    images[31] = images[30] // 2
    points[31] = on_sphere(points[30:31] + 0.02)[0]
    assert pairs_of(points, centers, images) == {(30, 31)}


def test_across_the_border_of_two_clusters(scattered):
    points, centers, images = scattered
    distances = np.linalg.norm(points[:1] - centers, axis=1)
    own, next_one = np.argsort(distances)[:2]
    for share, row in ((0.49, 0), (0.51, 40)):
        between = share * centers[own] + (1 - share) * centers[next_one]
        points[row] = on_sphere(between[np.newaxis])[0]
    images[40] = images[0]
    images[40, 0, 0] ^= 1
    nearest = np.linalg.norm(points[[0, 40], np.newaxis] - centers, axis=2).argmin(1)
    assert nearest[0] != nearest[1]
    assert pairs_of(points, centers, images) == {(0, 40)}


def test_bytes_are_sought_only_once(scattered):
    points, centers, images = scattered
    images[7] = images[99] = images[5]
    images[120:140] = 0
    sketches = Sketches.of(GreyLevels(images))
    assert sketches.firsts[[5, 7, 99]].tolist() == [5, 5, 5]
    assert (sketches.firsts[120:140] == 120).all()
    assert pairs_of(points, centers, images) == set()


def test_read_in_blocks(scattered, monkeypatch):
    _, _, images = scattered
    images[150] = images[3]
    whole = Sketches.of(GreyLevels(images))
    monkeypatch.setattr("skdeepcluster.review._candidates._BLOCK", 7 * 400)
    parts = Sketches.of(GreyLevels(images))
    np.testing.assert_array_equal(whole.firsts, parts.firsts)
    np.testing.assert_array_equal(whole.shapes, parts.shapes)


def test_a_sketch_has_the_means_of_fields():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (3, 32, 48, 1), dtype=np.uint8)
    means = images.reshape(3, 16, 2, 16, 3).mean((2, 4)).reshape(3, -1)
    means -= means.mean(axis=1, keepdims=True)
    found = Sketches.of(GreyLevels(images)).shapes
    np.testing.assert_allclose(found, on_sphere(means), atol=1e-3)
    odd = random.integers(0, 256, (3, 5, 37, 1), dtype=np.uint8)
    assert Sketches.of(GreyLevels(odd)).shapes.shape == (3, 80)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fewer_images_and_clusters_than_neighbours(scattered, n):
    points, centers, images = scattered
    images[:] = images[0]
    images[:, 0, 0, 0] = np.arange(180)
    found = pairs_of(points[:n], centers[:n], images[:n])
    assert found == {(a, b) for a in range(n) for b in range(a + 1, n)}


@pytest.mark.parametrize("n_products", [1, 500])
def test_large_clusters_are_compared_in_blocks(scattered, monkeypatch, n_products):
    expected = pairs_of(*scattered)
    monkeypatch.setattr(_candidates, "_PRODUCTS", n_products)
    np.testing.assert_array_equal(pairs_of(*scattered), expected)
