"""Each clause of the contract of DeepClusterCategorizer."""

import contextlib
import pickle
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pytest
import torch
import torchvision
from sklearn.base import BaseEstimator, clone
from sklearn.callback import ProgressBar
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline

from skdeepcluster import (
    Augmentation,
    CollapseWarning,
    DeepClusterCategorizer,
    Pretrained,
    Stability,
)
from skdeepcluster._assembly import n_epochs_of, view_of
from skdeepcluster._engine.images import Images
from skdeepcluster.metrics import (
    cluster_purity_score,
    nmi_scorer,
    pseudo_label_monitor,
    purity_scorer,
)
from skdeepcluster.objectives import (
    CentroidClassification,
    ClusterClassification,
    SwappedPrediction,
)
from skdeepcluster.recipes import RECIPES

HISTORY = {
    "loss",
    "nmi_previous",
    "purity_previous",
    "inertia",
    "smallest_cluster",
    "median_cluster",
    "largest_cluster",
    "learning_rate",
    "embed_seconds",
    "cluster_seconds",
    "train_seconds",
}


# What fit leaves behind


def test_attributes(fitted, digits):
    X, _ = digits
    assert fitted.labels_.shape == (200,)
    assert fitted.labels_.dtype == np.int64
    assert set(fitted.labels_) == set(range(fitted.n_clusters_))
    assert fitted.cluster_centers_.shape == (fitted.n_clusters_, 512)
    assert fitted.cluster_centers_.dtype == np.float32
    assert fitted.n_clusters_ <= 10
    assert fitted.last_epoch_labels_.shape == (200,)
    assert fitted.n_epochs_ == 2
    assert fitted.image_shape_ == (8, 8, 1)
    assert fitted.n_features_in_ == 64
    assert fitted.device_ == "cpu"
    assert fitted.precision_ in ("float32", "bfloat16")
    assert isinstance(fitted.network_, torch.nn.Module)
    assert not fitted.network_.training
    assert fitted.pixel_mean_ is None
    distances = -fitted.score_samples(X)
    assert fitted.inertia_ == pytest.approx((distances**2).sum(), rel=1e-4)
    assert fitted.names_ == {}
    assert fitted.n_fit_clusters_ == fitted.n_clusters_
    assert (fitted.decision_function(X) < 0).mean() < 0.05
    assert not hasattr(fitted, "new_labels_")


def test_history(fitted):
    assert set(fitted.history_) == HISTORY
    for values in fitted.history_.values():
        assert values.shape == (2,)
    history = fitted.history_
    assert np.isnan(history["nmi_previous"][0])
    assert 0 < history["nmi_previous"][1] < 1
    assert (history["loss"] > 0).all()
    assert (history["smallest_cluster"] <= history["median_cluster"]).all()
    assert (history["median_cluster"] <= history["largest_cluster"]).all()
    assert (history["learning_rate"] == 0.05).all()
    assert (history["train_seconds"] > 0).all()


def test_learning_rate_warms_up(quick, digits):
    quick.set_params(n_epochs=6, warmup_epochs=3, learning_rate=0.04).fit(digits[0])
    rates = quick.history_["learning_rate"]
    np.testing.assert_allclose(rates, [0.01, 0.02, 0.03, 0.04, 0.04, 0.04])
    quick.set_params(lr_schedule="cosine").fit(digits[0])
    rates = quick.history_["learning_rate"]
    np.testing.assert_allclose(rates, [0.01, 0.02, 0.03, 0.04, 0.03, 0.01])


def test_learning_rate_follows_the_cosine(quick, digits):
    quick.set_params(n_epochs=4, lr_schedule="cosine").fit(digits[0])
    np.testing.assert_allclose(
        quick.history_["learning_rate"],
        0.05 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2,
    )


def test_transform_is_on_the_sphere(fitted, digits):
    embedding = fitted.transform(digits[0])
    assert embedding.shape == (200, 512)
    assert embedding.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, rtol=1e-5)


def test_score_samples_is_minus_the_distance_to_the_own_centroid(fitted, digits):
    embedding = fitted.transform(digits[0])
    own = fitted.cluster_centers_[fitted.predict(digits[0])]
    distances = np.linalg.norm(embedding - own, axis=1)
    np.testing.assert_allclose(
        fitted.score_samples(digits[0]), -distances, rtol=1e-4, atol=1e-6
    )


def shaded(images):
    """So bright, and on so bright a ground, that pixels tell little."""
    random = np.random.default_rng(0)
    contrast, ground = random.uniform([0.3, 0], [1, 12], (len(images), 2)).T
    return images * contrast[:, None, None] + ground[:, None, None]


@pytest.mark.parametrize("objective", [ClusterClassification(), SwappedPrediction()])
def test_learns_what_is_to_be_seen(objective):
    """Clusters become purer than those of the random network it starts from."""
    X, y = load_digits(return_X_y=True)
    images = X.reshape(-1, 8, 8)
    varied = {"rotation": 10, "crop_scale": (0.7, 1)}
    if isinstance(objective, ClusterClassification):
        n, k, parameters = 500, 20, {}
    else:
        n, k, parameters = 200, 10, {"sampling": "images"}
        parameters |= {"learning_rate": 0.1, "standardize": "dataset"}
        images, varied = shaded(images), varied | {"intensity": 0.6}

    def purities(n_epochs):
        for seed in range(3):
            est = DeepClusterCategorizer.from_recipe(
                "deepmcat",
                n_clusters=k,
                backbone="small_cnn",
                batch_size=32,
                augmentation=Augmentation(**{"intensity": 0, "shading": 0} | varied),
                objective=objective,
                n_views=None,
                n_epochs=n_epochs,
                final_init="random",  # Ward's clusters of any network are purer
                random_state=seed,
                **parameters,
            ).fit(images[:n])
            assert not n_epochs or est.history_["loss"][-1] < est.history_["loss"][0]
            yield cluster_purity_score(y[:n], est.labels_)

    assert np.mean(list(purities(12))) > np.mean(list(purities(0))) + 0.02


