"""Swapped prediction, as in SwAV."""

from __future__ import annotations

import math
from itertools import permutations
from numbers import Integral, Real
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from sklearn.utils._param_validation import Interval
from torch import Tensor, nn

from skdeepcluster.objectives._base import Objective


class SwappedPrediction(Objective):
    """Predict from one view of an image the assignment of another (swapped prediction).

    Each view predicts how the other view is softly assigned to learnt prototypes, all
    of which are used equally often. As in SwAV [1]_, assignments are computed anew in
    every batch, so they are never older than the network that learns them. K-means only
    decides what is reported of each epoch and, at the end, `labels_`.

    Prototypes are directions in a learnt projection of the embedding to 128 features.
    The projection forgets whatever differs between two views, such as the grey level;
    the embedding before it keeps more of that, and makes better clusters.

    Parameters
    ----------
    n_prototypes : int, default=512
        Number of prototypes, at least 1: several times the number of kinds of images,
        whatever `n_clusters` is.
    temperature : float, default=0.1
        Temperature of the softmax, above 0. Assignments use half of it, so they are
        twice as sharp as predictions: 0.05 and 0.1 in the paper.

    See Also
    --------
    ClusterClassification : Learn the clusters that K-means finds once an epoch.

    Notes
    -----
    It needs two views of each image. If there is only one (for feature vectors, with
    ``augmentation=False`` or ``n_views=1``), images predict their own assignment, as in
    self-labelling [2]_.

    References
    ----------
    .. [1] Caron, M., Misra, I., Mairal, J., Goyal, P., Bojanowski, P., Joulin, A.
       (2020). "Unsupervised Learning of Visual Features by Contrasting Cluster
       Assignments". NeurIPS.
    .. [2] Asano, Y., Rupprecht, C., Vedaldi, A. (2020). "Self-labelling via
       Simultaneous Clustering and Representation Learning". ICLR.

    Examples
    --------
    >>> from skdeepcluster.objectives import SwappedPrediction
    >>> SwappedPrediction(n_prototypes=256)
    SwappedPrediction(n_prototypes=256)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_prototypes": [Interval(Integral, 1, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
    }

    n_views = 2
    sees_neck = False
    learns_clusters = False
    begins_anew = False  # a prototype stays what it was when an epoch ends

    def __init__(self, n_prototypes: int = 512, temperature: float = 0.1) -> None:
        self.n_prototypes = n_prototypes
        self.temperature = temperature

    def build(self, n_features: int, n_clusters: int) -> nn.Module:
        """Build projection and prototypes; see :meth:`Objective.build`."""
        return Prototypes(n_features, self.n_prototypes, self.temperature)

    def loss(self, logits: Tensor, labels: Tensor, n_views: int) -> Tensor:
        """Compute the swapped cross-entropy, in nats; see :meth:`Objective.loss`."""
        return swapped_cross_entropy(logits, n_views)

    def loss_of_guessing(self, n_clusters: int) -> float | None:
        """Compute the logarithm of the number of prototypes, in nats."""
        return math.log(self.n_prototypes)


class Prototypes(nn.Module):
    """Cosines to prototypes over a temperature, after a projection; both learnt."""

    n_projected = 128  # as in the paper

    def __init__(self, n_features: int, n_prototypes: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.projection = nn.Sequential(
            nn.Linear(n_features, self.n_projected, bias=False),
            nn.BatchNorm1d(self.n_projected, affine=False),
        )
        directions = F.normalize(torch.randn(n_prototypes, self.n_projected), dim=1)
        self.prototypes = nn.Parameter(directions)

    def forward(self, embeddings: Tensor) -> Tensor:
        projected = F.normalize(self.projection(embeddings), dim=1)
        directions = F.normalize(self.prototypes, dim=1)
        return F.linear(projected, directions) / self.temperature


def swapped_cross_entropy(logits: Tensor, n_views: int) -> Tensor:
    """How badly each view predicts the balanced assignment of the others, in nats.

    Equation 2 of the paper, the mean over all ordered pairs of views. A single view
    predicts its own assignment, as in self-labelling (Asano et al., 2020).

    Parameters
    ----------
    logits : Tensor of shape (n_views * n_images, n_prototypes), float32
        View by view: cosines over a temperature. Assignments are twice as sharp as
        predictions: the paper's temperatures are 0.05 and 0.1.
    n_views : int

    Returns
    -------
    Tensor of shape (), float32
    """
    views = logits.chunk(n_views)
    assigned = [balanced_assignment(2 * view.detach()) for view in views]
    predicted = [view.log_softmax(1) for view in views]
    pairs = list(permutations(range(n_views), 2)) or [(0, 0)]
    losses = [-(assigned[i] * predicted[j]).sum(1).mean() for i, j in pairs]
    return torch.stack(losses).mean()


def balanced_assignment(scores: Tensor, n_iter: int = 3) -> Tensor:
    """Soft assignment of a batch that uses every prototype equally often.

    Sinkhorn's iterations (Cuturi, 2013), as in the paper's appendix A: they rule out
    assigning everything to one prototype.

    Parameters
    ----------
    scores : Tensor of shape (n_images, n_prototypes), float32
        Logarithms of the assignment before it is balanced.
    n_iter : int
        The paper's 3 balance only roughly, which works better than exactly.

    Returns
    -------
    Tensor of shape (n_images, n_prototypes), float32
        Rows add up to 1.

    Examples
    --------
    >>> import torch
    >>> scores = torch.tensor([[3.0, 0.0], [2.0, 0.0], [2.0, 0.0], [1.0, 0.0]])
    >>> balanced_assignment(scores).sum(0).round().tolist()
    [2.0, 2.0]
    """
    for _ in range(n_iter):
        scores = scores.log_softmax(0)  # every prototype gets its share of images
        scores = scores.log_softmax(1)  # every image is given away once
    return scores.exp()
