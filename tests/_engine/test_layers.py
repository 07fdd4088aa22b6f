import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from skdeepcluster._engine.backbones import build
from skdeepcluster._engine.layers import (
    FastConv2d,
    Spread,
    SteadyLinear,
    accelerate,
    for_evaluation,
)


@pytest.fixture(params=[True, False], ids=["bias", "no bias"])
def pair(request):
    """Makes a convolution of ours and PyTorch's own of the same weights."""

    def make(n_in, n_out=7):
        torch.manual_seed(0)
        ours = FastConv2d(n_in, n_out, 3, padding=1, bias=request.param)
        theirs = nn.Conv2d(n_in, n_out, 3, padding=1, bias=request.param)
        theirs.load_state_dict(ours.state_dict())
        return ours, theirs

    return make


def learn(layer, pixels, precision):
    """Output and gradients, those of the parameters at last."""
    pixels = pixels.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        features = layer(pixels)
    features.float().square().mean().backward()
    return features, pixels.grad, *(each.grad for each in layer.parameters())


@pytest.mark.parametrize("shape", [(37,), (1, 37), (5, 37), (16, 37), (3, 5, 37)])
def test_a_steady_layer_evaluates_as_pytorchs_in_float32(shape):
    ours, theirs = SteadyLinear(37, 4).eval(), nn.Linear(37, 4)
    theirs.load_state_dict(ours.state_dict())
    features = torch.randn(shape)
    with torch.autocast("cpu", torch.bfloat16):
        output = ours(features)
    assert output.dtype == torch.float32
    torch.testing.assert_close(output, theirs(features))


@pytest.mark.parametrize("n_channels", [1, 8])
def test_a_single_map_is_convolved_as_among_others(pair, n_channels):
    maps = torch.randn(3, n_channels, 4, 5)
    for layer in pair(n_channels):
        torch.testing.assert_close(layer.eval()(maps[:1]), layer(maps)[:1])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "shape", [(9, 70, 4, 4), (3, 16, 1, 3), (2, 33, 4, 2), (2, 5, 5, 4), (4, 1, 9, 8)]
)
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_it_learns_as_pytorchs_does(pair, precision, shape, layout):
    pixels = torch.randn(shape).to(memory_format=layout)
    ours, theirs = (learn(layer, pixels, precision) for layer in pair(shape[1]))
    close = 1e-5 if precision == "float32" else 0.02
    for our, their in zip(ours, theirs, strict=True):
        assert our.dtype == their.dtype
        assert (our - their).norm() <= close * their.norm()


def test_the_gradient_of_small_maps_is_ours(pair, monkeypatch):
    asked = []
    layer, _ = pair(64)
    monkeypatch.setattr(layer, "_conv_forward", lambda *_: asked.append(1))
    with torch.autocast("cpu", torch.bfloat16):
        layer(torch.randn(2, 64, 4, 4))
        assert not asked
        layer(torch.randn(2, 64, 8, 8))
        assert asked


