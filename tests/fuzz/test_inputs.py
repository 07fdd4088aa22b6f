"""Arrays of any kind: a fit of use, or a ValueError that says why not."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from skdeepcluster import DeepClusterCategorizer

# The same examples each time, as many as take some seconds.
quickly = settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def tiny():
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(2),
        torch.nn.Flatten(),
    )


def estimator(**parameters):
    small = {"backbone": tiny, "image_size": None, "n_epochs": 1, "batch_size": 8}
    return DeepClusterCategorizer.from_recipe(
        "deepmcat", n_clusters=2, random_state=0, **small | parameters
    )


N_IMAGES = st.integers(4, 12)
dtypes = st.sampled_from(
    ["u1", "i1", "<u2", ">u2", "<i4", ">i8", "<f2", "<f4", ">f4", "<f8", ">f8", "?"]
)


@st.composite
def images(draw, n=N_IMAGES):
    """Grey or colour, of some size and dtype, and in some layout."""
    channels = draw(st.sampled_from([(), (1,), (3,)]))
    shape = (draw(n), draw(st.integers(1, 9)), draw(st.integers(1, 9)), *channels)
    return draw(arrays(shape))


@st.composite
def rows(draw, n=N_IMAGES):
    """Feature vectors, of some length and dtype, and in some layout."""
    return draw(arrays((draw(n), draw(st.integers(2, 20)))))


@st.composite
def arrays(draw, shape):
    """Of some dtype, and in some layout."""
    dtype = np.dtype(draw(dtypes))
    found = draw(st.integers(0, 2**32 - 1).map(lambda n: _drawn(n, shape, dtype)))
    if draw(st.booleans()):
        found[draw(st.integers(0, len(found) - 1))] = found[0]  # equal images
    layout = draw(st.sampled_from(["C", "F", "every second", "backwards", "frozen"]))
    if layout == "F":
        return np.asfortranarray(found)
    if layout == "every second":
        return np.repeat(found, 2, axis=1)[:, ::2]
    if layout == "backwards":
        return found[::-1, ..., ::-1]
    if layout == "frozen":
        found.flags.writeable = False
    return found


def _drawn(seed, shape, dtype):
    generator = np.random.default_rng(seed)
    if dtype.kind == "f":
        scale = generator.choice([1, 1e-3, 1e3])
        return (generator.standard_normal(shape) * scale).astype(dtype)
    return generator.integers(0, 2 if dtype.kind == "b" else 100, shape).astype(dtype)


@quickly
@given(st.one_of(images(), rows()))
@pytest.mark.filterwarnings("ignore")
def test_any_array_of_images(X):
    """Also of colour, and of feature vectors."""
    before = X.copy()
    est = estimator()
    labels = est.fit_predict(X)
    assert labels.shape == (len(X),)
    assert set(labels) == set(range(est.n_clusters_))
    np.testing.assert_array_equal(est.predict(X), labels)
    embedding = est.transform(X)
    assert embedding.dtype == np.float32
    assert np.isfinite(embedding).all()
    np.testing.assert_array_equal(X, before)  # nothing is written to it
    plain = np.ascontiguousarray(X.astype(X.dtype.newbyteorder("=")))
    np.testing.assert_array_equal(est.predict(plain), labels)


@quickly
@given(images())
@pytest.mark.filterwarnings("ignore")
def test_rows_of_images_are_these_images(X):
    est = estimator(image_shape=X.shape[1:])
    flat = X.reshape(len(X), -1)
    labels = est.fit_predict(flat)
    np.testing.assert_array_equal(estimator().fit_predict(X), labels)
    np.testing.assert_array_equal(est.predict(X), labels)
    np.testing.assert_array_equal(est.transform(X), est.transform(flat))
    with pytest.raises(ValueError, match="image_shape"):
        est.predict(np.repeat(flat, 2, axis=1))


@quickly
@given(
    st.one_of(images(), rows()), st.sampled_from([np.nan, np.inf, -np.inf]), st.data()
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_not_finite_is_refused(X, value, data):
    assume(X.dtype.kind == "f")
    est = estimator().fit(X)
    spoilt = X.copy()
    spoilt.ravel()[data.draw(st.integers(0, X.size - 1))] = value
    spoilt = spoilt.reshape(X.shape)
    for method in (estimator().fit, est.predict, est.transform):
        with pytest.raises(ValueError, match=r"NaN|inf"):
            method(spoilt)


@quickly
@given(
    hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
    st.sampled_from(["u1", "<f8", "<c8", "O", "U3", "S2", "M8[s]", "m8[s]", "V3"]),
)
@pytest.mark.filterwarnings("ignore")
def test_what_is_not_images(shape, dtype):
    """Too few, no pixels, no axis of images, or no numbers."""
    X = np.zeros(shape, dtype)
    try:
        labels = estimator().fit_predict(X)
    except (ValueError, TypeError) as error:
        assert str(error)  # noqa: PT017
    else:
        assert labels.shape == (len(X),)
        assert X.size > 0


@quickly
@given(images(n=st.just(6)))
@pytest.mark.filterwarnings("ignore")
def test_masked_arrays_and_memory_maps(tmp_path_factory, X):
    labels = estimator().fit_predict(X)
    masked = np.ma.masked_array(X, np.zeros(X.shape, bool))
    est = estimator()
    np.testing.assert_array_equal(est.fit_predict(masked), labels)
    masked[1, 0, 0] = np.ma.masked
    for method in (estimator().fit, est.predict, est.transform):
        with pytest.raises(ValueError, match=r"masked values.*fill them"):
            method(masked)
    path = tmp_path_factory.mktemp("map") / "X.npy"
    np.save(path, X)
    mapped = np.load(path, mmap_mode="r")
    np.testing.assert_array_equal(estimator().fit_predict(mapped), labels)