def test_trains_within_an_autocast_of_the_caller(quick, digits):
    """Autocast's cache would hand out the weights of the first step for ever."""
    quick.set_params(precision="bfloat16", n_epochs=1)
    alone = clone(quick).fit(digits[0]).history_["loss"]
    with torch.autocast("cpu"), torch.no_grad():
        within = clone(quick).fit(digits[0]).history_["loss"]
    np.testing.assert_array_equal(alone, within)
    guessing = np.log(5)
    assert alone[0] < 0.95 * guessing


# labels_ == predict


@pytest.mark.parametrize("backbone", ["small_cnn", "resnet18"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_predict_is_labels_for_any_batch_size(backbone, precision, digits):
    X = digits[0][:60]
    est = DeepClusterCategorizer(
        8, backbone=backbone, n_epochs=1, precision=precision, random_state=0
    )
    labels = est.fit_predict(X)
    np.testing.assert_array_equal(labels, est.labels_)
    for batch_size in (7, 59, 1000):
        est.batch_size = batch_size
        np.testing.assert_array_equal(est.predict(X), labels)
    alone = np.concatenate([est.predict(image[None]) for image in X[:8]])
    np.testing.assert_array_equal(alone, labels[:8])


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"sobel": True},
        {"pca_components": 8, "objective": SwappedPrediction()},
        {"backbone": "resnet18"},
    ],
    ids=lambda parameters: "-".join(parameters),
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_image_is_embedded_alone_as_among_others(precision, parameters, digits):
    X, _ = digits
    est = DeepClusterCategorizer(8, n_epochs=0, precision=precision, random_state=0)
    est.set_params(**{"backbone": "small_cnn"} | parameters).fit(X)
    among = est.transform(X)
    for few in (1, 2, 3, 5):
        # As scikit-learn's checks ask.
        np.testing.assert_allclose(
            est.transform(X[9 : 9 + few]), among[9 : 9 + few], rtol=1e-4, atol=1e-7
        )


@pytest.mark.parametrize("dump", [pickle, joblib], ids=["pickle", "joblib"])
def test_predict_is_labels_after_pickling(dump, fitted, digits, tmp_path):
    with open(tmp_path / "est", "wb") as file:
        dump.dump(fitted, file)
    with open(tmp_path / "est", "rb") as file:
        again = dump.load(file)
    np.testing.assert_array_equal(again.predict(digits[0]), fitted.labels_)
    np.testing.assert_array_equal(
        again.transform(digits[0]), fitted.transform(digits[0])
    )


def test_random_state_repeats_bit_for_bit(quick, digits):
    first = clone(quick).fit(digits[0])
    second = clone(quick).fit(digits[0])
    np.testing.assert_array_equal(first.labels_, second.labels_)
    np.testing.assert_array_equal(first.cluster_centers_, second.cluster_centers_)
    np.testing.assert_array_equal(first.history_["loss"], second.history_["loss"])
    other = clone(quick).set_params(random_state=1).fit(digits[0])
    assert not np.array_equal(first.cluster_centers_, other.cluster_centers_)


def test_without_random_state_each_fit_is_another(quick, digits):
    quick.set_params(random_state=None, n_epochs=0)
    first = clone(quick).fit(digits[0]).cluster_centers_
    assert not np.array_equal(first, clone(quick).fit(digits[0]).cluster_centers_)


def test_what_fit_embedded_last_is_at_hand(quick, digits, monkeypatch):
    X, _ = digits
    embedded = quick.fit(X).embedding_
    np.testing.assert_array_equal(embedded, quick.transform(X))
    assert pickle.loads(pickle.dumps(quick)).embedding_ is None
    assert embedded.tobytes()[:400] not in pickle.dumps(quick)
    with pytest.raises(ValueError, match="NaN"):
        quick.fit(np.full((20, 8, 8), np.nan))
    assert not hasattr(quick, "embedding_")


# What fit leaves alone


@pytest.mark.parametrize("random_state", [0, None])
@pytest.mark.parametrize("fails", [False, True])
def test_leaves_the_process_as_it_was(random_state, fails, quick, digits, capfd):
    X = digits[0].copy()

    class Failing:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context):
            torch.rand(3)
            raise KeyError("stop")

    def state():
        return (
            torch.get_rng_state().tolist(),
            pickle.dumps(np.random.get_state()),  # noqa: NPY002
            torch.get_num_threads(),
            torch.is_grad_enabled(),
            torch.are_deterministic_algorithms_enabled(),
            torch.backends.mkldnn.matmul.fp32_precision,
        )

    before = state()
    quick.set_params(random_state=random_state)
    if fails:
        quick.set_callbacks(Failing())
    with pytest.raises(KeyError) if fails else contextlib.nullcontext():
        quick.fit(X)
    assert state() == before
    np.testing.assert_array_equal(X, digits[0])
    assert capfd.readouterr() == ("", "")


