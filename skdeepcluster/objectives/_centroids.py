"""Classification by the centroids, as in DeepCluster-v2."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, cast

import torch
import torch.nn.functional as F
from sklearn.utils._param_validation import Interval
from torch import Tensor, nn

from skdeepcluster.objectives._base import Objective


class CentroidClassification(Objective):
    """Classify images by cluster, with the centroids of K-means as the classifier.

    Logits are the cosines between an embedding and the centroids of spherical K-means,
    divided by `temperature`; the head has no weights to learn. This is
    DeepCluster-v2 [1]_ with two views of each image; the recipe ``"deepcluster_v2"``
    adds its memory bank.

    Parameters
    ----------
    temperature : float, default=0.1
        Temperature of the softmax, above 0; the lower it is, the more a step corrects
        embeddings near the wrong centroid.

    See Also
    --------
    ClusterClassification : A linear layer as a classifier.

    Notes
    -----
    It cannot be combined with the estimator's `pca_components`, because the centroids
    must lie in the space of the embedding.

    References
    ----------
    .. [1] Caron, M., Misra, I., Mairal, J., Goyal, P., Bojanowski, P., Joulin, A.
       (2020). "Unsupervised Learning of Visual Features by Contrasting Cluster
       Assignments". NeurIPS.

    Examples
    --------
    >>> from skdeepcluster.objectives import CentroidClassification
    >>> CentroidClassification(temperature=0.2)
    CentroidClassification(temperature=0.2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "temperature": [Interval(Real, 0, None, closed="neither")],
    }

    n_views = 2
    sees_neck = False  # centroids classify what was clustered
    spherical = True

    def __init__(self, temperature: float = 0.1) -> None:
        self.temperature = temperature

    def build(self, n_features: int, n_clusters: int) -> nn.Module:
        """Build the classifier; see :meth:`Objective.build`."""
        return CosineHead(n_features, n_clusters, self.temperature)

    def begin(self, head: nn.Module, centroids: Tensor) -> None:
        """Take the epoch's centroids; see :meth:`Objective.begin`."""
        kept = cast("CosineHead", head).centroids
        if centroids.shape != kept.shape:
            raise ValueError(
                "Centroids that classify embeddings must have their "
                f"{kept.shape[1]} dimensions, but these have "
                f"{centroids.shape[1]}; set pca_components=None."
            )
        kept.copy_(F.normalize(centroids, dim=1))

    def loss(self, logits: Tensor, labels: Tensor, n_views: int) -> Tensor:
        """Compute the mean cross-entropy, in nats; see :meth:`Objective.loss`."""
        return F.cross_entropy(logits, labels)


class CosineHead(nn.Module):
    """Cosines to the centroids over a temperature: nothing to learn."""

    centroids: Tensor

    def __init__(self, n_features: int, n_clusters: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.register_buffer("centroids", torch.zeros(n_clusters, n_features))

    def forward(self, embeddings: Tensor) -> Tensor:
        cosines = F.linear(F.normalize(embeddings, dim=1), self.centroids)
        return cosines / self.temperature
