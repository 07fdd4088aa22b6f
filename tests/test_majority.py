import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepcluster import ClusterMajorityClassifier, DeepClusterCategorizer


@parametrize_with_checks([ClusterMajorityClassifier(KMeans(8, random_state=0))])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(300, centers=5, cluster_std=0.5, random_state=0)


@pytest.fixture
def line():
    """K-means at 0, 10, 20, 30: a cluster for each two of eight points."""
    X = np.array([[0.0], [1], [10], [11], [20], [21], [30], [31]])
    start = np.array([[0.5], [10.5], [20.5], [30.5]])
    return X, KMeans(4, init=start, n_init=1)


def test_an_image_gets_what_most_labelled_images_of_its_cluster_have(blobs):
    X, truth = blobs
    y = np.array(list("abcde"))[truth]
    classifier = ClusterMajorityClassifier(KMeans(20, random_state=0)).fit(X, y)
    assert classifier.classes_.tolist() == list("abcde")
    clusters = classifier.categorizer_.labels_
    for cluster in range(20):
        categories, counts = np.unique(y[clusters == cluster], return_counts=True)
        expected = categories[counts.argmax()]
        assert set(classifier.predict(X[clusters == cluster])) == {expected}
    assert classifier.cluster_counts_.sum() == 300
    assert not classifier.inferred_.any()


def test_shares_of_a_mixed_cluster(line):
    X, kmeans = line
    y = ["a", "b", "a", "a", "b", "b", "c", "c"]
    classifier = ClusterMajorityClassifier(kmeans).fit(X, y)
    shares = classifier.predict_proba([[0.0], [10], [31]])
    np.testing.assert_allclose(shares, [[0.5, 0.5, 0], [1, 0, 0], [0, 0, 1]])
    assert classifier.predict([[0.0]]) == ["a"]  # as frequent as b, and the first


@pytest.mark.parametrize(
    ("y", "unlabeled"),
    [
        ([-1, -1, 1, -1, -1, 7, -1, -1], -1),
        (["", "", "liver", "", "", "heart", "", ""], ""),
        ([None, None, "liver", None, None, "heart", None, None], None),
        ([None, None, 3, None, None, 4, None, None], None),
        ([np.nan, np.nan, 1.0, np.nan, np.nan, 7.0, np.nan, np.nan], np.nan),
    ],
)
def test_a_cluster_without_labels_takes_its_nearest_neighbours(line, y, unlabeled):
    X, kmeans = line
    classifier = ClusterMajorityClassifier(kmeans, unlabeled=unlabeled).fit(X, y)
    assert classifier.inferred_.tolist() == [True, False, False, True]
    assert len(classifier.classes_) == 2
    one, other = y[2], y[5]
    assert classifier.predict(X).tolist() == [one] * 4 + [other] * 4
    assert classifier.predict_proba(X).max(1).tolist() == [1.0] * 8


def test_none_stands_for_no_label_only_where_it_occurs(line):
    X, kmeans = line
    classifier = ClusterMajorityClassifier(kmeans).fit(X, [-1, -1, -1, -1, 1, 1, 1, 1])
    assert classifier.classes_.tolist() == [-1, 1]
    assert not classifier.inferred_.any()


def test_the_categorizer_is_cloned_and_a_frozen_one_is_used_as_it_is(blobs):
    X, y = blobs
    kmeans = KMeans(20, random_state=0)
    classifier = ClusterMajorityClassifier(kmeans).fit(X, y)
    assert not hasattr(kmeans, "labels_")
    assert classifier.categorizer_ is not kmeans

    kmeans.fit(X)
    centers = kmeans.cluster_centers_.copy()
    frozen = ClusterMajorityClassifier(FrozenEstimator(kmeans)).fit(X[:50], y[:50])
    assert frozen.categorizer_.estimator is kmeans
    np.testing.assert_array_equal(kmeans.cluster_centers_, centers)
    np.testing.assert_array_equal(kmeans.labels_, kmeans.predict(X))
    assert frozen.score(X, y) > 0.9


def test_no_label_at_all_is_where_asking_begins(blobs):
    X, y = blobs
    kmeans = KMeans(20, random_state=0).fit(X)
    classifier = ClusterMajorityClassifier(FrozenEstimator(kmeans), unlabeled=-1)
    labels = np.full(300, -1)
    asked = classifier.fit(X, labels).query(20)
    with pytest.raises(ValueError, match=r"every y in fit was -1.*query"):
        classifier.predict(X)
    assert set(kmeans.labels_[asked]) == set(range(20))
    labels[asked] = y[asked]
    assert classifier.fit(X, labels).score(X, y) > 0.97


