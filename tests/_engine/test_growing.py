"""New clusters of images that no cluster holds."""

import numpy as np
import pytest
import torch

from skdeepcluster._engine.clustering import Clustering
from skdeepcluster._engine.growing import grow
from skdeepcluster._engine.kmeans import assign
from skdeepcluster._engine.model import Model
from skdeepcluster._engine.novelty import Novelty

WIDTH = 20


def around(axis, n, seed, spread=0.08):
    """Unit vectors near one axis."""
    noise = np.random.default_rng(seed).normal(0, spread, (n, WIDTH))
    points = np.eye(WIDTH)[axis] + noise
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def some_of(*axes, n=60, seed=1):
    return np.concatenate([around(axis, n, seed + axis) for axis in axes])


@pytest.fixture(scope="module")
def model():
    """Four clusters, of spherical K-means."""
    points = torch.from_numpy(some_of(0, 1, 2, 3, n=200, seed=100))
    return of_clusters(points, torch.eye(4, WIDTH))


def of_clusters(points, centroids):
    labels, distances = assign(points, centroids)
    clustering = Clustering(labels, distances, centroids, None, 0.0, points)
    return Model(
        network=torch.nn.Identity(),
        architecture=None,
        inputs=None,
        whitening=None,
        centroids=centroids.numpy(),
        novelty=Novelty.of(clustering),
        precision="float32",
        device=torch.device("cpu"),
    )


def test_a_new_kind_becomes_a_cluster_after_the_old(model):
    embedding = np.concatenate([some_of(0, 1), around(7, 30, 0)])
    grown = grow(model, embedding)
    np.testing.assert_array_equal(grown.centroids[:4], model.centroids)
    labels, _ = grown.assign(embedding)
    assert set(labels[:120]) == {0, 1}
    assert set(labels[120:]) == set(range(4, len(grown.centroids)))
    np.testing.assert_allclose(np.linalg.norm(grown.centroids, axis=1), 1, rtol=1e-5)
    assert (model.decision(embedding)[120:] < 0).all()
    assert (grown.decision(embedding)[120:] >= 0).mean() > 0.9


def test_the_largest_comes_first(model):
    embedding = np.concatenate([around(7, 15, 0), around(8, 40, 0), some_of(2)])
    grown = grow(model, embedding)
    labels, _ = grown.assign(embedding)
    sizes = np.bincount(labels)[4:]
    assert len(sizes) >= 2
    assert (np.diff(sizes) <= 0).all()
    assert grown.centroids[4].argmax() == 8


@pytest.mark.parametrize(
    "embedding",
    [some_of(0, 1, 2, 3), some_of(0, n=3), some_of(5, 6, 7, 8, n=1)],
    ids=["of old kinds", "few", "unlike each other"],
)
def test_without_a_new_kind_nothing_changes(model, embedding):
    assert grow(model, embedding) is model


def test_doubtful_images_of_an_old_kind_are_no_new_kind(model, monkeypatch):
    """Most of the images that their mean would take are not doubtful."""
    embedding = around(0, 1500, 5)
    assert (model.decision(embedding) < 0).sum() > 10
    assert grow(model, embedding) is model
    monkeypatch.setattr("skdeepcluster._engine.growing._MAJORITY", 0)
    assert grow(model, embedding) is not model


def test_odd_images_of_old_kinds_make_few_clusters_however_many_there_are(monkeypatch):
    """In many dimensions some odd images always have a mean near each of them."""
    width = 200
    random = np.random.default_rng(0)
    noise = torch.from_numpy(random.normal(0, 0.03, (4800, width))).float()
    points = torch.nn.functional.normalize(torch.eye(4, width).repeat(1200, 1) + noise)
    model = of_clusters(points[:800], torch.eye(4, width))
    embedding = points[800:].numpy()
    n_made = len(grow(model, embedding).centroids) - 4
    monkeypatch.setattr(
        "skdeepcluster._engine.growing.held_out_factors", torch.ones_like
    )
    assert len(grow(model, embedding).centroids) - 4 > 5 * (n_made + 1)


def test_a_kind_that_is_wider_than_the_old_becomes_a_cluster(model, monkeypatch):
    """A network tells images of a kind that it never saw less well from each other."""
    embedding = np.concatenate([some_of(0, 1), around(7, 60, 0, spread=0.13)])
    labels, _ = grow(model, embedding).assign(embedding)
    assert (labels[:120] < 4).all()
    assert (labels[120:] >= 4).mean() > 0.9
    monkeypatch.setattr("skdeepcluster._engine.growing._REACHES", (1.0,))
    assert grow(model, embedding) is model


def test_growing_again_adds_nothing(model):
    embedding = np.concatenate([some_of(0, 1), around(7, 30, 0)])
    grown = grow(model, embedding)
    assert grow(grown, embedding) is grown


def test_a_number_can_be_asked_for(model):
    embedding = np.concatenate([some_of(0, 1), around(7, 30, 0), around(8, 30, 1)])
    for n in (1, 2, 3):
        grown = grow(model, embedding, n)
        assert len(grown.centroids) == 4 + n
        labels, _ = grown.assign(embedding)
        assert (labels[:120] < 4).all()
        assert (labels[120:] >= 4).all()
    assert len(grow(model, around(7, 1, 0), 1).centroids) == 5


def test_a_number_that_is_too_large_is_an_error(model):
    with pytest.raises(ValueError, match=r"n_new_clusters=9 .* of 3 images"):
        grow(model, np.concatenate([some_of(0, n=20), around(7, 3, 0)]), 9)


def test_of_many_doubtful_images_all_are_grouped(model, monkeypatch):
    """A rare kind is found beside a frequent one, however few are grouped at a time."""
    monkeypatch.setattr("skdeepcluster._engine.growing._GROUPED", 20)
    rare = [around(axis, 6, axis, spread=0.04) for axis in (8, 9, 10)]
    embedding = np.concatenate([some_of(0), around(7, 300, 0), *rare])
    grown = grow(model, embedding)
    labels, _ = grown.assign(embedding)
    assert (labels[60:] >= 4).all()
    kinds = [set(labels[part]) for part in (slice(60, 360), *_sixes(360))]
    assert len(set.union(*kinds)) == sum(map(len, kinds))
    np.testing.assert_array_equal(grow(model, embedding).centroids, grown.centroids)


def _sixes(start):
    return (slice(first, first + 6) for first in range(start, start + 18, 6))


def test_many_doubtful_images_of_one_place_become_one_cluster(model, monkeypatch):
    monkeypatch.setattr("skdeepcluster._engine.growing._GROUPED", 20)
    grown = grow(model, np.repeat(np.eye(1, WIDTH, 7, dtype=np.float32), 100, 0))
    assert len(grown.centroids) == 5
