"""How unlike all clusters an image is."""

import numpy as np
import pytest
import torch

from skdeepcluster._engine.clustering import Clustering, held_out
from skdeepcluster._engine.kmeans import assign
from skdeepcluster._engine.novelty import Novelty


def clustered(points, centroids):
    """The clustering of points that stand in for new ones."""
    labels, distances = assign(points, centroids)
    return Clustering(labels, distances, centroids, None, 0.0, points)


@pytest.fixture
def blobs():
    """Points around three centres, ten times as wide along the last axis."""
    torch.manual_seed(0)
    centroids = torch.eye(3, 40)
    noise = 0.01 * torch.randn(3000, 40)
    noise[:, -1] *= 10
    return centroids.repeat_interleave(1000, 0) + noise, centroids


def test_limits_are_what_most_do_not_exceed(blobs):
    points, centroids = blobs
    novelty = Novelty.of(clustered(points, centroids))
    distances = novelty.distances(points, centroids)
    shares = [float((distances > limit).float().mean()) for limit in novelty.limits]
    assert shares == pytest.approx([0.2, 0.02], abs=0.001)
    assert novelty.directions.shape == (32, 40)
    assert (distances < novelty.limits[1] * 2).all()
    far = novelty.distances(torch.full((1, 40), 0.5), centroids)
    assert far > novelty.limits[1] * 2


def test_directions_in_which_clusters_are_wide_count_less(blobs):
    points, centroids = blobs
    novelty = Novelty.of(clustered(points, centroids))
    along = centroids[:1].clone()
    along[0, -1] += 0.1
    across = centroids[:1].clone()
    across[0, -2] += 0.1
    ratio = novelty.distances(along, centroids) / novelty.distances(across, centroids)
    # In units of 0.01², variances of 100 and 1, whose mean is 3.5.
    assert float(ratio) == pytest.approx(np.sqrt((1 + 3.5) / (100 + 3.5)), rel=0.1)


def test_a_wide_cluster_reaches_farther(blobs):
    points, centroids = blobs
    points = points.clone()
    points[:1000] = centroids[0] + 2 * (points[:1000] - centroids[0])
    novelty = Novelty.of(clustered(points, centroids))
    # Mean squares of 4, 1 and 1, whose mean is 2, of 1,000 images and 50 like all.
    scales = np.sqrt([2050 / 1050, 550 / 1050, 550 / 1050])
    np.testing.assert_allclose(novelty.scales, scales, rtol=0.05)
    off = torch.zeros(1, 40)
    off[0, 20] = 0.1
    distances = novelty.distances(centroids + off, centroids)
    assert float(distances[1] / distances[0]) == pytest.approx(
        novelty.scales[0] / novelty.scales[1], rel=0.01
    )
    more = novelty.with_more(2)
    np.testing.assert_array_equal(more.scales[3:], [1, 1])


def test_distances_do_not_depend_on_what_else_is_asked(blobs):
    points, centroids = blobs
    novelty = Novelty.of(clustered(points, centroids))
    few = novelty.distances(points[:7], centroids)
    torch.testing.assert_close(
        few, novelty.distances(points, centroids)[:7], rtol=0, atol=1e-7
    )


def test_duplicates_have_a_limit_above_zero():
    centroids = torch.eye(2, 5)
    novelty = Novelty.of(clustered(centroids.repeat(9, 1), centroids))
    assert 0 < novelty.limits[0] <= novelty.limits[1] < 0.01
    assert len(novelty.directions) == 0
    assert novelty.distances(torch.ones(1, 5), centroids) > 1


def test_distances_alone_will_do(blobs):
    points, centroids = blobs
    labels, distances = assign(points, centroids)
    novelty = Novelty.of(Clustering(labels, distances, centroids, None, 0.0))
    assert len(novelty.directions) == 0
    assert novelty.limits[1] == pytest.approx(np.quantile(distances, 0.98), rel=0.01)


def test_points_held_out_are_as_far_as_from_the_mean_of_the_others():
    points = torch.tensor([[0.0, 0], [3, 0], [6, 6], [9, 9]])
    labels = torch.tensor([0, 0, 0, 1])
    centroids = torch.stack([points[:3].mean(0), points[3]])
    moved = held_out(points, Clustering(labels, labels, centroids, None, 0.0))
    others = points[1:3].mean(0)
    torch.testing.assert_close(
        (moved[0] - centroids[0]).norm(), (points[0] - others).norm()
    )
    torch.testing.assert_close(moved[3], points[3])  # there are no others