def test_medoids_come_first_large_clusters_before_small_ones():
    X = np.array([[0.0], [1], [2], [10], [11], [20], [21], [22.5], [23]])
    start = np.array([[1.0], [10.5], [21.6]])
    classifier = ClusterMajorityClassifier(KMeans(3, init=start, n_init=1))
    classifier.set_params(unlabeled="")
    asked = classifier.fit(X, [""] * 9).query(3)
    assert asked[[0, 1]].tolist() == [6, 1]
    assert asked[2] in (3, 4)
    labels = np.array([""] * 9)
    labels[5] = "a"  # the largest has a label: its medoid can wait
    assert classifier.fit(X, labels).query(1).tolist() == [1]


def test_then_the_least_typical_image_of_the_most_doubtful_cluster():
    X = np.array([[0.0], [1], [2], [3.5], [20], [21], [22], [23.4]])
    start = np.array([[1.6], [21.6]])
    y = np.array(["a", "b", "", "", "a", "a", "", ""])
    kmeans = KMeans(2, init=start, n_init=1)
    classifier = ClusterMajorityClassifier(kmeans, unlabeled="").fit(X, y)
    # Of the mixed cluster first, the one that is farthest from its centre.
    assert classifier.query(1).tolist() == [3]
    assert sorted(classifier.query(99)) == [2, 3, 6, 7]
    with pytest.raises(ValueError, match="requires n >= 1, got 0"):
        classifier.query(0)


def test_asking_reckons_with_the_answers_it_expects():
    """Or one cluster would be asked about again and again."""
    X = np.concatenate([np.linspace(0, 1, 10), np.linspace(20, 21, 10)])[:, None]
    y = np.full(20, -1)
    y[[0, 10]] = 0, 1
    start = np.array([[0.5], [20.5]])
    kmeans = KMeans(2, init=start, n_init=1)
    asked = ClusterMajorityClassifier(kmeans, unlabeled=-1).fit(X, y).query(6)
    assert (asked < 10).sum() == 3


def test_names(blobs):
    X, _ = blobs
    kmeans = KMeans(5, random_state=0).fit(X)
    names = {0: "liver", 1: "heart", 2: "liver", 3: "brain"}
    named = ClusterMajorityClassifier.from_names(kmeans, names)
    assert named.classes_.tolist() == ["brain", "heart", "liver"]
    centers = kmeans.cluster_centers_
    nearest = np.linalg.norm(centers[:4] - centers[4], axis=1).argmin()
    assert named.inferred_.tolist() == [False] * 4 + [True]
    expected = [*names.values(), names[nearest]]
    assert named.predict(X).tolist() == [expected[each] for each in kmeans.labels_]
    assert named.n_features_in_ == 2
    with pytest.raises(AttributeError, match="no images to choose from"):
        named.query(1)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({}, "No cluster has a name"),
        ({5: "liver"}, r"no cluster 5 .*'liver'.*from 0 to 4"),
        ({-1: "liver"}, "no cluster -1"),
        ({0.5: "liver"}, r"no cluster 0\.5"),
        ({0: ""}, "name of cluster 0 is empty"),
    ],
)
def test_names_that_will_not_do(blobs, names, message):
    kmeans = KMeans(5, random_state=0).fit(blobs[0])
    with pytest.raises(ValueError, match=message):
        ClusterMajorityClassifier.from_names(kmeans, names)


def test_an_unfitted_categorizer_cannot_be_named():
    with pytest.raises(NotFittedError):
        ClusterMajorityClassifier.from_names(KMeans(2), {0: "liver"})


def test_categorizers_that_will_not_do(blobs):
    with pytest.raises(TypeError, match="DBSCAN cannot assign new images to clusters"):
        ClusterMajorityClassifier(DBSCAN()).fit(*blobs)
    with pytest.raises(TypeError, match="AgglomerativeClustering cannot assign"):
        ClusterMajorityClassifier(AgglomerativeClustering()).fit(*blobs)
    from sklearn.mixture import GaussianMixture

    with pytest.raises(TypeError, match="GaussianMixture has no cluster_centers_"):
        ClusterMajorityClassifier(GaussianMixture(2)).fit(*blobs)


def test_labels_that_will_not_do(line):
    X, kmeans = line
    classifier = ClusterMajorityClassifier(kmeans)
    with pytest.raises(ValueError, match="types NoneType, str"):
        classifier.set_params(unlabeled=-1).fit(X, ["a", None] * 4)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classifier.fit(X, [0, 1])