def test_import_costs_neither_torch_nor_scikit_learn():
    code = (
        "import sys, skdeepcluster; dir(skdeepcluster)\n"
        "assert not {'torch', 'sklearn', 'numpy'} & set(sys.modules), 'heavy'\n"
        "from skdeepcluster import DeepClusterCategorizer\n"
        "assert 'torch' in sys.modules and 'torchvision' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_misspelt_name_is_an_attribute_error():
    import skdeepcluster

    with pytest.raises(AttributeError, match="DeepCluterCategorizer"):
        _ = skdeepcluster.DeepCluterCategorizer
    assert set(skdeepcluster.__all__) <= set(dir(skdeepcluster))


# What X may be


@pytest.mark.parametrize(
    "reshape",
    [
        lambda X: X,
        lambda X: X[..., None],
        lambda X: np.repeat(X[..., None], 3, axis=3),
        lambda X: X.astype(np.float64) / 255,
        lambda X: X.astype(">i2"),
        lambda X: X.astype(np.uint16) * 256,
        lambda X: X.tolist(),
        lambda X: np.asfortranarray(X),
        lambda X: torch.from_numpy(X),
        lambda X: X[:, :, :5],
    ],
    ids=["hw", "hw1", "hw3", "float", ">i2", "u2", "list", "F", "tensor", "oblong"],
)
def test_shapes_and_dtypes(reshape, quick, digits):
    X = reshape(digits[0])
    labels = quick.set_params(n_epochs=1).fit_predict(X)
    np.testing.assert_array_equal(quick.predict(X), labels)
    assert quick.network_.features[0].in_channels == quick.image_shape_[2]


def test_flat_rows_with_image_shape_are_images(quick, digits):
    X = digits[0]
    images = clone(quick).fit(X)
    rows = clone(quick).set_params(image_shape=(8, 8)).fit(X.reshape(200, 64))
    np.testing.assert_array_equal(rows.labels_, images.labels_)
    assert rows.image_shape_ == (8, 8, 1)
    np.testing.assert_array_equal(rows.predict(X), rows.labels_)


def test_flat_rows_without_image_shape_are_feature_vectors(quick):
    X = np.random.default_rng(0).normal([0, 1e4], [1, 2e3], (60, 2))
    quick.set_params(standardize=None).fit(X)
    assert quick.image_shape_ == (2,)
    np.testing.assert_allclose(quick.pixel_mean_, X.mean(0))
    np.testing.assert_allclose(quick.pixel_std_, X.std(0))
    assert view_of(quick, quick.model_.inputs) is None


def test_memmap_is_never_materialised(quick, digits, tmp_path, monkeypatch):
    np.save(tmp_path / "X.npy", digits[0])
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    seen = []

    def spy(rows, *args, **kwargs):
        seen.append(rows)
        return Images(rows, *args, **kwargs)

    monkeypatch.setattr("skdeepcluster._engine.images.Images", spy)
    quick.fit(X)
    assert all(np.shares_memory(rows, X) for rows in seen)
    np.testing.assert_array_equal(quick.predict(X), quick.labels_)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((20, 3, 8, 8), r"channels on axis 1.*np\.moveaxis\(X, 1, -1\)"),
        ((20, 8, 8, 5), r"\(20, 8, 8, 5\); pass each slice"),
        ((20, 2, 8, 8, 1), "pass each slice of a volume"),
        ((20, 0, 8), "have no pixels"),
        ((20, 8, 0, 3), "have no pixels"),
        ((20, 0), r"0 feature\(s\)"),
        ((0, 8, 8), r"0 sample\(s\)"),
        ((1, 8, 8), r"1 sample\(s\)"),
        ((4, 8, 8), r"n_samples=4 should be >= n_clusters=5"),
        ((20,), "Expected 2D array, got 1D"),
    ],
)
def test_shapes_that_cannot_be_images(shape, message, quick):
    with pytest.raises(ValueError, match=message):
        quick.fit(np.zeros(shape))


def test_images_of_several_sizes(quick):
    with pytest.raises(ValueError, match="differ in size; resize or pad"):
        quick.fit([np.zeros((4, 4)), np.zeros((5, 4))] * 5)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "X contains NaN, first in image 7; replace"),
        (np.inf, "X contains inf, first in image 7; replace"),
        (1e300, r"X contains 1e\+300, beyond the range of float32"),
    ],
)
def test_pixels_that_are_no_numbers(value, message, quick, fitted):
    X = np.zeros((20, 8, 8))
    X[7, 2, 3] = value
    with pytest.raises(ValueError, match=message):
        quick.fit(X)
    with pytest.raises(ValueError, match=message):
        fitted.predict(X)


@pytest.mark.parametrize("shape", [(9, 8), (8, 9), (4, 16), (8, 8, 3), (16, 4)])
def test_another_image_shape_is_refused(shape, fitted):
    with pytest.raises(ValueError, match="was fitted on"):
        fitted.predict(np.zeros((3, *shape)))


def test_flat_rows_for_a_model_of_images_are_refused(fitted):
    with pytest.raises(ValueError, match=r"shape \(64,\).*fitted on \(8, 8, 1\)"):
        fitted.predict(np.zeros((3, 64)))


def test_images_for_a_model_of_rows_are_refused(quick):
    quick.fit(np.random.default_rng(0).random((20, 64)))
    with pytest.raises(ValueError, match=r"\(8, 8, 1\).*was fitted on \(64,\)"):
        quick.predict(np.zeros((3, 8, 8)))


@pytest.mark.parametrize(
    ("image_shape", "message"),
    [
        ((8, 9), "has 72 pixel values"),
        ((8,), "image_shape must be"),
        ((8, 4, 2), "image_shape must be"),
        ((8, 0), "image_shape must be"),
        ((8, 8.0), "image_shape must be"),
    ],
)
def test_image_shape_that_does_not_fit(image_shape, message, quick):
    with pytest.raises(ValueError, match=message):
        quick.set_params(image_shape=image_shape).fit(np.zeros((20, 64)))
    with pytest.raises(ValueError, match="image_shape"):
        quick.fit(np.zeros((20, 8, 8)))


def test_before_fit():
    with pytest.raises(NotFittedError):
        DeepClusterCategorizer().predict(np.zeros((3, 8, 8)))
    with pytest.raises(NotFittedError):
        DeepClusterCategorizer().save("nowhere")


def test_a_failed_fit_leaves_no_mixed_model(quick, digits):
    quick.fit(digits[0])
    with pytest.raises(ValueError, match="NaN"):
        quick.fit(np.full((20, 8, 8), np.nan))
    with pytest.raises(NotFittedError):
        quick.predict(digits[0])
    fresh = clone(quick)
    with pytest.raises(ValueError, match="NaN"):
        fresh.fit(np.full((20, 8, 8), np.nan))
    with pytest.raises(NotFittedError):
        fresh.predict(digits[0])


def test_the_network_is_frozen(fitted):
    for parameter in fitted.network_.parameters():
        assert not parameter.requires_grad
        assert parameter.grad is None


