"""The base class of objectives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from sklearn.base import BaseEstimator
from torch import Tensor, nn

from skdeepcluster._engine.objective import Stage


class Objective(BaseEstimator):
    """What the network learns: the base class of objectives, including your own.

    .. warning::
       Provisional: names and signatures may change without a deprecation.

    In every epoch, K-means clusters the embeddings of the images. Then a head on top of
    the backbone turns features into logits, and both are trained for an epoch to make
    the loss small. The objective defines the head and the loss. A subclass must define
    :meth:`build` and :meth:`loss`; everything else has defaults.

    `fit` works on a clone, so the parameters of your instance never change, and methods
    may keep what they need in attributes that end in an underscore. For fits with a
    `checkpoint`, these must be tensors, numbers or text, and the class needs an
    attribute ``checkpoint_name``: a text that you change whenever you change its code.

    Attributes
    ----------
    n_views : int, default=1
        Number of views of each image in a training step, unless the estimator's
        `n_views` overrides it.
    sees_neck : bool, default=True
        Whether the head's input is the output of the backbone's neck (the ReLU and
        dropout of a VGG) or the embedding itself.
    spherical : bool, default=False
        Whether K-means is spherical: with centroids of length 1.
    learns_clusters : bool, default=True
        Whether the network learns the clusters of K-means. If not, clusters are only
        found for the history, until learning has ended.
    begins_anew : bool, default=True
        Whether the head is reset in every epoch, because cluster 3 of this epoch has
        nothing to do with cluster 3 of the epoch before.
    momentum : float or None, default=None
        SGD momentum of the head's parameters, in [0, 1); None uses the estimator's.

    See Also
    --------
    ClusterClassification : A linear classifier of the clusters.
    CentroidClassification : The centroids as a classifier.
    SwappedPrediction : One view predicts the assignment of another.

    Examples
    --------
    Classification of the clusters with label smoothing:

    >>> import numpy as np
    >>> import torch
    >>> from skdeepcluster import DeepClusterCategorizer
    >>> from skdeepcluster.objectives import Objective
    >>> class SmoothClassification(Objective):
    ...     def __init__(self, smoothing=0.1):
    ...         self.smoothing = smoothing
    ...
    ...     def build(self, n_features, n_clusters):
    ...         return torch.nn.Linear(n_features, n_clusters)
    ...
    ...     def loss(self, logits, labels, n_views):
    ...         return torch.nn.functional.cross_entropy(
    ...             logits, labels, label_smoothing=self.smoothing
    ...         )
    >>> est = DeepClusterCategorizer(
    ...     2, backbone="small_cnn", n_epochs=1, objective=SmoothClassification(0.2)
    ... )
    >>> est.fit(np.random.default_rng(0).random((20, 16, 16))).n_epochs_
    1
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}

    n_views: int = 1
    sees_neck: bool = True
    spherical: bool = False
    learns_clusters: bool = True
    begins_anew: bool = True
    momentum: float | None = None

    def _parts(self) -> Iterator[Objective]:
        """The objective, and the objectives among its parameters."""
        yield self
        for value in self.get_params(deep=False).values():
            for each in value if isinstance(value, list | tuple) else [value]:
                if isinstance(each, Objective):
                    yield from each._parts()

    def stage(self, epoch: int, n_epochs: int) -> Stage:
        """Say what is learnt in an epoch; called at the start of each.

        An objective of several stages returns another objective after some epochs. When
        the objective changes, a new head is built and the previous one is dropped. So
        keep the objectives of stages as parameters, and do not create new ones in each
        epoch. With ``n_epochs=0`` the method is called once, as for the first epoch of
        one.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0; within a stage of another objective, such as
            :class:`TwoStages`, from the start of that stage.
        n_epochs : int
            Number of epochs of `fit`, unless it stops early, or of that stage.

        Returns
        -------
        Stage
            By default, the objective itself, at the backbone's learning rate and with
            the estimator's `n_clusters`.
        """
        return Stage(self)

    def build(self, n_features: int, n_clusters: int) -> nn.Module:
        """Build the head, with random weights from torch's default generator.

        Parameters
        ----------
        n_features : int
            Number of features per image.
        n_clusters : int
            Number of clusters that K-means finds.

        Returns
        -------
        torch.nn.Module
            Maps features of shape (n, n_features) to logits of shape (n, n_logits), in
            mixed precision.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method build.")

    def begin(self, head: nn.Module, centroids: Tensor) -> None:
        """Prepare the head for an epoch.

        By default, if the objective `begins_anew`, every layer with a method
        ``reset_parameters`` draws new weights; otherwise nothing is done.

        Parameters
        ----------
        head : torch.nn.Module
            What :meth:`build` gave.
        centroids : Tensor of shape (n_clusters, n_features), float32
            The centroids of this epoch, in the space of the normalised embedding; row
            numbers are the labels.
        """
        if self.begins_anew:
            for layer in head.modules():
                reset = getattr(layer, "reset_parameters", None)
                if callable(reset):
                    reset()

    def learning_rate(self, initial: float, of_backbone: float) -> float:
        """Choose the learning rate of the head's parameters in an epoch.

        Parameters
        ----------
        initial : float
            The estimator's `learning_rate`.
        of_backbone : float
            The backbone's learning rate in this epoch, after schedule, warm-up and the
            factor of the stage.

        Returns
        -------
        float
            By default `initial` for a head that `begins_anew`, because it has to catch
            up in every epoch, and otherwise `of_backbone`.
        """
        return initial if self.begins_anew else of_backbone

    def loss(self, logits: Tensor, labels: Tensor, n_views: int) -> Tensor:
        """Compute the loss that a training step reduces.

        Parameters
        ----------
        logits : Tensor of shape (n_views * n_images, n_logits), float32
            The head's output for a batch, one view of all images after another.
        labels : Tensor of shape (n_views * n_images,), int64
            The cluster of each image, from 0 to ``n_clusters - 1``.
        n_views : int
            Number of views.

        Returns
        -------
        Tensor of shape (), float32
            Differentiable.
        """
        raise NotImplementedError(f"{type(self).__name__} has no method loss.")

    def loss_of_guessing(self, n_clusters: int) -> float | None:
        """Compute the loss of a head that only guesses, in the unit of the loss.

        Parameters
        ----------
        n_clusters : int
            Number of clusters that are not empty.

        Returns
        -------
        float or None
            None, the default, if warnings should not judge the loss.
        """
        return None
