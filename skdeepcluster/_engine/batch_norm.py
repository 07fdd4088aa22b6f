"""Batch normalisation over the batch of all processes."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skdeepcluster._engine.ranks import ALONE, Ranks


class OverAllRanks(nn.modules.batchnorm._BatchNorm):
    """Normalises by the mean and variance of the whole batch in training.

    PyTorch's ``SyncBatchNorm`` does the same, but on GPUs only, and it is not a
    ``BatchNorm2d``, which can be folded into a convolution.
    """

    ranks: Ranks = ALONE

    def forward(self, features: Tensor) -> Tensor:
        if not self.training:
            return super().forward(features)
        self._check_input_dim(features)
        weight, bias = self.weight, self.bias
        if weight is None:
            weight = features.new_ones(self.num_features, dtype=torch.float32)
            bias = torch.zeros_like(weight)
        moments = moments_of(features.detach(), self.ranks)
        self._remember(*moments)
        normalised: Tensor = _Normalise.apply(
            features, weight, bias, moments, self.eps, self.ranks
        )
        return normalised

    def _remember(self, n: Tensor, mean: Tensor, variance: Tensor) -> None:
        """As PyTorch does."""
        seen, of_mean = self.num_batches_tracked, self.running_mean
        of_variance = self.running_var
        if seen is None or of_mean is None or of_variance is None:
            return  # it keeps no statistics
        seen.add_(1)
        share = 1 / float(seen) if self.momentum is None else self.momentum
        of_mean.lerp_(mean, share)
        of_variance.lerp_(variance * n / (n - 1), share)


class OverAllRanks1d(OverAllRanks, nn.BatchNorm1d):
    """For features of shape (n, n_features), or with a length."""


class OverAllRanks2d(OverAllRanks, nn.BatchNorm2d):
    """For maps."""


class OverAllRanks3d(OverAllRanks, nn.BatchNorm3d):
    """For volumes."""


_KINDS: dict[type[nn.Module], type[OverAllRanks]] = {
    nn.BatchNorm1d: OverAllRanks1d,
    nn.BatchNorm2d: OverAllRanks2d,
    nn.BatchNorm3d: OverAllRanks3d,
}


def over_all_ranks(network: nn.Module, ranks: Ranks) -> None:
    """Make each batch norm one over the batch of all processes, in place."""
    if ranks.size == 1:
        return
    for layer in network.modules():
        if kind := _KINDS.get(type(layer)):
            layer.__class__ = kind
            vars(layer)["ranks"] = ranks


def over_one_rank(network: nn.Module) -> None:
    """Undo :func:`over_all_ranks`."""
    plain = {kind: before for before, kind in _KINDS.items()}
    for layer in network.modules():
        if isinstance(layer, OverAllRanks):
            layer.__class__ = plain[type(layer)]  # type: ignore[assignment]
            del vars(layer)["ranks"]


def moments_of(features: Tensor, ranks: Ranks) -> tuple[Tensor, Tensor, Tensor]:
    """Number of values, mean and variance of each feature in the whole batch.

    Those of the processes are joined as in Chan, Golub & LeVeque (1983), "Algorithms
    for computing the sample variance".

    Parameters
    ----------
    features : Tensor of shape (n, n_features, ...)
        Those of this process, which may have none.
    ranks : Ranks

    Returns
    -------
    n : Tensor of shape ()
    mean, variance : Tensor of shape (n_features,), float32
    """
    n_features = features.shape[1]
    own = features.new_zeros(1, 1 + 2 * n_features, dtype=torch.float32)
    if n := features.numel() // n_features:
        # Faster than var_mean, and as exact: weights of float32 make moments of it.
        ones, eps = features.new_ones(n_features, dtype=torch.float32), 1e-5
        _, mean, scale = torch.native_batch_norm(
            *(features, ones, torch.zeros_like(ones), None, None, True, 0.0, eps)
        )
        variance = (scale**-2 - eps).clamp(min=0)
        own = torch.cat([mean.new_full((1,), n), mean, variance]).unsqueeze(0)
    sizes, means, variances = ranks.rows(own, ranks.size).split(
        [1, n_features, n_features], dim=1
    )
    total = sizes.sum()
    mean = (sizes * means).sum(0) / total
    spread = sizes * (variances + (means - mean).square())
    return total, mean, spread.sum(0) / total


class _Normalise(torch.autograd.Function):
    """By moments that depend on the features of all processes."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor,
        moments: tuple[Tensor, Tensor, Tensor],
        eps: float,
        ranks: Ranks,
    ) -> Tensor:
        total, mean, variance = moments
        ctx.save_for_backward(features, weight, total, mean, variance)
        ctx.eps, ctx.ranks = eps, ranks
        if features.numel() == 0:  # which PyTorch divides by
            return features.clone()
        return F.batch_norm(features, mean, variance, weight, bias, eps=eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        features, weight, total, mean, variance = ctx.saved_tensors
        # As if the moments were constants, which gives the sums over this process.
        of_features = gradient
        of_weight = of_bias = torch.zeros_like(weight)
        if features.numel():
            gradient = gradient.contiguous(memory_format=_format_of(features))
            of_features, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
                *(gradient, features, weight, mean, variance, None, None),
                *(False, ctx.eps, (True, True, True)),
            )
        sums = ctx.ranks.sum(torch.stack([of_weight, of_bias])) / total
        # And then what comes through the moments (Ioffe & Szegedy, 2015, section 3).
        scale = (variance + ctx.eps).rsqrt()
        factor = -weight * scale * scale * sums[0]
        offset = -weight * scale * sums[1] - factor * mean
        shape = (-1, *[1] * (features.ndim - 2))
        through = torch.addcmul(offset.view(shape), features, factor.view(shape))
        of_features = of_features.add(through).to(of_features.dtype)
        return of_features, of_weight, of_bias, None, None, None


def _format_of(features: Tensor) -> torch.memory_format:
    """How they lie in memory: mixed with another order, batch norm is slow."""
    last = torch.channels_last
    is_last = features.ndim == 4 and features.is_contiguous(memory_format=last)
    return last if is_last else torch.contiguous_format