def test_a_memory_mapped_model_predicts(fitted, digits, tmp_path):
    joblib.dump(fitted, tmp_path / "est")
    mapped = joblib.load(tmp_path / "est", mmap_mode="r")
    np.testing.assert_array_equal(mapped.predict(digits[0]), fitted.labels_)


# Hard cases


def test_blank_images_among_others(quick, digits):
    X = digits[0].copy()
    X[::10] = 7
    quick.fit(X)
    assert np.isfinite(quick.cluster_centers_).all()
    np.testing.assert_array_equal(quick.predict(X), quick.labels_)
    assert len(set(quick.labels_[::10])) == 1


def test_nothing_but_blank_images(quick):
    quick.fit(np.full((20, 8, 8), 3))
    assert quick.n_clusters_ == 1
    assert (quick.labels_ == 0).all()


def test_images_of_one_pixel(quick):
    X = np.random.default_rng(0).random((30, 1, 1))
    labels = quick.set_params(standardize="dataset").fit_predict(X)
    np.testing.assert_array_equal(quick.predict(X), labels)


def test_duplicates_share_a_cluster(quick, digits):
    X = np.concatenate([digits[0][:20]] * 5)
    quick.fit(X)
    assert (quick.labels_.reshape(5, 20) == quick.labels_[:20]).all()


def test_more_clusters_than_different_images(quick, digits):
    X = np.concatenate([digits[0][:3]] * 10)
    quick.set_params(n_clusters=8, augmentation=False).fit(X)
    assert quick.n_clusters_ == 3
    assert set(quick.labels_) == {0, 1, 2}
    assert (quick.history_["smallest_cluster"] == 0).all()


@pytest.mark.parametrize(("n", "batch_size"), [(65, 64), (3, 2), (129, 64), (2, 2)])
def test_no_batch_is_a_single_image(n, batch_size, quick, digits):
    """Batch normalisation cannot train on one."""
    quick.set_params(n_clusters=2, batch_size=batch_size).fit(digits[0][:n])
    assert quick.n_epochs_ == 2


def test_one_cluster(quick, digits):
    quick.set_params(n_clusters=1).fit(digits[0])
    assert (quick.labels_ == 0).all()
    np.testing.assert_array_equal(quick.history_["loss"], 0)


def test_as_many_clusters_as_images(quick, digits):
    quick.set_params(n_clusters=20, n_epochs=1).fit(digits[0][:20])
    assert quick.n_clusters_ > 10


def test_no_epoch_is_the_random_network(quick, digits):
    quick.set_params(n_epochs=0).fit(digits[0])
    assert quick.n_epochs_ == 0
    assert all(values.shape == (0,) for values in quick.history_.values())
    np.testing.assert_array_equal(quick.last_epoch_labels_, quick.labels_)


def test_divergence_says_what_would_do(quick, digits):
    quick.set_params(
        learning_rate=1e30, backbone="resnet18", precision="float32", n_epochs=3
    )
    with pytest.warns(ConvergenceWarning, match="Try a much lower learning_rate"):
        quick.fit(digits[0])
    assert quick.n_epochs_ == 0
    np.testing.assert_array_equal(quick.predict(digits[0]), quick.labels_)


def test_pixels_that_are_too_large_are_named(quick, digits):
    huge = digits[0].astype(np.float64) * 1e36
    with pytest.raises(ValueError, match="or the pixels or weights are too large"):
        quick.set_params(standardize=None).fit(huge)


# Parameters


@pytest.mark.parametrize(
    "parameters",
    [
        {"sobel": True},
        {"pca_components": 16},
        {"pca_components": 1000},
        {"cluster_on": "images"},
        {"augmentation": False},
        {"augmentation": Augmentation(rotation=0)},
        {"standardize": "dataset"},
        {"standardize": None},
        {"image_size": 40},
        {"weight_decay": 0, "momentum": 0},
        {"objective": ClusterClassification(momentum=0.0)},
        {"projection": 16},
        {"projection": 16, "backbone": "resnet18", "image_size": 32},
        {"n_views": 2},
        {"n_views": 2, "augmentation": False},
        {"cluster_on": "bank"},
        {"cluster_on": "bank", "pca_components": 8},
        {"objective": CentroidClassification()},
        {
            "cluster_on": "bank",
            "objective": CentroidClassification(temperature=0.2),
            "n_views": 2,
            "projection": 16,
        },
        {"sampling": "images"},
        {"warmup_epochs": 5},
        {"kmeans_n_iter": 1},
        {"final_init": "ward"},
        {"objective": SwappedPrediction()},
        {
            "objective": SwappedPrediction(),
            "n_views": 3,
            "cluster_on": "bank",
            "projection": 16,
        },
        {"objective": SwappedPrediction(), "n_views": 1},
        {"objective": SwappedPrediction(), "augmentation": False},
        {"objective": SwappedPrediction(), "pca_components": 8},
        {"objective": SwappedPrediction(n_prototypes=8), "sampling": "images"},
        {"stopping": Stability()},
        {"n_clusters": np.int64(4)},
        {"device": torch.device("cpu")},
        {"backbone": lambda: torch.nn.Conv2d(1, 4, 3)},
    ],
    ids=lambda parameters: "-".join(parameters),
)
def test_parameters(parameters, quick, digits):
    quick.set_params(**parameters).fit(digits[0])
    np.testing.assert_array_equal(quick.predict(digits[0]), quick.labels_)


def test_pca_components_are_what_transform_gives(quick, digits):
    quick.set_params(pca_components=16).fit(digits[0])
    assert quick.transform(digits[0]).shape == (200, 16)
    assert quick.cluster_centers_.shape[1] == 16


