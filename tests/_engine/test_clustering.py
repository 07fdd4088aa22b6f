import pytest
import torch
from sklearn.decomposition import PCA

from skdeepcluster._engine.clustering import (
    Clusterer,
    DivergenceError,
    Whitening,
    on_sphere,
)


@pytest.fixture
def points():
    torch.manual_seed(0)
    return torch.randn(200, 6) * torch.tensor([9.0, 5, 3, 1, 0.5, 0]) + 4


def test_whitened_components_have_unit_variance(points):
    whitened = Whitening.fit(points, 3)(points)
    torch.testing.assert_close(
        whitened.T @ whitened / 199, torch.eye(3), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("n", [50, 5])
def test_whitening_is_that_of_scikit_learn(points, n):
    X = points[:n, :5].repeat(1, 2) + torch.arange(10) * points[:n, [3]]
    expected = PCA(2, whiten=True).fit_transform(X.numpy().astype(float))
    whitened = Whitening.fit(X, 2)(X)
    torch.testing.assert_close(
        whitened.abs(), torch.tensor(expected).float().abs(), atol=1e-3, rtol=1e-3
    )


def test_components_are_clipped_to_the_rank(points):
    assert Whitening.fit(points, 256)(points).shape == (200, 5)
    assert Whitening.fit(points[:4], 256)(points).shape == (200, 3)


def test_whitening_of_constant_features_is_finite():
    constant = torch.ones(10, 4)
    assert Whitening.fit(constant, 2)(constant).isfinite().all()


def test_on_sphere():
    rows = on_sphere(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    torch.testing.assert_close(rows, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))


def test_images_are_assigned_to_the_nearest_centroid_on_the_sphere(points):
    found = Clusterer(4, 5).cluster(points)
    rows = on_sphere(points)
    distances = torch.cdist(rows, found.centroids)
    torch.testing.assert_close(found.labels, distances.argmin(1))
    torch.testing.assert_close(found.distances, distances.amin(1), atol=1e-3, rtol=1e-3)
    spread = (rows - rows.mean(0)).square().sum()
    assert found.spread == pytest.approx(float(spread), rel=1e-4)


def test_spherical_centroids_have_length_one(points):
    norms = Clusterer(4, 5).cluster(points, spherical=True).centroids.norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(4))


def test_another_number_of_clusters_for_once(points):
    assert len(Clusterer(4, 5).cluster(points, 7).centroids) == 7


@pytest.mark.parametrize(
    ("wanted", "n_images", "found"), [(None, 9, 4), (7, 99, 7), (7, 69, 6), (7, 9, 1)]
)
def test_an_objective_gets_one_cluster_for_ten_images_at_most(wanted, n_images, found):
    assert Clusterer(4, 5).number(wanted, n_images) == found


def test_k_means_starts_where_it_is_told(points):
    def first(points, n_clusters, ranks):
        return points[:n_clusters].clone()

    found = Clusterer(3, 1).cluster(points, init=first)
    again = Clusterer(3, 1).cluster(points, init=first)
    torch.testing.assert_close(found.centroids, again.centroids)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_embeddings_that_diverged_are_not_clustered(points, value):
    points[7, 2] = value
    with pytest.raises(DivergenceError):
        Clusterer(3, 5).cluster(points)
