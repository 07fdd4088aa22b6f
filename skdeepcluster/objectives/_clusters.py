"""Classification of the clusters, as in DeepCluster and DeepMCAT."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, ClassVar

import torch.nn.functional as F
from sklearn.utils._param_validation import Interval
from torch import Tensor, nn

from skdeepcluster.objectives._base import Objective


class ClusterClassification(Objective):
    """Classify images by the clusters that K-means found, with a linear layer.

    The layer is made anew in every epoch, at the estimator's `learning_rate`, which no
    schedule changes.

    Parameters
    ----------
    momentum : float or None, default=None
        SGD momentum of the linear layer, in [0, 1). None is the estimator's
        `momentum`, as in DeepMCAT [1]_; it is 0 in DeepCluster [2]_.

    standardize : bool, default=False
        Whether the layer's input is standardised, feature by feature, over each batch
        (batch normalisation without parameters [3]_). What all images have in common
        is removed, so that the loss is about as steep in all directions, and the layer
        catches up in few steps. Neither paper does so.

    dropout : float, default=0.0
        Share of the layer's input that is set to zero at random in each step, in
        [0, 1), as in [4]_. A network that is large for its images learns the errors of
        its first clusters less with it. Both papers cluster a layer of VGG-16 or
        AlexNet that comes after a dropout of 0.5; one that clusters an earlier layer
        has none of its own.

    See Also
    --------
    CentroidClassification : The centroids as a classifier, with nothing to learn.

    References
    ----------
    .. [1] Kart, T., Bai, W., Glocker, B., Rueckert, D. (2021). "DeepMCAT: Large-Scale
       Deep Clustering for Medical Image Categorization".
    .. [2] Caron, M., Bojanowski, P., Joulin, A., Douze, M. (2018). "Deep Clustering for
       Unsupervised Learning of Visual Features". ECCV.
    .. [3] Ioffe, S., Szegedy, C. (2015). "Batch Normalization: Accelerating Deep
       Network Training by Reducing Internal Covariate Shift". ICML.
    .. [4] Srivastava, N., Hinton, G., Krizhevsky, A., Sutskever, I., Salakhutdinov, R.
       (2014). "Dropout: A Simple Way to Prevent Neural Networks from Overfitting". JMLR
       15(56), 1929-1958.

    Examples
    --------
    >>> from skdeepcluster.objectives import ClusterClassification
    >>> ClusterClassification(momentum=0.0)
    ClusterClassification(momentum=0.0)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "momentum": [None, Interval(Real, 0, 1, closed="left")],
        "standardize": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        momentum: float | None = None,
        standardize: bool = False,
        dropout: float = 0.0,
    ) -> None:
        self.momentum = momentum
        self.standardize = standardize
        self.dropout = dropout

    def build(self, n_features: int, n_clusters: int) -> nn.Module:
        """Build the linear layer; see :meth:`Objective.build`."""
        layers: list[nn.Module] = [LinearHead(n_features, n_clusters)]
        if self.dropout > 0:
            layers.insert(0, nn.Dropout(self.dropout))
        if self.standardize:
            norm = nn.BatchNorm1d(n_features, affine=False, track_running_stats=False)
            layers.insert(0, norm)
        return layers[0] if len(layers) == 1 else nn.Sequential(*layers)

    def loss(self, logits: Tensor, labels: Tensor, n_views: int) -> Tensor:
        """Compute the mean cross-entropy, in nats; see :meth:`Objective.loss`."""
        return F.cross_entropy(logits, labels)

    def loss_of_guessing(self, n_clusters: int) -> float | None:
        """Compute the logarithm of the number of clusters, in nats."""
        return math.log(n_clusters)


class LinearHead(nn.Linear):
    """A linear classifier of pseudo-labels."""

    def reset_parameters(self) -> None:
        """Draw weights from N(0, 0.01²), as DeepCluster does."""
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)