def test_augmentation_is_seen_while_clustering(quick, digits, monkeypatch):
    from skdeepcluster import _assembly

    calls = []

    def counted(pixels, share, **ranges):
        calls.append((torch.is_grad_enabled(), ranges["rotation"]))
        return pixels

    monkeypatch.setattr(_assembly, "random_views", counted)
    quick.set_params(n_epochs=1, augmentation=Augmentation(rotation=7), batch_size=200)
    clone(quick).fit(digits[0])
    # The last, of views that stand in for new images, sets the limit of doubt.
    assert calls == [(False, 7), (True, 7), (False, 7)]
    calls.clear()
    clone(quick).set_params(cluster_on="images").fit(digits[0])
    assert calls == [(True, 7), (False, 7)]


def test_a_memory_bank_saves_the_pass_over_all_images(quick, digits, monkeypatch):
    from skdeepcluster import _assembly

    passes = []
    embed = _assembly.embed

    def counted(*args, view=None, first=None, **kwargs):
        if first is None:
            passes.append(view)
        return embed(*args, view=view, first=first, **kwargs)

    monkeypatch.setattr(_assembly, "embed", counted)
    quick.set_params(n_epochs=3, n_views=2, cluster_on="bank").fit(digits[0])
    first, images, stand_ins = passes
    assert first is not None
    assert images is None
    assert stand_ins is not None


def test_centroids_that_classify_are_of_length_one(quick, digits):
    quick.set_params(objective=CentroidClassification()).fit(digits[0])
    norms = np.linalg.norm(quick.cluster_centers_, axis=1)
    np.testing.assert_allclose(norms, 1, rtol=1e-5)


@pytest.fixture
def sizes(monkeypatch):
    """How many images each call drew a view of, to train on."""
    sizes = []

    def counted(pixels, share, **ranges):
        if torch.is_grad_enabled():
            sizes.append(len(pixels))
        return pixels

    monkeypatch.setattr("skdeepcluster._assembly.random_views", counted)
    return sizes


def test_two_views_are_two_batches(quick, digits, sizes):
    quick.set_params(n_epochs=1, n_views=2, batch_size=100, cluster_on="images")
    quick.fit(digits[0])
    assert sizes == [100] * 4


def test_sampling_images_trains_on_every_image_once(quick, digits, monkeypatch):
    seen = []
    batches = Images.batches

    def recorded(self, indices):
        seen.extend(index for index in indices if not isinstance(index, slice))
        return batches(self, indices)

    monkeypatch.setattr(Images, "batches", recorded)
    quick.set_params(n_epochs=1, sampling="images").fit(digits[0])
    assert sorted(np.concatenate(seen)) == list(range(200))


def test_an_objective_gets_as_many_views_as_it_wants(quick, digits, sizes):
    quick.set_params(n_epochs=1, batch_size=200, cluster_on="images", n_views=None)
    clone(quick).set_params(objective=SwappedPrediction()).fit(digits[0])
    assert len(sizes) == 2
    sizes.clear()
    clone(quick).set_params(objective=SwappedPrediction(), n_views=3).fit(digits[0])
    assert len(sizes) == 3


def test_the_objective_given_never_changes(quick, digits):
    objective = SwappedPrediction(n_prototypes=8)
    before = dict(vars(objective))
    quick.set_params(objective=objective).fit(digits[0])
    assert quick.objective is objective
    assert vars(objective) == before


def test_the_networks_size_is_that_of_the_fit(quick, digits):
    """What is set afterwards is for the next fit."""
    embedded = quick.fit(digits[0]).transform(digits[0])
    quick.set_params(image_size=48, standardize="dataset", precision="bfloat16")
    np.testing.assert_array_equal(quick.transform(digits[0]), embedded)


@pytest.mark.filterwarnings("ignore:.* of the variance of the embedding")
def test_a_classifier_that_is_not_learnt_is_not_judged_by_its_loss(quick, digits):
    """Cosines over a large temperature are all but guessing, by construction."""
    objective = CentroidClassification(temperature=10.0)
    quick.set_params(objective=objective, n_epochs=6).fit(digits[0])
    assert (quick.history_["loss"] > 0.99 * np.log(5)).all()


@pytest.mark.parametrize("criterion", ["nmi", "purity"])
def test_stops_when_assignments_are_stable(criterion, quick, digits):
    # Two images, fifty times each: nothing can change from epoch to epoch.
    X = np.repeat(digits[0][:2], 50, axis=0)
    stopping = Stability(**{"nmi": None, "purity": None, criterion: 1.0}, patience=3)
    quick.set_params(n_clusters=2, augmentation=False, n_epochs=20)
    quick.set_params(stopping=stopping).fit(X)
    values = quick.history_[f"{criterion}_previous"]
    assert quick.n_epochs_ == len(values) == 4  # the first has none before it
    np.testing.assert_allclose(values[-3:], 1)
    np.testing.assert_array_equal(quick.predict(X), quick.labels_)


def test_no_epoch_begins_that_is_not_done(quick, digits):
    class Noting:
        def __init__(self):
            self.seen = []

        def setup(self, estimator, context): ...

        def teardown(self, estimator, context): ...

        def on_fit_task_begin(self, estimator, context):
            self.seen.append(("begin", context.task_name, context.task_id))

        def on_fit_task_end(self, estimator, context):
            self.seen.append(("end", context.task_name, context.task_id))

    noting = Noting()
    stopping = Stability(nmi=1e-9, purity=None, patience=1)
    quick.set_params(stopping=stopping, n_epochs=4).set_callbacks(noting)
    assert quick.fit(digits[0][:60]).n_epochs_ == 2
    epochs = [each for each in noting.seen if each[1] == "epoch"]
    assert epochs == [(when, "epoch", n) for n in (0, 1) for when in ("begin", "end")]


