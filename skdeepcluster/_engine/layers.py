"""Layers that compute the same as PyTorch's, but steadier or faster."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

_ROWS = 16  # of a matrix: libraries have other kernels for less than 4 or 8
_FEW = 2**15  # values of a map


def steady_linear(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.linear`, but the result for a row does not depend on the number of rows.

    Matrix products sum in another order for a few rows, or for rows left over at the
    end, so rows are padded to a multiple of `_ROWS`.
    """
    if missing := -len(rows) % _ROWS:
        padded = F.pad(rows, (0, 0, 0, missing))
        return F.linear(padded, weight, bias)[: len(rows)]
    return F.linear(rows, weight, bias)


class SteadyLinear(nn.Linear):
    """A linear layer that gives an image the same features alone and among others.

    It always evaluates in float32: in bfloat16, another order of summing makes
    differences of 0.4 %.
    """

    def forward(self, features: Tensor) -> Tensor:
        if self.training:
            return super().forward(features)
        with torch.autocast(features.device.type, enabled=False):
            rows = features.float().reshape(-1, self.in_features)
            output = steady_linear(rows, self.weight, self.bias)
            return output.reshape(*features.shape[:-1], self.out_features)


class Spread(nn.Module):
    """Replaces the pooling of a VGG's last map to 7 × 7 cells, if it has fewer.

    Then pooling, x → S x, copies the few cells, and the linear layer after it, W, has
    100 million weights to multiply with the copies. With R = (SᵀS)^½, a layer V for the
    cells themselves gives the same on R x as W on S x if V R = W S. It learns the same
    by SGD, whatever the momentum and the weight decay: a gradient G Sᵀ of W changes W S
    by G SᵀS, and G R, the gradient of V, changes V R by the same. If the weights of W
    are drawn independently from a normal distribution, those of V are too.
    """

    grid = 7
    root: Tensor

    def __init__(self, cells: tuple[int, int]) -> None:
        super().__init__()
        one_hot = torch.eye(cells[0] * cells[1], dtype=torch.float64)
        spread = F.adaptive_avg_pool2d(one_hot.unflatten(1, cells), self.grid)
        spread = spread.flatten(1).T  # S
        values, vectors = torch.linalg.eigh(spread.T @ spread)
        root = vectors * values.clamp(min=0).sqrt() @ vectors.T
        self.register_buffer("root", root.float(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            return features.flatten(2).float() @ self.root


class FastConv2d(nn.Conv2d):
    """PyTorch's convolution, except for three cases on a CPU.

    Two are slow in PyTorch: a single channel gets a second one of zeros, and, in
    bfloat16, the gradients of weights for small maps of many channels are computed by
    matrix products. And a single small map is evaluated as two, because PyTorch has
    another kernel for it. All three only change the rounding.
    """

    def forward(self, features: Tensor) -> Tensor:
        if features.device.type != "cpu" or features.ndim != 4:
            return super().forward(features)
        if not self.training and len(features) == 1 and features.numel() <= _FEW:
            return self.forward(features.expand(2, -1, -1, -1))[:1]
        weight, bias = self.weight, self.bias
        if self.in_channels == 1:
            last = features.permute(0, 2, 3, 1)  # so that channels stay the innermost
            features = F.pad(last, (0, 1)).permute(0, 3, 1, 2)
            weight = F.pad(weight, (0, 0, 0, 0, 0, 1))
        elif self._learns_slowly(features):
            half = None if bias is None else bias.bfloat16()
            convolved: Tensor = _ByProducts.apply(
                features.bfloat16(), weight.bfloat16(), half
            )
            return convolved
        return self._conv_forward(features, weight, bias)

    def _learns_slowly(self, features: Tensor) -> bool:
        height, width = features.shape[2:]
        return (
            4 * height * width <= self.in_channels
            and self.kernel_size == (3, 3)
            and self.stride == self.padding == self.dilation == (1, 1)
            and self.groups == 1
            and self.padding_mode == "zeros"
            and torch.is_grad_enabled()
            and torch.is_autocast_enabled("cpu")
            and torch.get_autocast_dtype("cpu") == torch.bfloat16
        )


class _ByProducts(torch.autograd.Function):
    """The same convolution, with the weights' gradient from a product per place."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.has_bias = bias is not None
        return F.conv2d(features, weight, bias, padding=1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        (gradient,) = gradients
        features, weight = ctx.saved_tensors
        ones = (1, 1)
        of_features = torch.ops.aten.convolution_backward(
            *(gradient, features, weight, None, ones, ones, ones),
            *(False, (0, 0), 1, (True, False, False)),
        )[0]
        height, width = features.shape[2:]
        padded = F.pad(features.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
        rows = gradient.permute(0, 2, 3, 1).flatten(0, 2)
        places = [
            padded[:, down : down + height, right : right + width].flatten(0, 2)
            for down in range(3)
            for right in range(3)
        ]
        products = torch.stack([place.T @ rows for place in places])
        of_weight = products.unflatten(0, (3, 3)).permute(3, 2, 0, 1)
        of_bias = rows.sum(0, dtype=torch.float32) if ctx.has_bias else None
        return of_features, of_weight, of_bias


class Pooled(nn.Module):
    """A user's module, with its feature map averaged to one vector per image."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, pixels: Tensor) -> Tensor:
        features = self.module(pixels)
        if not isinstance(features, Tensor) or features.ndim < 2:
            given = getattr(features, "shape", type(features).__name__)
            raise TypeError(
                f"The module that backbone returned gives {given}; it must give a "
                "tensor of shape (n, n_features) or (n, n_channels, height, width)."
            )
        if features.ndim == 4:
            features = features.mean((2, 3))
        return features.flatten(1)


def accelerate(network: nn.Module) -> None:
    """Replace PyTorch's linear layers and convolutions by those above, in place."""
    for layer in network.modules():
        if type(layer) is nn.Linear:
            layer.__class__ = SteadyLinear
        elif type(layer) is nn.Conv2d:
            layer.__class__ = FastConv2d


def for_evaluation(network: nn.Module) -> nn.Module:
    """The same network in evaluation mode, with less to compute.

    Batch norm is folded into the convolution before it. All other tensors are shared
    with `network`. A network that is not ours is left alone, because what it does with
    its layers is unknown.
    """
    if any(isinstance(part, Pooled) for part in network.modules()):
        return network.eval()
    copied = _sharing(network).eval()
    for part in list(copied.modules()):
        for name, after in _convolutions_and_norms(part):
            layer, norm = part.get_submodule(name), part.get_submodule(after)
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                _fold(norm, layer)
                setattr(part, after, nn.Identity())
    return copied


def _convolutions_and_norms(part: nn.Module) -> list[tuple[str, str]]:
    """Names of two layers where only the second uses the output of the first."""
    names = [name for name, _ in part.named_children()]
    if isinstance(part, nn.Sequential):
        return list(pairwise(names))
    # As torchvision names those of a ResNet and its blocks.
    return [
        (name, after)
        for name in names
        if (after := name.replace("conv", "bn")) in names and after != name
    ]


def _sharing(network: nn.Module) -> nn.Module:
    """A copy whose layers may be replaced, but which shares all tensors.

    Like ``copy.deepcopy`` with the tensors in its memo, in a tenth of the time.
    """
    copied = copy.copy(network)
    copied._parameters = dict(network._parameters)
    copied._modules = {
        name: None if part is None else _sharing(part)
        for name, part in network._modules.items()
    }
    return copied


def _fold(norm: nn.BatchNorm2d, layer: nn.Conv2d) -> None:
    """Fold batch norm into the convolution before it."""
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError("This batch norm keeps no statistics, so it cannot be folded.")
    layer.weight, layer.bias = fuse_conv_bn_weights(
        *(layer.weight, layer.bias, mean, variance, norm.eps, norm.weight, norm.bias)
    )
