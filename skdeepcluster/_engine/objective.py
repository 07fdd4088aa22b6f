"""The interface of objectives; `skdeepcluster.objectives` has some."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn


class Objective(Protocol):
    """What is learnt; see `skdeepcluster.objectives.Objective` for the meaning."""

    n_views: int
    sees_neck: bool
    spherical: bool
    learns_clusters: bool
    begins_anew: bool
    momentum: float | None

    def _parts(self) -> Iterable[Objective]: ...

    def stage(self, epoch: int, n_epochs: int) -> Stage: ...

    def build(self, n_features: int, n_clusters: int) -> nn.Module: ...

    def begin(self, head: nn.Module, centroids: Tensor) -> None: ...

    def learning_rate(self, initial: float, of_backbone: float) -> float: ...

    def loss(self, logits: Tensor, labels: Tensor, n_views: int) -> Tensor: ...

    def loss_of_guessing(self, n_clusters: int) -> float | None: ...


@dataclass(frozen=True)
class Stage:
    """What is learnt in an epoch.

    Parameters
    ----------
    objective : Objective
        What is learnt.
    rate_factor : float, default=1.0
        Factor on the backbone's learning rate.
    n_clusters : int or None, default=None
        Number of clusters that K-means finds in this epoch, but at most one per 10
        images; None uses the estimator's `n_clusters`.
    epochs : tuple of int or None, default=None
        First epoch over which the estimator's `lr_schedule` runs, and the epoch after
        the last; None is all epochs.
    """

    objective: Objective
    rate_factor: float = 1.0
    n_clusters: int | None = None
    epochs: tuple[int, int] | None = None