def test_both_criteria_have_to_be_met(quick, digits):
    quick.set_params(
        n_epochs=4, stopping=Stability(nmi=1e-6, purity=1.0, patience=1)
    ).fit(digits[0])
    assert quick.n_epochs_ == 4
    quick.set_params(stopping__purity=None).fit(digits[0])
    assert quick.n_epochs_ == 2  # the first epoch has none before it


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_recipes_fit_predict_and_come_back_from_disk(name, digits, tmp_path):
    X = digits[0][:64]
    small = {"n_clusters": 4, "n_epochs": 1, "batch_size": 32, "random_state": 0}
    smaller = {"vgg16_bn": "vgg11_bn", "resnet50": "resnet18"}
    backbone = RECIPES[name].get("backbone", "vgg16_bn")
    if isinstance(backbone, Pretrained):
        state = torchvision.models.resnet18().state_dict()
        small["backbone"] = Pretrained("torchvision:resnet18", weights=state)
        small["image_size"] = 48
    else:
        small["backbone"] = smaller.get(backbone, backbone)
    est = DeepClusterCategorizer.from_recipe(name, **small).fit(X)
    np.testing.assert_array_equal(est.predict(X), est.labels_)
    est.save(tmp_path / "model.safetensors")
    loaded = DeepClusterCategorizer.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(X), est.labels_)


PAPER = {
    "backbone": "vgg16_bn",
    "embedding_layer": "auto",
    "projection": None,
    "image_size": None,
    "standardize": "image",
    "augmentation": {
        "rotation": 15.0,
        "crop_scale": (0.5, 1.0),
        "crop_ratio": (0.75, 4 / 3),
        "flip": 0.0,
        "intensity": 0.0,
        "shading": 0.0,
        "hue": 0.0,
        "saturation": 0.0,
        "greyscale": 0.0,
    },
    "n_views": None,
    "cluster_on": "views",
    "sobel": False,
    "pca_components": None,
    "objective": ClusterClassification(momentum=None),
    "sampling": "clusters",
    "n_epochs": 200,
    "batch_size": 256,
    "learning_rate": 0.05,
    "momentum": 0.9,
    "weight_decay": 1e-5,
    "lr_schedule": "constant",
    "warmup_epochs": 0,
    "kmeans_n_iter": 20,
    "final_init": "random",
    "stopping": None,
}
FOLLOW = {
    "deepmcat": PAPER
    | {
        "embedding_layer": "pool",
        "objective": ClusterClassification(
            momentum=None, standardize=True, dropout=0.25
        ),
        "final_init": "ward",
    },
    "deepcluster": PAPER
    | {
        "sobel": True,
        "standardize": "dataset",
        "augmentation": PAPER["augmentation"]
        | {"rotation": 0, "crop_scale": (0.08, 1.0), "flip": 0.5},
        "cluster_on": "images",
        "pca_components": 256,
        "objective": ClusterClassification(momentum=0.0),
    },
    "deepcluster_v2": PAPER
    | {
        "backbone": "resnet50",
        "projection": 128,
        "standardize": "dataset",
        "augmentation": PAPER["augmentation"]
        | {"rotation": 0, "crop_scale": (0.14, 1.0), "flip": 0.5, "intensity": 0.4},
        "n_views": 2,
        "cluster_on": "bank",
        "objective": CentroidClassification(temperature=0.1),
        "sampling": "images",
        "weight_decay": 1e-6,
        "lr_schedule": "cosine",
        "warmup_epochs": 10,
        "kmeans_n_iter": 10,
    },
    "ldpo": PAPER
    | {
        "backbone": Pretrained("torchvision:vgg16"),
        "image_size": "auto",
        "standardize": "dataset",
        "cluster_on": "images",
        "sampling": "images",
        "learning_rate": 0.001,
        "stopping": Stability(nmi=0.9, purity=0.9, patience=2),
    },
}


@pytest.mark.parametrize("name", FOLLOW)
def test_a_recipe_does_not_change_with_the_defaults(name):
    expected = dict(FOLLOW[name])
    assert set(RECIPES[name]) == set(expected)  # all that a recipe decides is written
    found = DeepClusterCategorizer.from_recipe(name)
    assert found.augmentation.get_params() == expected.pop("augmentation")
    for parameter, value in expected.items():
        given = getattr(found, parameter)
        if isinstance(value, BaseEstimator):
            assert type(given) is type(value)
            given, value = given.get_params(), value.get_params()
        assert given == value, parameter


def test_the_defaults_are_the_recipe_fast():
    assert RECIPES["fast"] == {}
    est = DeepClusterCategorizer()
    assert est.backbone == "small_cnn"
    assert est.image_size == "auto"
    assert est.objective is None
    assert len(est.get_params()) == 28
    assert Augmentation().get_params() == {
        "rotation": 12.0,
        "crop_scale": (0.7, 1.0),
        "crop_ratio": (0.75, 4 / 3),
        "flip": 0.0,
        "intensity": 0.4,
        "shading": 0.8,
        "hue": 0.0,
        "saturation": 0.0,
        "greyscale": 0.0,
    }


@pytest.mark.parametrize(
    ("shape", "size"),
    [((8, 8), 32), ((28, 28), 32), ((95, 64), 32), ((64, 96), 64), ((200, 20), 64)],
)
def test_image_size_follows_from_the_images(shape, size):
    X = np.random.default_rng(0).integers(0, 255, (12, *shape, 1), np.uint8)
    est = DeepClusterCategorizer(2, n_epochs=0, random_state=0).fit(X)
    assert est.model_.inputs.size == (size, size)
    np.testing.assert_array_equal(est.predict(X), est.labels_)


def test_images_above_the_largest_size_are_refused(quick, digits):
    with pytest.raises(ValueError, match=r"image_size.*4096"):
        quick.set_params(image_size=4097).fit(digits[0])
    X = np.zeros((5, 8, 5000), np.uint8)
    quick.set_params(image_size=None)
    with pytest.raises(ValueError, match=r"8 × 5000 pixels.*4,096.*set image_size"):
        quick.fit(X)


def test_the_plain_call_sorts_digits_without_a_warning():
    X, y = load_digits(return_X_y=True)
    est = DeepClusterCategorizer(20, random_state=0).fit(X[:400].reshape(-1, 8, 8))
    assert est.n_epochs_ == 118
    assert cluster_purity_score(y[:400], est.labels_) > 0.93


