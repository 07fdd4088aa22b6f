import copy
from dataclasses import replace

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, is_valid_linkage, linkage
from sklearn.exceptions import NotFittedError

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.review import (
    MergeTreeDisplay,
    TrainingHistoryDisplay,
    merge_clusters,
    near_duplicates,
)
from skdeepcluster.review._tree import merge_tree


def test_with_equal_sizes_it_is_wards_linkage():
    points = np.random.default_rng(0).normal(size=(40, 3))
    np.testing.assert_allclose(
        merge_tree(points, np.ones(40)), linkage(points, "ward"), atol=1e-9
    )


def test_a_cluster_weighs_as_much_as_its_images():
    random = np.random.default_rng(1)
    points, sizes = random.normal(size=(20, 3)), random.integers(1, 6, 20)
    ours = merge_tree(points, sizes)
    theirs = linkage(np.repeat(points, sizes, axis=0), "ward")
    np.testing.assert_allclose(ours[:, 2], theirs[-19:, 2], atol=1e-9)
    assert is_valid_linkage(ours)
    merged = fcluster(ours, 4, "maxclust")
    of_images = fcluster(theirs, 4, "maxclust")[np.cumsum(sizes) - 1]
    assert len(set(zip(merged, of_images, strict=True))) == 4


def test_one_cluster_is_not_merged():
    assert merge_tree([[0.0, 1.0]], [3]).shape == (0, 4)


def test_clusters_become_categories(fitted):
    sizes = np.bincount(fitted.labels_)
    for n in range(1, fitted.n_clusters_ + 1):
        merged = merge_clusters(fitted, n)
        assert merged.dtype == np.int64
        assert merged.shape == sizes.shape
        assert set(merged) == set(range(n))
        assert (np.diff(np.bincount(merged, weights=sizes)) <= 0).all()
    first = merge_tree(fitted.cluster_centers_, sizes)[0, :2].astype(int)
    merged = merge_clusters(fitted, fitted.n_clusters_ - 1)
    assert merged[first[0]] == merged[first[1]]


def test_clusters_without_images_are_merged_with_what_is_near(fitted):
    with_new = copy.deepcopy(fitted)
    centers = fitted.cluster_centers_
    more = np.concatenate([centers, centers[[3, 5]] + 1e-4])
    with_new.model_ = replace(with_new.model_, centroids=more)
    assert with_new.n_clusters_ == fitted.n_clusters_ + 2
    merged = merge_clusters(with_new, fitted.n_clusters_)
    assert merged[[3, 5]].tolist() == merged[[-2, -1]].tolist()
    with_new.new_labels_ = np.full(400, len(centers))  # the last extend's
    assert merge_clusters(with_new, fitted.n_clusters_)[3] == 0
    labels = MergeTreeDisplay.from_estimator(with_new).labels
    assert labels[len(centers) :] == ["10 (n = 400)", "11 (n = 0)"]


@pytest.mark.parametrize(
    ("what", "given"),
    [
        (MergeTreeDisplay.from_estimator, ()),
        (TrainingHistoryDisplay.from_estimator, ()),
        (merge_clusters, (3,)),
        (near_duplicates, (np.zeros((9, 8, 8)),)),
    ],
)
def test_what_was_not_fitted(what, given):
    with pytest.raises(NotFittedError):
        what(DeepClusterCategorizer(), *given)


@pytest.mark.parametrize("n", [0, 11])
def test_categories_that_cannot_be(fitted, n):
    with pytest.raises(ValueError, match=f"n_categories .* from 1 to .*=10, got {n}"):
        merge_clusters(fitted, n)


def test_one_cluster_is_one_category():
    est = DeepClusterCategorizer.from_recipe("fast", n_clusters=1, n_epochs=0)
    assert merge_clusters(est.fit(np.zeros((5, 8, 8))), 1).tolist() == [0]