@pytest.mark.parametrize("n_channels", [1, 64])
def test_weights_that_are_frozen(pair, n_channels):
    layers = pair(n_channels)
    for layer in layers:
        layer.requires_grad_(False)
    pixels = torch.randn(2, n_channels, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = (layer(pixels) for layer in layers)
    torch.testing.assert_close(ours, theirs, rtol=0.02, atol=0.01)


def test_convolutions_of_other_kinds_are_left_to_pytorch():
    torch.manual_seed(0)
    kinds = (
        {"padding": "same"},
        {"padding": 1, "padding_mode": "circular"},
        {"padding": 1, "groups": 2},
        {"padding": 2, "dilation": 2},
    )
    for kind in kinds:
        theirs = nn.Conv2d(64, 6, 3, **kind)
        ours = nn.Sequential(nn.Conv2d(64, 6, 3, **kind))
        ours[0].load_state_dict(theirs.state_dict())
        accelerate(ours)
        pixels = torch.randn(3, 64, 4, 4)
        for our, their in zip(
            learn(ours, pixels, "bfloat16"),
            learn(theirs, pixels, "bfloat16"),
            strict=True,
        ):
            assert torch.equal(our, their)


def gathered(pooling, cells, weight):
    """V of W, in the words of `Spread`."""
    one_hot = torch.eye(len(pooling.root), dtype=torch.float64)
    spread = F.adaptive_avg_pool2d(one_hot.unflatten(1, cells), 7).flatten(1).T
    step = spread @ torch.linalg.pinv(pooling.root.double())
    return (weight.unflatten(1, (-1, 49)) @ step.to(weight)).flatten(1)


@pytest.fixture(scope="module")
def vgg():
    """Makes torchvision's VGG and ours of the same weights."""

    def make(name, size):
        torch.manual_seed(0)
        theirs = getattr(torchvision.models, name)()
        theirs.classifier = theirs.classifier[:4]
        theirs.features[0] = nn.Conv2d(1, 64, 3, padding=1)
        weights = theirs.state_dict()
        ours = build(name, in_channels=1, size=size).body
        if isinstance(ours.avgpool, Spread):
            first = "classifier.0.weight"
            weights[first] = gathered(
                ours.avgpool, (size[0] // 32, size[1] // 32), weights[first]
            )
        ours.load_state_dict(weights)
        return ours, theirs

    return make


@pytest.mark.parametrize("size", [(32, 32), (128, 96), (224, 224)])
def test_a_vgg_is_torchvisions(vgg, size):
    ours, theirs = vgg("vgg11_bn", size)
    assert isinstance(ours.avgpool, Spread) == (size != (224, 224))
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    pixels = torch.randn(2, 1, *size)
    for network in (ours, theirs):
        network.eval()
    ours, theirs = (learn(network, pixels, "float32")[:2] for network in (ours, theirs))
    for our, their in zip(ours, theirs, strict=True):
        assert (our - their).norm() <= 0.01 * their.norm()  # pixels that tie


@pytest.mark.parametrize("cells", [(1, 1), (2, 2), (4, 3), (6, 6), (9, 3)])
def test_pooling_to_more_cells_learns_as_pytorchs_does(cells):
    torch.manual_seed(0)
    theirs = nn.Sequential(nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(3 * 49, 5))
    n_inputs = 3 * cells[0] * cells[1]
    ours = nn.Sequential(Spread(cells), nn.Flatten(), nn.Linear(n_inputs, 5))
    with torch.no_grad():
        ours[2].weight.copy_(gathered(ours[0], cells, theirs[2].weight))
        ours[2].bias.copy_(theirs[2].bias)
    found = []
    maps = torch.randn(6, 3, *cells)
    for network in (ours, theirs):
        optimizer = torch.optim.SGD(network.parameters(), 0.1, 0.9, weight_decay=0.1)
        found.append([])
        for _ in range(5):
            optimizer.zero_grad()
            found[-1] += learn(network, maps, "float32")[:2]
            optimizer.step()
    first, last = found[0][0], found[0][-2]
    assert (last - first).norm() > 0.1 * first.norm()
    for our, their in zip(*found, strict=True):
        torch.testing.assert_close(our, their)


def test_the_first_linear_layer_of_a_vgg_is_drawn_as_torchvisions():
    torch.manual_seed(0)
    drawn = build("vgg11", in_channels=1, size=(64, 64)).body.classifier[0].weight
    same = gathered(Spread((2, 2)), (2, 2), torch.normal(0.0, 0.01, (100, 512 * 49)))
    for weight in (drawn.detach(), same):
        assert weight.shape[1] == 512 * 4
        covariance = weight.unflatten(1, (512, 4)).flatten(0, 1).T.cov()
        torch.testing.assert_close(covariance, 1e-4 * torch.eye(4), rtol=0.1, atol=2e-6)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "name", ["vgg11_bn", "vgg11", "small_cnn", "resnet18", "resnet50"]
)
def test_evaluation_gives_the_same_and_changes_nothing(name, precision):
    torch.manual_seed(0)
    network = build(name, in_channels=1, size=(64, 64)).body
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean)
            nn.init.uniform_(layer.running_var, 0.5, 2)
            nn.init.normal_(layer.weight)
    before = {name: each.clone() for name, each in network.state_dict().items()}
    network.train()
    pixels = torch.randn(5, 1, 64, 64)
    random = torch.get_rng_state()
    with torch.no_grad(), torch.autocast("cpu", enabled=precision == "bfloat16"):
        quick = for_evaluation(network)
        assert torch.equal(torch.get_rng_state(), random)
        found = quick(pixels).float()
        assert network.training
        expected = network.eval()(pixels).float()
    close = 1e-4 if precision == "float32" else 0.03
    assert (found - expected).norm() <= close * expected.norm()
    after = network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("n_channels", [1, 64])
def test_a_single_image_without_an_axis_for_more(pair, n_channels):
    ours, theirs = pair(n_channels)
    image = torch.randn(n_channels, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours(image), theirs(image))


@pytest.mark.parametrize("name", ["vgg11_bn", "small_cnn", "resnet18", "resnet50"])
def test_in_evaluation_batch_norm_is_folded(name):
    quick = for_evaluation(build(name, in_channels=1, size=(64, 64)).body)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in quick.modules())


def test_a_users_network_is_evaluated_as_it_is():
    class Reading(nn.Module):
        """Reads what the convolution gives, before batch norm."""

        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))

        def forward(self, pixels):
            return self.layers[0](pixels)

    network = build(Reading, in_channels=1, size=(8, 8)).body
    nn.init.uniform_(network.module.layers[1].running_var, 2, 3)
    pixels = torch.randn(2, 1, 8, 8)
    assert torch.equal(for_evaluation(network)(pixels), network.eval()(pixels))