@pytest.mark.parametrize(
    ("n", "batch_size", "expected"),
    [
        (2, 2, 470),
        (200, 128, 235),
        (1000, 128, 59),
        (3000, 128, 20),
        (12_001, 128, 10),
        (10**6, 128, 8),
    ],
)
def test_the_more_images_the_fewer_epochs(n, batch_size, expected):
    assert n_epochs_of(DeepClusterCategorizer(batch_size=batch_size), n) == expected
    assert n_epochs_of(DeepClusterCategorizer(n_epochs=3), n) == 3


def test_from_recipe():
    est = DeepClusterCategorizer.from_recipe("deepmcat", n_clusters=3, n_epochs=1)
    assert (est.backbone, est.n_clusters, est.n_epochs) == ("vgg16_bn", 3, 1)
    other = DeepClusterCategorizer.from_recipe("deepmcat")
    assert est.augmentation is not other.augmentation
    with pytest.raises(ValueError, match="no recipe 'slow'; use one of deepcluster, "):
        DeepClusterCategorizer.from_recipe("slow")


def test_from_recipe_sets_parameters_of_objects():
    before = repr(RECIPES)
    est = DeepClusterCategorizer.from_recipe(
        "fast",
        objective__first__temperature=0.2,
        augmentation__rotation=30,
        stopping__patience=5,
    )
    assert est.objective.first.temperature == 0.2
    assert est.objective.first.n_prototypes == 512
    assert est.augmentation.rotation == 30
    assert est.augmentation.shading == 0.8
    assert est.stopping.patience == 5  # None in the recipe: the default instance
    assert repr(RECIPES) == before
    paper = DeepClusterCategorizer.from_recipe("deepmcat", objective__momentum=0.5)
    assert isinstance(paper.objective, ClusterClassification)
    assert paper.objective.momentum == 0.5
    with pytest.raises(ValueError, match="augmentation=False has no parameters"):
        DeepClusterCategorizer.from_recipe(
            "fast", augmentation=False, augmentation__rotation=3
        )
    with pytest.raises(ValueError, match="backbone='small_cnn' has no parameters"):
        DeepClusterCategorizer.from_recipe("fast", backbone__depth=3)
    with pytest.raises(ValueError, match="Invalid parameter 'heat'"):
        DeepClusterCategorizer.from_recipe("fast", objective__heat=3)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"backbone": "vgg17"}, "'backbone' parameter.*'vgg16_bn'.*Got 'vgg17'"),
        ({"batch_size": 1}, "'batch_size' parameter"),
        ({"standardize": "images"}, "'standardize' parameter"),
        ({"augmentation": True}, "'augmentation' parameter"),
        ({"n_clusters": 0}, "'n_clusters' parameter"),
        ({"device": "gpu"}, "device='gpu' cannot be used"),
        ({"augmentation": Augmentation(rotation=-5)}, "'rotation' parameter"),
        ({"embedding_layer": "fc"}, "embedding_layer='fc' needs a VGG"),
        ({"objective": CentroidClassification(temperature=0)}, "'temperature' param"),
        ({"objective": ClusterClassification(momentum=1)}, "'momentum' parameter"),
        ({"objective": SwappedPrediction(n_prototypes=0)}, "'n_prototypes' parameter"),
        ({"objective": "swapped"}, "'objective' parameter"),
        ({"cluster_on": "pixels"}, "'cluster_on' parameter.*'bank'"),
        ({"n_views": 0}, "'n_views' parameter"),
        ({"stopping": Stability(nmi=1.5)}, "'nmi' parameter of Stability"),
        ({"stopping": Stability(patience=0)}, "'patience' parameter of Stability"),
        ({"stopping": Stability(nmi=None, purity=None)}, "compares nothing"),
        (
            {"objective": CentroidClassification(), "pca_components": 8},
            "pca_components=8 puts into another space; set pca_components=None",
        ),
        ({"final_init": "k-means++"}, "'final_init' parameter.*'ward'"),
    ],
)
def test_bad_parameters_are_named(parameters, message, quick, digits):
    with pytest.raises(ValueError, match=message):
        quick.set_params(**parameters).fit(digits[0])


# Warnings


def test_a_blind_network_warns_of_collapse_once(quick, digits):
    """A learning rate of nearly nothing: the loss stays that of guessing."""
    quick.set_params(learning_rate=1e-12, n_epochs=8)
    with pytest.warns(CollapseWarning, match=r"loss .* as high as guessing") as record:
        quick.fit(digits[0])
    assert len(record) == 1
    assert "batch_size=64" not in str(record[0].message)


def test_one_cluster_with_nearly_all_images_warns_of_collapse(quick, digits):
    X = digits[0].copy()
    X[:190] = X[0]
    quick.set_params(n_epochs=5, augmentation=False, n_clusters=4)
    with pytest.warns(CollapseWarning, match="one cluster has 9"):
        quick.fit(X)


def test_noise_warns_that_nothing_was_learnt(digits):
    X = np.random.default_rng(0).random((100, 16, 16))
    est = DeepClusterCategorizer.from_recipe("fast", n_clusters=5, n_epochs=5)
    with pytest.warns(ConvergenceWarning, match="Little was learnt") as record:
        est.fit(X)
    assert len(record) == 1
    assert "raise n_epochs" in str(record[0].message)


def test_far_too_many_clusters_warn(quick, digits):
    quick.set_params(n_clusters=80, n_epochs=5, objective=CentroidClassification())
    with pytest.warns(ConvergenceWarning, match="a smaller n_clusters") as record:
        quick.fit(digits[0])
    assert len(record) == 1


def test_a_warning_that_is_an_error_loses_nothing(quick, digits):
    quick.set_params(n_clusters=80, n_epochs=5, objective=CentroidClassification())
    with pytest.raises(ConvergenceWarning):
        quick.fit(digits[0])
    np.testing.assert_array_equal(quick.predict(digits[0]), quick.labels_)


