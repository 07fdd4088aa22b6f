"""A convolution whose weights learn faster from small maps."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SMALL = 4  # pixels


class SmallMapConv2d(nn.Conv2d):
    """A convolution of 3 × 3 that keeps the size of maps, without bias.

    Of maps of 4 × 4 pixels in bfloat16, oneDNN's gradient of the weights takes a CPU
    three times as long as the same as one product of matrices does. That is all that
    is done otherwise here, and it only rounds otherwise.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        kind = features.device.type
        is_slow = (
            kind == "cpu"
            and torch.is_autocast_enabled(kind)
            and torch.get_autocast_dtype(kind) == torch.bfloat16
            and max(features.shape[2:]) <= _SMALL
        )
        if not (is_slow and torch.is_grad_enabled()):
            return super().forward(features)
        half = (features.bfloat16(), self.weight.bfloat16())
        convolved: Tensor = _ByProduct.apply(*half)
        return convolved


class _ByProduct(torch.autograd.Function):
    """Same convolution, its gradient of the weights as a product of matrices."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(features, weight)
        return F.conv2d(features, weight, padding=1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (gradient,) = gradients
        features, weight = ctx.saved_tensors
        ones = (1, 1)
        of_features = torch.ops.aten.convolution_backward(
            *(gradient, features, weight, None, ones, ones, ones),
            *(False, (0, 0), 1, (True, False, False)),
        )[0]
        height, width = features.shape[2:]
        padded = F.pad(features, (1, 1, 1, 1)).permute(0, 2, 3, 1)
        windows = [
            padded[:, row : row + height, column : column + width]
            for row in range(3)
            for column in range(3)
        ]
        seen = torch.cat(windows, 3).flatten(0, 2)
        of_weight = seen.T @ gradient.permute(0, 2, 3, 1).flatten(0, 2)
        of_weight = of_weight.unflatten(0, (3, 3, -1)).permute(3, 2, 0, 1)
        return of_features, of_weight
