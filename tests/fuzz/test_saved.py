"""Spoilt models, checkpoints and tables of names: a documented error, or of use."""

import shutil
import warnings

import numpy as np
import pytest
from documents import spoilt_tensors
from mutations import mutated

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster._names import read_names

SMALL = {"backbone": "small_cnn", "embedding_layer": "pool", "batch_size": 64}


@pytest.fixture(scope="module", name="X")
def images(digits):
    return digits[0][:60]


@pytest.fixture(scope="module")
def estimator():
    return DeepClusterCategorizer.from_recipe(
        "deepmcat", n_clusters=3, n_epochs=2, random_state=0, **SMALL
    )


@pytest.fixture(scope="module")
def model(estimator, X, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    estimator.fit(X).save(path)
    return path.read_bytes()


@pytest.mark.parametrize("spoil", [mutated, spoilt_tensors])
@pytest.mark.filterwarnings("ignore")
def test_models(spoil, model, X, tmp_path):
    path, n_loaded, told, n = tmp_path / "model.safetensors", 0, [], 60
    for number in range(n):
        path.write_bytes(spoil(model, np.random.default_rng(number)))
        try:
            est = DeepClusterCategorizer.load(path)
            labels = est.predict(X[:5])
            assert np.isfinite(est.transform(X[:5])).all()
        except ValueError as error:
            told.append(str(error))
        else:
            n_loaded += 1
            assert labels.dtype.kind == "i"
            assert set(labels) <= set(range(est.n_clusters_))
            est.save(path)
    known = (str(path), "image_shape", "is damaged")
    assert all(any(each in text for each in known) for text in told)
    assert 0 < n_loaded < n


@pytest.fixture(scope="module")
def unfinished(estimator, X, tmp_path_factory):
    """The checkpoint of a fit that was interrupted after its first epoch."""
    folder = tmp_path_factory.mktemp("unfinished")
    est = DeepClusterCategorizer(**estimator.get_params(deep=False))

    class Stop:
        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_end(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context):
            if context.task_name == "epoch" and context.task_id == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        est.set_params(checkpoint=folder).set_callbacks(Stop()).fit(X)
    (path,) = folder.glob("*.checkpoint")
    return path


@pytest.mark.parametrize("spoil", [mutated, spoilt_tensors])
def test_checkpoints(spoil, unfinished, estimator, X, tmp_path):
    """A fit begins anew, and says so; it does not go on from what is not whole."""
    undisturbed = estimator.fit(X).labels_
    whole = unfinished.read_bytes()
    for number in range(4):
        folder = tmp_path / str(number)
        shutil.copytree(unfinished.parent, folder)
        found = spoil(whole, np.random.default_rng(number))
        (folder / unfinished.name).write_bytes(found)
        est = DeepClusterCategorizer(**estimator.get_params(deep=False))
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            labels = est.set_params(checkpoint=folder).fit(X).labels_
        assert any("checkpoint" in str(warning.message) for warning in told)
        np.testing.assert_array_equal(labels, undisturbed)
        assert not list(folder.glob("*.checkpoint"))


NAMES = 'cluster,category,excluded\n0,short axis,1 2\n1,"2CH, 3CH",\n2,é,\n'


def test_names(tmp_path):
    path, n_read, told, n = tmp_path / "names.csv", 0, [], 500
    labels = np.array([0, 0, 0, 1, 2])
    for number in range(n):
        path.write_bytes(mutated(NAMES.encode(), np.random.default_rng(number)))
        try:
            names = read_names(path, 3, labels)
        except ValueError as error:
            told.append(str(error))
        else:
            n_read += 1
            assert set(names.categories) <= {0, 1, 2}
            assert all(name.strip() for name in names.categories.values())
            assert names.of(labels).shape == (5,)
    assert all(str(path) in text for text in told)
    assert 0 < n_read < n