def test_no_collapse_before_the_fifth_epoch(quick, digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick.set_params(learning_rate=1e-12, n_epochs=4).fit(digits[0])


@pytest.mark.parametrize("factor", [1 / 255, 255])
def test_pixels_on_another_scale_warn(factor, quick, digits):
    X = digits[0].astype(np.float64)
    quick.set_params(standardize="dataset", n_epochs=1).fit(X)
    with pytest.warns(UserWarning, match="a very different scale"):
        quick.predict(X * factor)
    with pytest.warns(UserWarning, match="a very different scale"):
        quick.transform(X + 500)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick.predict(X[:1])
        quick.predict(np.zeros((3, 8, 8)))
        quick.predict(X * 1.5)
        nearly_blank = np.full((1, 8, 8), X.max())
        nearly_blank[0, 0, :2] += [0.1, -0.1]
        quick.predict(nearly_blank)
    with pytest.warns(UserWarning, match="a very different scale"):
        quick.predict(X[:1] / 255)


def test_two_rows_that_are_nearly_equal_are_on_the_same_scale(quick):
    random = np.random.default_rng(0)
    X = random.normal(60, 20, (80, 30))
    quick.set_params(n_epochs=0).fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick.predict(X[:1] + random.normal(0, 0.01, (2, 30)))


def test_scale_does_not_matter_to_each_images_own_z_score(fitted, digits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labels = fitted.predict(digits[0] * 4.0)
    assert (labels == fitted.labels_).mean() > 0.95


# Inside scikit-learn


def test_pipeline(quick, digits):
    X, y = digits
    pipeline = make_pipeline(quick, LogisticRegression(max_iter=1000))
    assert pipeline.fit(X, y).score(X, y) > 0.5


def test_grid_search(quick, digits):
    X, y = digits
    quick.set_params(augmentation=Augmentation(), n_epochs=1)
    search = GridSearchCV(
        quick,
        {"n_clusters": [5, 20], "augmentation__rotation": [0, 10]},
        scoring={"purity": purity_scorer, "nmi": nmi_scorer},
        refit="purity",
        cv=StratifiedKFold(2, shuffle=True, random_state=0),
        n_jobs=2,
    ).fit(X, y)
    assert search.best_params_["n_clusters"] == 20
    assert search.best_estimator_.n_clusters_ > 5


def test_cross_validate(quick, digits):
    X, y = digits
    scores = cross_validate(
        quick.set_params(n_epochs=1),
        X,
        y,
        scoring={"purity": purity_scorer, "nmi": nmi_scorer},
        cv=2,
    )
    assert ((scores["test_purity"] > 0) & (scores["test_purity"] <= 1)).all()


def test_set_output(quick, digits):
    frame = quick.set_output(transform="pandas").fit_transform(digits[0])
    assert frame.shape == (200, 512)
    assert frame.columns[3] == "deepclustercategorizer3"


def test_clone_of_a_fitted_estimator(fitted):
    copy = clone(fitted)
    assert str(copy.get_params()) == str(fitted.get_params())
    assert not hasattr(copy, "labels_")


def test_html_repr_links_the_documentation(fitted):
    html = fitted._repr_html_()
    assert "skdeepcluster.DeepClusterCategorizer.html" in html
    assert "Documentation for DeepClusterCategorizer" in html


def test_tags(fitted):
    tags = fitted.__sklearn_tags__()
    assert tags.estimator_type == "clusterer"
    assert tags.transformer_tags.preserves_dtype == []


# Callbacks


def test_progress_bar_has_one_line(quick, digits, capsys):
    quick.set_callbacks(ProgressBar()).fit(digits[0])
    out = capsys.readouterr().out
    assert "100%" in out
    assert len([line for line in out.splitlines() if line.strip()]) == 1


def test_monitor_of_pseudo_labels(quick, digits):
    X, y = digits
    monitor = pseudo_label_monitor()
    quick.set_params(n_epochs=3).set_callbacks(monitor).fit(X, y)
    assert (quick.fit_predict(X, y) == quick.labels_).all()
    log = monitor.get_logs().data_as_pandas
    epochs = log[log.task_name == "epoch"]
    assert len(epochs) == 3
    expected = normalized_mutual_info_score(y, quick.last_epoch_labels_)
    assert epochs.nmi.iloc[-1] == pytest.approx(expected)
    final = log[log.task_name == "fit"].purity.iloc[0]
    assert final == pytest.approx(cluster_purity_score(y, quick.labels_))


def test_callbacks_get_the_network_that_made_the_clusters(quick, digits):
    """Without augmentation, it predicts what the epoch was trained on."""

    class Compare:
        agree: list = []  # noqa: RUF012

        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
            if context.task_name == "epoch":
                self.agree.append(
                    np.array_equal(
                        fitted_estimator.predict(X), fitted_estimator.labels_
                    )
                )

    quick.set_params(augmentation=False, n_epochs=3)
    monitored = clone(quick).set_callbacks(Compare()).fit(digits[0])
    assert Compare.agree == [True, True, True]
    np.testing.assert_array_equal(monitored.labels_, quick.fit(digits[0]).labels_)


def test_a_callback_can_stop(quick, digits):
    class StopAfterThree:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context):
            return context.task_name == "epoch" and context.task_id == 2

    quick.set_params(n_epochs=50).set_callbacks(StopAfterThree()).fit(digits[0])
    assert quick.n_epochs_ == 3
    assert len(quick.history_["loss"]) == 3
    np.testing.assert_array_equal(quick.predict(digits[0]), quick.labels_)


def test_kmeans_on_pixels_is_the_baseline_of_equal_k(digits):
    """Purity grows with k, which is why it compares at equal k only."""
    X, y = digits
    pure = [
        cluster_purity_score(
            y, KMeans(k, random_state=0, n_init=3).fit_predict(X.reshape(200, -1))
        )
        for k in (5, 20, 80)
    ]
    assert pure == sorted(pure)
