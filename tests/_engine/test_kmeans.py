import contextlib
import sys

import numpy as np
import pytest
import torch
from scipy.cluster import hierarchy
from scipy.spatial.distance import cdist
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from skdeepcluster._engine.kmeans import _cut, assign, kmeans, lloyd, ward


@pytest.fixture
def blobs():
    X, y = make_blobs(300, n_features=5, centers=6, cluster_std=0.1, random_state=0)
    return torch.from_numpy(X.astype(np.float32)), y


@pytest.mark.parametrize("algorithm", [kmeans, lloyd])
def test_finds_blobs(algorithm, blobs):
    points, y = blobs
    scores = []
    for seed in range(5):
        centroids = algorithm(points, 12, n_iter=20, seed=seed)
        labels, _ = assign(points, centroids)
        scores.append(adjusted_rand_score(y, labels))
    assert max(scores) > 0.5


def test_lloyd_is_as_good_as_faiss(blobs):
    points, _ = blobs

    def inertia(algorithm, seed):
        centroids = algorithm(points, 12, n_iter=20, seed=seed)
        return float(assign(points, centroids)[1].square().sum())

    faiss = np.median([inertia(kmeans, seed) for seed in range(9)])
    ours = np.median([inertia(lloyd, seed) for seed in range(9)])
    assert ours == pytest.approx(faiss, rel=0.3)


def test_on_macos_faiss_is_not_even_imported(blobs, monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setitem(sys.modules, "faiss", None)
    points, _ = blobs
    centroids = kmeans(points, 12, n_iter=20, seed=0)
    assert torch.equal(centroids, lloyd(points, 12, n_iter=20, seed=0))


@pytest.mark.parametrize("fails", [False, True])
def test_faiss_has_no_more_threads_than_pytorch(blobs, monkeypatch, fails):
    import faiss

    seen = []

    def train(self, *args, **kwargs):
        seen.append(faiss.omp_get_max_threads())
        if fails:
            raise RuntimeError
        self.centroids = blobs[0][:12].numpy()

    monkeypatch.setattr(faiss.Kmeans, "train", train)
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    try:
        for n_threads in (2, 4):
            monkeypatch.setattr(torch, "get_num_threads", lambda n=n_threads: n)
            with contextlib.suppress(RuntimeError):
                kmeans(blobs[0], 12, n_iter=1, seed=0)
            assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(before)
    assert seen == [2, 3]


def test_empty_clusters_take_half_of_a_large_one():
    points = torch.tensor([[3.0, 4]] * 6 + [[1.0, 2]])
    start = torch.tensor([[9.0, 9], [3, 4], [1, 2], [-9, -9]])
    ends = lloyd(points, 4, n_iter=1, seed=0, init=start)
    assert len(ends.unique(dim=0)) == 4
    torch.testing.assert_close(ends[2], start[2])
    for end in ends[[0, 1, 3]]:
        torch.testing.assert_close(end, start[1], rtol=0.01, atol=0)


@pytest.mark.parametrize("algorithm", [kmeans, lloyd])
def test_repeats_with_the_seed(algorithm, blobs):
    points, _ = blobs
    runs = [algorithm(points, 8, n_iter=3, seed=1) for _ in range(2)]
    assert torch.equal(*runs)
    assert not torch.equal(runs[0], algorithm(points, 8, n_iter=3, seed=2))


@pytest.mark.parametrize("algorithm", [kmeans, lloyd])
def test_duplicates_give_finite_centroids(algorithm):
    points = torch.ones(20, 3)
    centroids = algorithm(points, 4, n_iter=5, seed=0)
    assert centroids.isfinite().all()
    labels, distances = assign(points, centroids)
    assert len(labels.unique()) == 1
    assert distances.max() < 0.01


@pytest.mark.parametrize("algorithm", [kmeans, lloyd])
def test_as_many_clusters_as_points(algorithm):
    points = torch.eye(7)
    centroids = algorithm(points, 7, n_iter=5, seed=0)
    assert assign(points, centroids)[1].max() < 1e-6


def test_assign_is_the_nearest_centroid(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(100, 8, generator=generator)
    centroids = torch.randn(9, 8, generator=generator)
    expected = cdist(points.numpy(), centroids.numpy())
    for block in (1, 64, 2**24):
        monkeypatch.setattr("skdeepcluster._engine.kmeans._BLOCK", block)
        labels, distances = assign(points, centroids)
        np.testing.assert_array_equal(labels, expected.argmin(1))
        np.testing.assert_allclose(distances, expected.min(1), rtol=1e-5)


def test_assign_prefers_the_first_of_equal_centroids():
    labels, _ = assign(torch.ones(3, 2), torch.ones(4, 2))
    assert labels.tolist() == [0, 0, 0]


@pytest.mark.parametrize("algorithm", [kmeans, lloyd])
def test_spherical_centroids_have_length_one(algorithm, blobs):
    points = torch.nn.functional.normalize(blobs[0], dim=1)
    centroids = algorithm(points, 8, n_iter=10, seed=0, spherical=True)
    torch.testing.assert_close(centroids.norm(dim=1), torch.ones(8))
    labels, _ = assign(points, centroids)
    np.testing.assert_array_equal(labels, (points @ centroids.T).argmax(1))
    plain = algorithm(points, 8, n_iter=10, seed=0)
    assert (plain.norm(dim=1) < 1 - 1e-4).any()


def test_ward_finds_blobs_that_random_starts_miss(blobs):
    points, y = blobs
    start = ward(points, 6)
    labels, _ = assign(points, start)
    assert adjusted_rand_score(y, labels) == 1


def test_a_sample_stands_for_many_points(blobs, monkeypatch):
    points, y = blobs
    monkeypatch.setattr("skdeepcluster._engine.kmeans._AGGLOMERATED", 60)
    torch.manual_seed(0)
    labels, _ = assign(points, ward(points, 6))
    assert adjusted_rand_score(y, labels) == 1
    assert ward(points, 200).shape == (200, 5)  # more than the sample would give


@pytest.mark.parametrize("n_clusters", [1, 7])
def test_ward_of_all_or_none(n_clusters):
    means = ward(torch.eye(7), n_clusters)
    torch.testing.assert_close(means.sum(0), torch.ones(7) * n_clusters / 7)


@pytest.mark.parametrize("algorithm", [kmeans, lloyd])
def test_starts_where_it_is_told(algorithm, blobs):
    points, _ = blobs
    start = ward(points, 6)
    centroids = algorithm(points, 6, n_iter=1, seed=0, init=start)
    torch.testing.assert_close(centroids, start, rtol=1e-4, atol=1e-4)
    assert centroids is not start


@pytest.mark.parametrize("n_clusters", [1, 7, 60])
def test_a_tree_is_cut_as_scipy_does(n_clusters):
    random = np.random.default_rng(0)
    for points in (
        random.normal(size=(60, 4)),
        random.normal(size=(20, 4))[np.arange(60) % 20],
        np.ones((60, 4)),
    ):
        tree = hierarchy.ward(points)
        expected = hierarchy.cut_tree(tree, n_clusters)[:, 0]
        np.testing.assert_array_equal(_cut(tree, n_clusters), expected)
