"""What only a GPU can show; skipped where there is none."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skdeepcluster import DeepClusterCategorizer

pytestmark = pytest.mark.skipif(
    torch.cuda.device_count() == 0, reason="needs a GPU that PyTorch can use"
)


@pytest.fixture(
    scope="module",
    params=[
        ("fast", {}),
        ("deepmcat", {"backbone": "vgg11_bn", "image_size": 32}),
        ("deepcluster", {"backbone": "small_cnn", "pca_components": 8}),
        ("deepcluster_v2", {"backbone": "resnet18"}),
    ],
    ids=lambda param: param[0],
)
def on_gpu(request, digits):
    """A model fitted on a GPU; not to be changed."""
    recipe, parameters = request.param
    return DeepClusterCategorizer.from_recipe(
        recipe,
        n_clusters=8,
        n_epochs=2,
        batch_size=64,
        random_state=0,
        **{"device": "cuda", **parameters},
    ).fit(digits[0])


def test_it_learns_there(on_gpu, digits):
    assert on_gpu.device_ == "cuda:0"
    assert np.isfinite(on_gpu.history_["loss"]).all()
    np.testing.assert_array_equal(on_gpu.predict(digits[0]), on_gpu.labels_)


def test_an_image_is_embedded_alone_as_among_others(on_gpu, digits):
    among = on_gpu.transform(digits[0])
    for few in (1, 3, 65):
        np.testing.assert_allclose(
            on_gpu.transform(digits[0][9 : 9 + few]), among[9 : 9 + few], atol=1e-6
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint16])
def test_it_takes_any_dtype(on_gpu, digits, dtype):
    X = digits[0].astype(dtype)
    again = clone(on_gpu).fit(X)
    assert again.n_clusters_ > 1


def test_a_model_goes_to_the_cpu(on_gpu, digits, tmp_path):
    on_gpu.save(tmp_path / "model")
    embedded = on_gpu.transform(digits[0])
    for loaded in (
        DeepClusterCategorizer.load(tmp_path / "model"),
        pickle.loads(pickle.dumps(on_gpu)),
    ):
        np.testing.assert_allclose(loaded.transform(digits[0]), embedded, atol=1e-6)
    state = on_gpu.__getstate__()
    assert {each.device.type for each in state["network_"].parameters()} == {"cpu"}
    assert {each.device.type for each in on_gpu.network_.parameters()} == {"cuda"}
