"""Swapped prediction and classification by the centroids at once."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from sklearn.utils._param_validation import Interval
from torch import Tensor, nn

from skdeepcluster.objectives._centroids import CentroidClassification, CosineHead
from skdeepcluster.objectives._swapped import Prototypes, swapped_cross_entropy


class SwappedClassification(CentroidClassification):
    """Learn swapped prediction and classification by the centroids at the same time.

    The loss is that of :class:`SwappedPrediction`, plus `weight` times that of
    :class:`CentroidClassification`. The clusters that K-means finds in all images once
    an epoch and the prototypes that batches are assigned to correct each other:
    clusters alone teach the network to merge kinds of images that K-means has put
    together, and swapped prediction alone never sees more than a batch.

    Parameters
    ----------
    n_prototypes : int, default=512
        Number of prototypes, at least 1.
    temperature : float, default=0.1
        Temperature of both softmaxes, over prototypes and over clusters, above 0.
    weight : float, default=1.0
        Weight of the classification, at least 0.

    See Also
    --------
    TwoStages : Learns this after swapped prediction, by default.

    Notes
    -----
    It cannot be combined with the estimator's `pca_components`, because the centroids
    must lie in the space of the embedding. Both losses are from [1]_. Their sum is
    ours; `benchmarks/RESULTS.md` shows what it gains.

    References
    ----------
    .. [1] Caron, M., Misra, I., Mairal, J., Goyal, P., Bojanowski, P., Joulin, A.
       (2020). "Unsupervised Learning of Visual Features by Contrasting Cluster
       Assignments". NeurIPS.

    Examples
    --------
    >>> from skdeepcluster.objectives import SwappedClassification
    >>> SwappedClassification(weight=0.5)
    SwappedClassification(weight=0.5)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_prototypes": [Interval(Integral, 1, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "weight": [Interval(Real, 0, None, closed="left")],
    }

    begins_anew = False  # a prototype stays what it was when an epoch ends

    def __init__(
        self, n_prototypes: int = 512, temperature: float = 0.1, weight: float = 1.0
    ) -> None:
        self.n_prototypes = n_prototypes
        self.temperature = temperature
        self.weight = weight

    def build(self, n_features: int, n_clusters: int) -> nn.Module:
        """Build both heads; see :meth:`Objective.build`."""
        return JointHead(
            Prototypes(n_features, self.n_prototypes, self.temperature),
            CosineHead(n_features, n_clusters, self.temperature),
        )

    def begin(self, head: nn.Module, centroids: Tensor) -> None:
        """Take the epoch's centroids; see :meth:`Objective.begin`."""
        super().begin(cast("JointHead", head).clusters, centroids)

    def loss(self, logits: Tensor, labels: Tensor, n_views: int) -> Tensor:
        """Compute the sum of both losses, in nats; see :meth:`Objective.loss`."""
        n_clusters = logits.shape[1] - self.n_prototypes
        of_views, of_clusters = logits.split([self.n_prototypes, n_clusters], dim=1)
        classified = F.cross_entropy(of_clusters, labels)
        return swapped_cross_entropy(of_views, n_views) + self.weight * classified


class JointHead(nn.Module):
    """Logits of the prototypes, and beside them those of the clusters."""

    def __init__(self, prototypes: Prototypes, clusters: CosineHead) -> None:
        super().__init__()
        self.prototypes = prototypes
        self.clusters = clusters

    def forward(self, embeddings: Tensor) -> Tensor:
        return torch.cat([self.prototypes(embeddings), self.clusters(embeddings)], 1)
