"""Warnings about clusters of little use, which need no labels."""

from __future__ import annotations

import math

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster import _warnings
from skdeepcluster._engine.alternation import Alternation
from skdeepcluster._engine.clustering import Clustering
from skdeepcluster._engine.epoch import Epoch
from skdeepcluster._engine.images import Images
from skdeepcluster._engine.objective import Objective
from skdeepcluster._warnings import Followed

_FIRST_JUDGED_EPOCH = 5
_SMALL_BATCH = 64


class Doubts:
    """Warn once in a fit, of a collapse or else at the end, and say what to try.

    Parameters
    ----------
    n_clusters : int
        Number of clusters that were asked for.
    followed : Followed
        What need not be tried, see :func:`followed_by`.
    """

    def __init__(self, n_clusters: int, followed: Followed) -> None:
        self.n_clusters = n_clusters
        self.followed = followed
        self.collapsed = False
        self.n_halvings = 0

    def after(self, epoch: Epoch, n_done: int) -> None:
        """Judge an epoch; `n_done` epochs are done, including this one."""
        if self.collapsed or self.n_clusters == 1 or n_done < _FIRST_JUDGED_EPOCH:
            return
        found = find_collapse(epoch)
        if found is not None:
            self.collapsed = True
            told = _warnings.collapse(found, self.followed)
            _warnings.warn(told, _warnings.CollapseWarning)

    def of_rate(self, n_halvings: int, learning_rate: float) -> None:
        """Warn once that learning diverged, so that the rate was halved."""
        if n_halvings and not self.n_halvings:
            told = _warnings.diverged(learning_rate, self.followed)
            _warnings.warn(told, ConvergenceWarning)
        self.n_halvings = n_halvings

    def gave_up(self, n_halvings: int, n_epochs: int) -> None:
        """Warn that learning ended early, because it diverged every time."""
        told = _warnings.gave_up(n_halvings, n_epochs, self.followed)
        _warnings.warn(told, ConvergenceWarning)

    def at_the_end(
        self, clustering: Clustering, objective: Objective, loss: float, n_done: int
    ) -> None:
        """Judge the final clusters; see :func:`find_doubt`."""
        if self.collapsed or n_done < _FIRST_JUDGED_EPOCH:
            return
        doubt = find_doubt(clustering, objective, loss, self.followed)
        if doubt is not None:
            _warnings.warn(doubt, ConvergenceWarning)


def followed_by(loop: Alternation) -> Followed:
    """Which advice a fit follows already."""
    images = loop.images
    return Followed(
        few_clusters=loop.clusterer.n_clusters <= 2,
        small_batches=loop.descent.batch_size <= _SMALL_BATCH,
        no_augmentation=loop.views.draw is None,
        # A pretrained network decides for itself.
        standardized=not isinstance(images, Images) or images.standardize == "dataset",
        float32=loop.precision == "float32",
    )


def find_collapse(epoch: Epoch) -> str | None:
    """Say how the clusters of an epoch have collapsed, or None if they have not."""
    n_clusters = len(epoch.clustering.centroids)
    if n_clusters == 1:  # of a few images
        return None
    sizes = epoch.clustering.labels.bincount()
    n_filled = int((sizes > 0).sum())
    share = float(sizes.max() / sizes.sum())
    if n_filled == 1 or share > 0.9:
        return f"one cluster has {share:.0%} of the images"
    if n_filled < n_clusters / 2:
        return f"only {n_filled} of {n_clusters} clusters have images"
    objective = epoch.stage.objective
    guessing = _loss_of_guessing(objective, n_filled)
    if objective.learns_clusters and epoch.loss > 0.99 * guessing:
        return f"the loss ({epoch.loss:.2f}) is as high as guessing ({guessing:.2f})"
    return None


def find_doubt(
    clustering: Clustering, objective: Objective, loss: float, followed: Followed
) -> str | None:
    """Say why the final clusters are probably of little use, or None.

    Parameters
    ----------
    clustering : Clustering
        After learning.
    objective : Objective
        What was learnt last; of several stages, the last that does not learn clusters.
    loss : float
        Of its last epoch.
    followed : Followed
        What need not be tried.

    Notes
    -----
    Well-sorted sets of real images are far from these limits. After 12 epochs of
    swapped prediction their loss is 0.6 to 0.7 times that of guessing. After the second
    stage of the defaults, 18 to 23 % of the variance remains within clusters at 8
    clusters per category, and 46 to 69 % at one per category; after swapped prediction
    alone it is 35 to 50 %.
    """
    sizes = clustering.labels.bincount()
    sizes = sizes[sizes > 0]
    n_clusters = len(sizes)
    guessing = _loss_of_guessing(objective, n_clusters)
    if not objective.learns_clusters and loss > 0.9 * guessing:
        return _warnings.little_learnt(loss, guessing, followed)
    median = float(np.median(sizes.cpu().numpy()))
    if median < 5:
        return _warnings.tiny_clusters(n_clusters, median)
    inertia = float(clustering.distances.double().square().sum())
    if n_clusters > 1 and inertia > 0.8 * clustering.spread:
        return _warnings.mixed_clusters(n_clusters, inertia / clustering.spread)
    return None


def _loss_of_guessing(objective: Objective, n_clusters: int) -> float:
    """The loss of guessing, or infinity, which no loss exceeds, if it is unknown."""
    guessing = objective.loss_of_guessing(n_clusters)
    return math.inf if guessing is None else guessing
