"""A model that gets clusters for new kinds: each clause of the contract of `extend`."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skdeepcluster import ClusterMajorityClassifier, DeepClusterCategorizer


@pytest.fixture(scope="module")
def stripes():
    """Thirty images that are like each other, and like no digit."""
    random = np.random.default_rng(0)
    images = np.zeros((30, 8, 8)) + 16 * (np.arange(8) % 2)
    return (images + random.integers(0, 3, images.shape)).astype(np.uint8)


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.safetensors"
    fitted.names_ = {0: "zero"}
    fitted.save(path)
    fitted.names_ = {}
    return path


@pytest.fixture
def est(saved, digits):
    """As after `fit`: its images are embedded."""
    loaded = DeepClusterCategorizer.load(saved)
    loaded.embedding_ = loaded.transform(digits[0])
    return loaded


def state_of(est):
    """What must not change when something fails."""
    return {name: id(value) for name, value in vars(est).items()}


def test_a_new_kind_gets_clusters_after_the_old(est, digits, stripes):
    X, n_before = digits[0], est.n_clusters_
    centers, labels = est.cluster_centers_, est.labels_
    arrived = np.concatenate([X[:50], stripes])
    assert (est.decision_function(stripes) < 0).all()
    assert est.extend(arrived) is est

    assert est.n_clusters_ == n_before + est.n_new_clusters_ > n_before
    assert est.n_fit_clusters_ == n_before
    np.testing.assert_array_equal(est.cluster_centers_[:n_before], centers)
    assert (est.new_labels_[50:] >= n_before).all()
    assert (est.new_labels_[:50] == labels[:50]).mean() > 0.9
    np.testing.assert_array_equal(est.new_labels_, est.predict(arrived))
    np.testing.assert_array_equal(est.new_embedding_, est.transform(arrived))
    outliers = est.decision_function(arrived) < 0
    np.testing.assert_array_equal(est.new_outliers_, outliers)
    assert est.new_outliers_[50:].mean() < 0.2

    np.testing.assert_array_equal(est.labels_, est.predict(X))
    assert (est.labels_ == labels).mean() > 0.95
    distances = est.score_samples(X)
    assert est.inertia_ == pytest.approx((distances**2).sum(), rel=1e-4)
    assert est.names_ == {0: "zero"}


def test_an_image_that_is_like_no_other_stays_an_outlier(est, digits, stripes):
    est.extend(np.concatenate([digits[0][:50], stripes[:1]]))
    assert est.n_new_clusters_ == 0
    assert est.n_clusters_ == est.n_fit_clusters_
    assert est.new_outliers_[-1]
    assert est.new_labels_[-1] < est.n_fit_clusters_


def test_it_can_be_extended_again(est, digits, stripes):
    est.extend(stripes)
    n_before, first = est.n_clusters_, est.new_labels_
    upright = stripes.transpose(0, 2, 1)
    est.extend(np.concatenate([stripes, upright]))
    np.testing.assert_array_equal(est.new_labels_[:30], first)
    assert (est.new_labels_[30:] >= n_before).all()
    assert est.n_fit_clusters_ < n_before < est.n_clusters_
    est.extend(digits[0])
    assert est.n_new_clusters_ == 0
    assert len(est.new_labels_) == 200


def test_files_and_pickles_keep_what_was_extended(est, stripes, tmp_path):
    est.extend(stripes)
    est.names_[est.n_fit_clusters_] = "stripes"
    est.save(tmp_path / "model")
    for again in (
        DeepClusterCategorizer.load(tmp_path / "model"),
        pickle.loads(pickle.dumps(est)),
    ):
        for name in ("n_fit_clusters_", "n_new_clusters_", "names_"):
            assert getattr(again, name) == getattr(est, name)
        for name in ("new_labels_", "new_outliers_", "labels_", "cluster_centers_"):
            np.testing.assert_array_equal(getattr(again, name), getattr(est, name))
        assert again.new_embedding_ is None
        np.testing.assert_array_equal(again.predict(stripes), est.new_labels_)
        np.testing.assert_array_equal(
            again.decision_function(stripes), est.decision_function(stripes)
        )
        assert again.extend(stripes).n_new_clusters_ == 0


def test_a_loaded_model_needs_the_images_of_the_fit(saved, est, digits, stripes):
    X = digits[0]
    arrived = np.concatenate([X[:50], stripes])
    est.extend(arrived, n_new_clusters=5)
    without = DeepClusterCategorizer.load(saved)
    labels, inertia = without.labels_, without.inertia_
    without.extend(arrived, n_new_clusters=5)
    assert without.labels_ is labels
    assert without.inertia_ == inertia
    assert without.embedding_ is None
    with_them = DeepClusterCategorizer.load(saved).extend(arrived, X, n_new_clusters=5)
    for name in ("labels_", "embedding_", "cluster_centers_"):
        np.testing.assert_array_equal(getattr(with_them, name), getattr(est, name))
    assert with_them.inertia_ == est.inertia_


def test_a_number_of_clusters_can_be_asked_for(est, stripes):
    n_before = est.n_clusters_
    est.extend(stripes, n_new_clusters=3)
    assert est.n_new_clusters_ == 3
    assert set(est.new_labels_) <= {n_before, n_before + 1, n_before + 2}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"X": np.zeros((3, 9, 9))}, ValueError, "images of shape .9, 9, 1."),
        ({"X": np.full((3, 8, 8), np.nan)}, ValueError, "NaN"),
        ({"X_fit": np.zeros((3, 8, 8))}, ValueError, "3 images, but fit had 200"),
        ({"X_fit": np.zeros((200, 8, 8))}, ValueError, "in the cluster that labels_"),
        ({"n_new_clusters": 31}, ValueError, "n_new_clusters=31 cannot be made of 30"),
        ({"n_new_clusters": 0}, ValueError, "n_new_clusters == 0"),
        ({"n_new_clusters": 1.5}, TypeError, "n_new_clusters"),
    ],
)
def test_an_error_changes_nothing(arguments, error, message, est, stripes):
    before = state_of(est)
    with pytest.raises(error, match=message):
        est.extend(**{"X": stripes} | arguments)
    assert state_of(est) == before


def test_before_fit_there_is_nothing_to_extend(stripes):
    with pytest.raises(NotFittedError):
        DeepClusterCategorizer().extend(stripes)
    with pytest.raises(NotFittedError):
        DeepClusterCategorizer().decision_function(stripes)


def test_a_fit_starts_anew(quick, digits, stripes):
    quick.set_params(n_epochs=0).fit(digits[0]).extend(stripes, n_new_clusters=1)
    assert quick.n_clusters_ == 6
    quick.fit(digits[0])
    assert quick.n_clusters_ == quick.n_fit_clusters_ == 5
    assert not hasattr(quick, "new_labels_")


def test_new_clusters_have_no_category_until_they_are_named(est, digits, stripes):
    before = ClusterMajorityClassifier.from_names(est, {0: "a", 1: "b"})
    est.extend(stripes)
    with pytest.raises(ValueError, match=r"extended .* make the classifier again"):
        before.predict(stripes)
    with pytest.raises(ValueError, match="make the classifier again"):
        before.predict_proba(stripes)

    named = ClusterMajorityClassifier.from_names(est, {0: "a", 1: "b"})
    assert set(named.predict(stripes)) == {""}
    assert set(named.predict(digits[0])) <= {"a", "b", ""}
    assert named.inferred_.sum() == est.n_fit_clusters_ - 2
    assert not named.inferred_[est.n_fit_clusters_ :].any()
    assert (named.predict_proba(stripes) == 0).all()
    names = dict.fromkeys(range(est.n_fit_clusters_, est.n_clusters_), "stripes")
    named = ClusterMajorityClassifier.from_names(est, names | {0: "a"})
    assert set(named.predict(stripes)) == {"stripes"}


@pytest.mark.parametrize("views", [True, False])
def test_outliers_are_told_with_and_without_augmentation(views, quick, digits, stripes):
    quick.set_params(augmentation=None if views else False).fit(digits[0][:150])
    assert (quick.decision_function(digits[0][:150]) < 0).mean() < 0.05
    new, odd = map(quick.decision_function, (digits[0][150:], stripes))
    assert (odd < 0).mean() > (new < 0).mean()
    assert np.median(odd) < np.median(new)
    assert odd.dtype == np.float32


def test_global_random_state_is_left_alone(est, stripes):
    import torch

    torch.manual_seed(3)
    before = torch.get_rng_state()
    est.extend(stripes, n_new_clusters=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_identical_images_make_one_cluster_and_no_empty_ones(est, stripes):
    with pytest.raises(ValueError, match="n_new_clusters=5 cannot be made: only 1"):
        est.extend(np.repeat(stripes[:1], 10, axis=0), n_new_clusters=5)
    est.extend(np.repeat(stripes[:1], 10, axis=0), n_new_clusters=1)
    assert len(set(est.new_labels_)) == 1
