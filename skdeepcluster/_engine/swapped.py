"""Swapped prediction: each view of an image has to tell where another one belongs.

SwAV (Caron et al., 2020, "Unsupervised Learning of Visual Features by Contrasting
Cluster Assignments"): pseudo-labels are found anew in every batch instead of once an
epoch, so that they are never older than the network that learns them.
"""

from __future__ import annotations

from itertools import permutations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Prototypes(nn.Module):
    """Cosines to prototypes over a temperature, after a projection; all is learnt.

    What is projected forgets whatever tells two views apart, grey level among it. The
    embedding before it keeps more of that, and makes better clusters. Prototypes are
    not made anew as a classifier of K-means' clusters is: one stays what it was when an
    epoch ends.
    """

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

    def restart(self, centroids: Tensor) -> None:
        """Nothing begins anew with an epoch."""


def swapped_cross_entropy(logits: Tensor, n_views: int) -> Tensor:
    """How badly each view predicts the balanced assignment of the others, in nats.

    Equation 2 of the paper, the mean over all ordered pairs of views. A single view has
    to predict its own, as in self-labelling (Asano et al., 2020).

    Parameters
    ----------
    logits : Tensor of shape (n_views * n_images, n_prototypes), float32
        View by view: cosines over a temperature. Assignments are twice as sharp as
        predictions, which is the paper's 0.05 to 0.1.
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

    Sinkhorn's iterations (Cuturi, 2013), as in the paper's appendix A: assigning
    everything to one prototype is no solution.

    Parameters
    ----------
    scores : Tensor of shape (n_images, n_prototypes), float32
        Logarithms of the assignment before it is balanced.
    n_iter : int
        The paper's 3 balance roughly, which is better than exactly.

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
