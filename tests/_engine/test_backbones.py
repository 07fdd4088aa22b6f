import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster._engine import backbones
from skdeepcluster._engine.backbones import SmallCNN, Sobel, build
from skdeepcluster._engine.layers import SteadyLinear, for_evaluation
from skdeepcluster._engine.runtime import autocast, resolve_precision
from skdeepcluster.objectives import CentroidClassification


def test_every_name_is_one_of_torchvision():
    models = pytest.importorskip("torchvision.models")
    assert len(set(backbones.NAMES)) == 14
    for name in (*backbones.VGGS, *backbones.RESNETS):
        assert callable(getattr(models, name))


@pytest.mark.parametrize(
    ("name", "layer", "n_features"),
    [
        ("vgg11_bn", "auto", 4096),
        ("vgg11", "fc", 4096),
        ("vgg16_bn", "pool", 512),
        ("resnet18", "auto", 512),
        ("resnet50", "pool", 2048),
        ("small_cnn", "auto", 512),
    ],
)
@pytest.mark.parametrize("in_channels", [1, 3])
def test_embedding_layers(name, layer, n_features, in_channels):
    size = (backbones.minimum_size(name),) * 2
    with torch.device("meta"):  # shapes only: VGGs are large
        backbone = build(
            name, in_channels=in_channels, size=size, embedding_layer=layer
        )
    assert backbone.n_features == n_features


def test_fc_is_the_second_fully_connected_layer_before_its_relu():
    with torch.device("meta"):
        backbone = build("vgg16_bn", in_channels=1, size=(32, 32))
    kinds = [isinstance(layer, nn.Linear) for layer in backbone.body.classifier]
    assert kinds == [True, False, False, True]
    assert [type(layer) for layer in backbone.neck] == [nn.ReLU, nn.Dropout]


def test_fc_elsewhere_is_refused():
    with pytest.raises(ValueError, match=r"embedding_layer='fc' needs a VGG.*resnet18"):
        build("resnet18", in_channels=1, size=(48, 48), embedding_layer="fc")


def test_callable_backbone():
    def two_layers():
        return nn.Sequential(nn.Conv2d(3, 7, 3), nn.ReLU(), nn.Conv2d(7, 9, 3))

    backbone = build(two_layers, in_channels=1, size=(10, 12))
    assert backbone.n_features == 9
    assert backbone.body(torch.zeros(2, 1, 10, 12)).shape == (2, 9)


class Stem(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
        self.out = nn.Conv2d(4, 8, 3, padding=1)

    def forward(self, pixels):
        return self.out(self.stem(pixels))


def test_the_first_convolution_may_be_nested():
    body = build(Stem, in_channels=1, size=(8, 8)).body
    assert body.module.stem[0].in_channels == 1
    assert body.module.out.in_channels == 4


def test_a_module_in_place_of_what_makes_one():
    with pytest.raises(TypeError, match="its class, or a function"):
        build(Stem(), in_channels=1, size=(8, 8))


def test_callable_that_returns_no_module():
    with pytest.raises(TypeError, match=r"must return a torch\.nn\.Module"):
        build(lambda: 3, in_channels=1, size=(8, 8))


def test_callable_that_cannot_take_the_images():
    with pytest.raises(ValueError, match=r"cannot take images of 1 channel.*3 × 3"):
        build(lambda: nn.Conv2d(1, 4, 5), in_channels=1, size=(3, 3))


def test_sobel_is_the_gradient():
    ramp = torch.arange(10.0).expand(1, 3, 8, 10)
    horizontal, vertical = Sobel()(ramp)[0, :, 2:-2, 2:-2]
    assert (horizontal.abs() == 8).all()
    assert (vertical == 0).all()
    assert Sobel()(torch.full((2, 1, 5, 5), 3.0)).abs().max() == 0


def test_a_linear_layer_evaluates_in_float32():
    layer = SteadyLinear(300, 40).eval()
    rows = torch.randn(64, 300).bfloat16()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        together = layer(rows)
        alone = torch.cat([layer(row[None]) for row in rows])
        assert layer.train()(rows).dtype == torch.bfloat16
    assert together.dtype == torch.float32
    assert (together == alone).all()


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_features_of_an_image_do_not_depend_on_the_others(precision):
    """As `embed` evaluates a network: folded, and on channels that come last."""
    device = torch.device("cpu")
    backbone = build("small_cnn", in_channels=1, size=(32, 32))
    backbone.to(device)
    pixels = torch.randn(64, 1, 32, 32).to(memory_format=torch.channels_last)
    with torch.no_grad(), autocast(device, resolve_precision(precision, device)):
        network = for_evaluation(backbone.body)
        together = network(pixels)
        alone = torch.cat([network(image[None]) for image in pixels])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_a_projection_is_clustered_in_place_of_the_backbones_features():
    backbone = build("vgg11", in_channels=1, size=(32, 32), projection=16)
    assert backbone.n_features == 16
    assert isinstance(backbone.neck, torch.nn.Identity)
    backbone.body.eval()
    with torch.no_grad():
        assert backbone.body(torch.zeros(3, 1, 32, 32)).shape == (3, 16)
    hidden = [
        layer.out_features
        for layer in backbone.body[1]
        if isinstance(layer, torch.nn.Linear)
    ]
    assert hidden == [4096, 16]
    assert all(
        isinstance(layer, SteadyLinear)
        for layer in backbone.body.modules()
        if isinstance(layer, torch.nn.Linear)
    )


class Odd(nn.Module):
    def __init__(self, given):
        super().__init__()
        self.given = given

    def forward(self, pixels):
        return self.given(pixels)


@pytest.mark.parametrize(
    "given",
    [
        lambda pixels: (pixels, pixels),
        lambda pixels: pixels.mean((1, 2, 3)),
        lambda pixels: pixels.flatten(1).long(),
        lambda pixels: pixels.flatten(1)[:1],
    ],
    ids=["tuple", "1-D", "integers", "one row"],
)
def test_modules_that_give_no_features(given):
    est = DeepClusterCategorizer(2, backbone=lambda: Odd(given), n_epochs=0)
    with pytest.raises(TypeError, match=r"gives .*(must give|instead of)"):
        est.fit(np.random.default_rng(0).random((10, 8, 8)))


def test_a_module_that_is_returned_twice_is_refused(digits):
    module = SmallCNN()
    X = digits[0][:20]
    est = DeepClusterCategorizer(3, backbone=lambda: module, n_epochs=0).fit(X)
    with pytest.raises(TypeError, match="an earlier fit has used"):
        clone(est).fit(X)
    copied = clone(est).set_params(backbone=lambda: copy.deepcopy(module))
    for _ in range(2):
        copied.fit(X)


def test_pixels_themselves_and_nothing_to_learn(digits):
    X = digits[0][:40]
    est = DeepClusterCategorizer(3, backbone=nn.Flatten, n_epochs=0, random_state=0)
    np.testing.assert_array_equal(est.fit(X).labels_, est.predict(X))
    est.set_params(n_epochs=1, objective=CentroidClassification())
    with pytest.raises(ValueError, match="nothing to learn"):
        est.fit(X)


def test_a_module_that_is_wrapped_anew_is_refused_all_the_same(digits):
    module = SmallCNN()
    est = DeepClusterCategorizer(3, backbone=lambda: nn.Sequential(module), n_epochs=0)
    est.fit(digits[0][:20])
    with pytest.raises(TypeError, match="an earlier fit has used"):
        clone(est).fit(digits[0][:20])