def test_images_and_a_saved_model(digits, tmp_path):
    """With our own estimator inside, on pictures and not rows."""
    images, y = digits
    est = DeepClusterCategorizer(
        20,
        backbone="small_cnn",
        n_epochs=1,
        augmentation=False,
        precision="float32",
        random_state=0,
    ).fit(images)
    est.save(tmp_path / "model.safetensors")
    loaded = DeepClusterCategorizer.load(tmp_path / "model.safetensors")
    classifier = ClusterMajorityClassifier(FrozenEstimator(loaded)).fit(images, y)
    assert classifier.n_features_in_ == 64
    assert classifier.score(images, y) > 0.6
    asked = (
        classifier.set_params(unlabeled=-1).fit(images, np.full(len(y), -1)).query(5)
    )
    distances = -est.score_samples(images)
    for image in asked:
        mine = est.labels_ == est.labels_[image]
        assert distances[image] == pytest.approx(distances[mine].min(), abs=1e-5)


def test_it_survives_pickle_and_clone(line):
    X, kmeans = line
    classifier = ClusterMajorityClassifier(kmeans).fit(X, list("aabbccdd"))
    again = pickle.loads(pickle.dumps(classifier))
    assert again.predict(X).tolist() == list("aabbccdd")
    assert again.query(3).size == 0  # all are labelled
    with pytest.raises(NotFittedError):
        clone(classifier).predict(X)


def test_another_fit_with_as_many_clusters_is_noticed(line):
    X, kmeans = line
    kmeans.fit(X)
    named = ClusterMajorityClassifier.from_names(kmeans, {0: "a"})
    assert set(named.predict(X)) == {"a"}
    kmeans.fit(X[::-1] + 5)
    with pytest.raises(ValueError, match="extended or fitted since"):
        named.predict(X)


def test_score_counts_images_without_a_category_as_wrong(fitted, digits):
    est = copy.deepcopy(fitted)
    y = est.labels_ % 2
    classifier = ClusterMajorityClassifier(FrozenEstimator(est)).fit(digits[0], y)
    assert classifier.score(digits[0], y) == 1
    boards = np.indices((8, 8)).sum(0) % 2 * np.linspace(9, 16, 20)[:, None, None]
    est.extend(boards, n_new_clusters=1)
    again = ClusterMajorityClassifier(FrozenEstimator(est)).fit(digits[0], y)
    assert set(again.predict(boards)) == {None}
    assert again.score(boards, np.zeros(20)) == 0
    both = np.concatenate([digits[0], boards])
    right = np.concatenate([y, np.zeros(20, dtype=int)])
    weights = np.repeat([1, 0], [len(y), 20])
    assert again.score(both, right) == pytest.approx(len(y) / len(both), abs=0.02)
    assert again.score(both, right, weights) == pytest.approx(1, abs=0.02)


def test_rows_keep_the_precision_that_a_categorizer_of_ours_wants():
    """Also rows that are as long as the embedding, in which centres are float32."""
    random = np.random.default_rng(0)
    X = 1e9 + random.integers(2, size=(60, 1)) * 20 + random.normal(size=(60, 512))
    est = DeepClusterCategorizer(4, backbone="small_cnn", n_epochs=0, random_state=0)
    est.fit(X)
    assert est.cluster_centers_.shape[1] == X.shape[1]
    named = ClusterMajorityClassifier.from_names(est, dict(enumerate("abcd")))
    found = np.array(list("abcd"))[est.predict(X)]
    np.testing.assert_array_equal(named.predict(X), found)


@pytest.mark.parametrize("none", [-1, None])
def test_score_of_images_that_have_neither_label_nor_category(fitted, digits, none):
    est = copy.deepcopy(fitted)
    boards = np.indices((8, 8)).sum(0) % 2 * np.linspace(9, 16, 20)[:, None, None]
    est.extend(boards, n_new_clusters=1)
    classifier = ClusterMajorityClassifier(FrozenEstimator(est), unlabeled=none)
    classifier.fit(digits[0], est.labels_ % 2)
    y = np.full(20, none, dtype=object if none is None else int)
    assert classifier.score(boards, y) == 0


def test_score_of_a_fold_without_labels(line):
    X, kmeans = line
    y = np.array([*"aabbaabb"], dtype=object)
    classifier = ClusterMajorityClassifier(kmeans, unlabeled=None).fit(X, y)
    assert classifier.score(X, np.full(8, None)) == 0


def test_score_tells_text_from_numbers(line):
    X, kmeans = line
    classifier = ClusterMajorityClassifier(kmeans).fit(X, [0, 0, 1, 1, 0, 0, 1, 1])
    with pytest.raises(ValueError, match="use text for both, or numbers"):
        classifier.score(X, list("00110011"))


def test_fit_takes_rows_of_another_float_type_as_predict_does(line):
    X, kmeans = line
    y = list("aabbccdd")
    frozen = FrozenEstimator(kmeans.fit(X))
    classifier = ClusterMajorityClassifier(frozen).fit(X.astype(np.float32), y)
    assert classifier.predict(X.astype(np.float32)).tolist() == y
