"""The loop on a GPU, as far as can be known where there is none.

PyTorch's fake tensors compute nothing, but refuse what a GPU would: operands that lie
on different devices.
"""

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    FakeTensorMode,
)

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster._assembly import alternation_of, inputs_of
from skdeepcluster._engine import backbones, images, kmeans
from skdeepcluster._engine.objective import Stage

GPU = torch.device("cuda", 0)


@pytest.fixture
def on_gpu(monkeypatch):
    """Makes the alternation of an estimator, its images and its network on a GPU."""
    build = backbones.build

    def build_there(*args, **kwargs):
        with GPU:
            return build(*args, **kwargs)

    # Fake tensors can be made there, but neither moved nor differentiated.
    monkeypatch.setattr(backbones, "build", build_there)
    monkeypatch.setattr(backbones.Backbone, "to", lambda *_: None)
    monkeypatch.setattr(torch.Tensor, "backward", lambda _: None)
    monkeypatch.setattr(torch.optim.SGD, "step", lambda _: None)
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *_: self)
    monkeypatch.setattr(images, "fits_on", lambda *_: True)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)

    def make(est, X):
        est.precision = "float32"  # there is no autocast without a GPU
        rows, shape = est._check_images(X)
        return alternation_of(est, rows, inputs_of(est, rows, shape), GPU)

    with FakeTensorMode(allow_non_fake_inputs=True):
        yield make


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
@pytest.mark.parametrize(
    ("recipe", "parameters"),
    [
        ("fast", {}),
        ("deepmcat", {"backbone": "vgg11_bn", "image_size": 64}),
        ("deepcluster", {"backbone": "vgg11", "image_size": 224}),
        ("deepcluster_v2", {"backbone": "resnet18", "image_size": 64}),
    ],
)
def test_all_that_meets_lies_on_one_device(on_gpu, recipe, parameters, dtype, train):
    X = np.random.default_rng(0).integers(0, 200, (18, 40, 40)).astype(dtype)
    est = DeepClusterCategorizer.from_recipe(recipe, n_clusters=4, **parameters)
    est.set_params(sampling="images", batch_size=10)
    loop = on_gpu(est, X)
    objective = loop.objective.stage(0, 1).objective
    with GPU:
        labels = torch.zeros(len(X), dtype=torch.int64)
        loop.descent.enter(objective, 4, GPU)
    embedded = loop.memory.recall()
    assert embedded.device == GPU
    _, distances = kmeans.assign(embedded, embedded[:4])
    assert distances.device == GPU
    loop.descent.begin(0, Stage(objective), embedded[:4])
    with pytest.raises(DataDependentOutputException):  # the sum of the losses, at last
        train(loop, objective, labels)
