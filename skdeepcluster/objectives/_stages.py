"""One objective after another."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval

from skdeepcluster._engine.objective import Stage
from skdeepcluster.objectives._base import Objective
from skdeepcluster.objectives._joint import SwappedClassification
from skdeepcluster.objectives._swapped import SwappedPrediction


class TwoStages(Objective):
    """Learn one objective at first, and then another with what was learnt.

    By default, prediction of swapped assignments [1]_ comes first, for it learns from
    nothing, and then the alternation with K-means: images are classified by the
    clusters that they were in before the epoch, with the centroids as classifier, and
    swapped assignments are predicted on. In each stage, the learning rate goes through
    the estimator's `lr_schedule` anew.

    Parameters
    ----------
    first : Objective or None, default=None
        What is learnt at first; None is ``SwappedPrediction()``.
    second : Objective or None, default=None
        What is learnt then; None is ``SwappedClassification()``.
    share : float, default=0.6
        The share of the epochs in which `first` is learnt, in (0, 1), rounded to whole
        epochs: of 20, 12. It has one epoch at least, also of a single one.
    rate_factor : float, default=1.0
        The learning rate of the backbone in the second stage, in units of the
        estimator's `learning_rate`, above 0. If `second` has stages of its own, their
        factors are multiplied by it.
    n_clusters : int or None, default=256
        Number of clusters that K-means finds in the second stage, at least 1, but one
        for 10 images at most; None is the estimator's `n_clusters`. Stages of `second`
        that have a number of their own keep it. Few clusters of
        which each holds several kinds of images would teach the network to take these
        for one, so that this does not follow how many are asked for.

    See Also
    --------
    SwappedPrediction : What is learnt at first.
    SwappedClassification : What is learnt then.

    References
    ----------
    .. [1] Caron, M., Misra, I., Mairal, J., Goyal, P., Bojanowski, P., Joulin, A.
       (2020). "Unsupervised Learning of Visual Features by Contrasting Cluster
       Assignments". NeurIPS. The losses are from there, and the order is ours:
       `benchmarks/RESULTS.md` has what it is worth.

    Examples
    --------
    Parameters of the stages are set and searched like others:

    >>> from skdeepcluster import DeepClusterCategorizer
    >>> est = DeepClusterCategorizer.from_recipe(
    ...     "fast", objective__share=0.5, objective__second__temperature=0.2
    ... )
    >>> est.objective.second
    SwappedClassification(temperature=0.2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "first": [Objective],
        "second": [Objective],
        "share": [Interval(Real, 0, 1, closed="neither")],
        "rate_factor": [Interval(Real, 0, None, closed="neither")],
        "n_clusters": [None, Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        first: Objective | None = None,
        second: Objective | None = None,
        share: float = 0.6,
        rate_factor: float = 1.0,
        n_clusters: int | None = 256,
    ) -> None:
        # Objects at once, so that their parameters can be set by a path.
        self.first = SwappedPrediction() if first is None else first
        self.second = SwappedClassification() if second is None else second
        self.share = share
        self.rate_factor = rate_factor
        self.n_clusters = n_clusters

    def stage(self, epoch: int, n_epochs: int) -> Stage:
        """Say what is learnt in an epoch; see :meth:`Objective.stage`."""
        n_first = max(1, round(self.share * n_epochs))
        if epoch < n_first:
            stage = self.first.stage(epoch, n_first)
            return replace(stage, epochs=stage.epochs or (0, n_first))
        n_second = n_epochs - n_first
        stage = self.second.stage(epoch - n_first, n_second)
        first, end = stage.epochs or (0, n_second)
        return replace(
            stage,
            rate_factor=self.rate_factor * stage.rate_factor,
            n_clusters=stage.n_clusters or self.n_clusters,
            epochs=(n_first + first, n_first + end),
        )
