import tracemalloc

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import normalized_mutual_info_score

from skdeepcluster.metrics import cluster_purity_score, nmi_scorer, purity_scorer


@pytest.mark.parametrize(
    ("labels_true", "labels_pred", "purity"),
    [
        # Manning et al. (2008), Introduction to Information Retrieval, figure 16.4
        (list("xxxxxo" + "xoooov" + "xxvvv"), [1] * 6 + [2] * 6 + [3] * 5, 12 / 17),
        ([0, 0, 1, 1], [0, 0, 1, 1], 1.0),
        ([0, 0, 1, 1], [5, 5, 5, 5], 0.5),
        ([0, 1, 2, 3], [0, 0, 0, 0], 0.25),
        (["a", "b", "b"], [0, 1, 2], 1.0),
        ([1], [1], 1.0),
    ],
)
def test_by_hand(labels_true, labels_pred, purity):
    assert cluster_purity_score(labels_true, labels_pred) == pytest.approx(purity)


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_names_of_clusters_do_not_matter(random):
    y, labels = random.integers(0, 5, 100), random.integers(0, 9, 100)
    renamed = random.permutation(9)[labels] * 10 - 3
    assert cluster_purity_score(y, renamed) == cluster_purity_score(y, labels)


def test_order_of_images_does_not_matter(random):
    y, labels = random.integers(0, 5, 100), random.integers(0, 9, 100)
    order = random.permutation(100)
    assert cluster_purity_score(y[order], labels[order]) == cluster_purity_score(
        y, labels
    )


def test_bounds(random):
    for _ in range(20):
        y, labels = random.integers(0, 4, 50), random.integers(0, 6, 50)
        purity = cluster_purity_score(y, labels)
        assert np.bincount(y).max() / 50 <= purity <= 1


def test_splitting_a_cluster_never_lowers_it(random):
    y, labels = random.integers(0, 4, 60), random.integers(0, 6, 60)
    split = labels * 2 + random.integers(0, 2, 60)
    assert cluster_purity_score(y, split) >= cluster_purity_score(y, labels)


def test_singletons_are_pure(random):
    assert cluster_purity_score(random.integers(0, 4, 50), np.arange(50)) == 1


@pytest.mark.parametrize(
    ("y", "labels"), [([0, 1], [0]), ([[0, 1]], [[0, 1]]), ([], [])]
)
def test_bad_labels(y, labels):
    with pytest.raises(ValueError, match=r"samples|shape|1D|empty"):
        cluster_purity_score(y, labels)


def test_scorers_read_predict():
    X, y = np.zeros((6, 1)), np.array([0, 0, 0, 1, 1, 2])
    constant = DummyClassifier(strategy="constant", constant=1).fit(X, y)
    assert purity_scorer(constant, X, y) == 0.5
    assert nmi_scorer(constant, X, y) == 0


def test_nmi_is_the_papers(random):
    """2 I / (H + H): the arithmetic mean, equation (2)."""
    y, labels = random.integers(0, 4, 200), random.integers(0, 8, 200)
    joint = np.histogram2d(y, labels, bins=(4, 8))[0] / 200

    def entropy(p):
        p = p[p > 0]
        return -(p * np.log(p)).sum()

    h_y, h_labels = entropy(joint.sum(1)), entropy(joint.sum(0))
    mutual = h_y + h_labels - entropy(joint.ravel())
    expected = 2 * mutual / (h_y + h_labels)
    assert normalized_mutual_info_score(y, labels) == pytest.approx(expected)


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_labels(missing):
    for y, labels in (([0, missing], [0, 1]), ([0, 1], [0, missing])):
        y, labels = (np.array(each, dtype=object) for each in (y, labels))
        with pytest.raises(ValueError, match="has 1 missing values"):
            cluster_purity_score(y, labels)


def test_many_classes_and_clusters_take_little_memory():
    numbers = np.arange(20_000)
    tracemalloc.start()
    try:
        assert cluster_purity_score(numbers, numbers) == 1
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
