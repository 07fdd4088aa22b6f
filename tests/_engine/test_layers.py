import pytest
import torch
from torch import nn

from skdeepcluster._engine.convolution import SmallMapConv2d


@pytest.fixture
def pair():
    """A convolution and PyTorch's own of the same weights."""
    torch.manual_seed(0)
    ours = SmallMapConv2d(5, 7)
    theirs = nn.Conv2d(5, 7, 3, padding=1, bias=False)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def learn(layer, pixels, precision):
    pixels = pixels.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        features = layer(pixels)
    features.float().square().sum().backward()
    return features, pixels.grad, layer.weight.grad


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "shape", [(9, 5, 4, 4), (3, 5, 1, 3), (2, 5, 4, 2), (2, 5, 5, 4)]
)
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_it_learns_as_pytorchs_does(pair, precision, shape, layout):
    pixels = torch.randn(shape).to(memory_format=layout)
    ours, theirs = (learn(layer, pixels, precision) for layer in pair)
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])
    torch.testing.assert_close(ours[2], theirs[2], rtol=0.02, atol=0.02)
    assert ours[2].dtype == torch.float32


def test_weights_that_are_frozen(pair):
    for layer in pair:
        layer.requires_grad_(False)
    pixels = torch.randn(2, 5, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = (layer(pixels) for layer in pair)
    assert torch.equal(ours, theirs)
