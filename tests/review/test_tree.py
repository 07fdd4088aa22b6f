import numpy as np
from scipy.cluster.hierarchy import fcluster, is_valid_linkage, linkage

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
