"""One turn of the loop."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from skdeepcluster._engine.clustering import Clustering
from skdeepcluster._engine.objective import Stage


@dataclass
class Epoch:
    """One turn of the loop, as far as it is done.

    Parameters
    ----------
    number : int
        From 0.
    stage : Stage
        What is learnt.
    clustering : Clustering
        What K-means found before training.
    learning_rate : float
        Of the backbone.
    drawn : Tensor of shape (n_images,), int64
        Images, in the order in which they are trained on.
    total : Tensor of shape ()
        Sum of the losses of the images trained on so far.
    n_steps : int
        Number of batches trained on so far.
    seconds : tuple of float
        Taken to embed, to cluster and to train.
    """

    number: int
    stage: Stage
    clustering: Clustering
    learning_rate: float
    drawn: Tensor
    total: Tensor
    n_steps: int = 0
    seconds: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def loss(self) -> float:
        """The mean over all images, once they are trained on."""
        return float(self.total) / len(self.drawn)
