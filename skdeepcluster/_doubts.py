"""What a fit itself tells of clusters that are of little use; no label is looked at."""

from __future__ import annotations

import math
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._engine.alternation import Epoch
from skdeepcluster._engine.clustering import Clustering

_FIRST_JUDGED_EPOCH = 5
_OF_USER = 5  # level of the stack, for fit has two decorators


class CollapseWarning(ConvergenceWarning):
    """One cluster takes nearly all images, or the pseudo-labels are not learnt."""


class Doubts:
    """Warns once in a fit, of a collapse or else at the end, and says what to try.

    Parameters
    ----------
    n_clusters : int
        Number of clusters that were asked for.
    """

    def __init__(self, n_clusters: int) -> None:
        self.n_clusters = n_clusters
        self.collapsed = False

    def after(self, epoch: Epoch, n_done: int) -> None:
        """Judge an epoch, after which so many are done."""
        if self.collapsed or self.n_clusters == 1 or n_done < _FIRST_JUDGED_EPOCH:
            return
        collapse = find_collapse(epoch)
        if collapse is not None:
            self.collapsed = True
            warnings.warn(
                f"The clusters seem to have collapsed: {collapse}. Try smaller batches "
                "(batch_size=64), another learning_rate, milder augmentation, "
                "standardize='dataset' or fewer clusters; where nearly all images are "
                "alike, it is as it should be.",
                CollapseWarning,
                stacklevel=_OF_USER,
            )

    def at_the_end(self, clustering: Clustering, last: Epoch, n_done: int) -> None:
        """Judge the final clusters."""
        if self.collapsed or n_done < _FIRST_JUDGED_EPOCH:
            return
        doubt = find_doubt(clustering, last)
        if doubt is not None:
            warnings.warn(doubt, ConvergenceWarning, stacklevel=_OF_USER)


def find_collapse(epoch: Epoch) -> str | None:
    """How the clusters of an epoch show that they have become meaningless, if so."""
    sizes = epoch.clustering.labels.bincount()
    n_filled = int((sizes > 0).sum())
    share = float(sizes.max() / sizes.sum())
    if n_filled == 1 or share > 0.9:
        return f"one cluster has {share:.0%} of the images"
    objective = epoch.stage.objective
    guessing = objective.loss_of_guessing(n_filled)
    guessing = math.inf if guessing is None else guessing
    if objective.learns_clusters and epoch.loss > 0.99 * guessing:
        return f"the loss ({epoch.loss:.2f}) is that of guessing ({guessing:.2f})"
    return None


def find_doubt(clustering: Clustering, last: Epoch) -> str | None:
    """Why the final clusters are probably of little use and what to try, if they are.

    Parameters
    ----------
    clustering : Clustering
        After learning.
    last : Epoch
        The last one.

    Notes
    -----
    Sets of real images that are sorted well are far from these limits: after 12 epochs
    their loss is 0.6 to 0.7 times that of guessing, and at 8 clusters a category 14 to
    28 % of the variance are left within clusters (at one a category, 35 to 50 %).
    """
    sizes = clustering.labels.bincount()
    sizes = sizes[sizes > 0]
    median = float(np.median(sizes.cpu().numpy()))
    objective = last.stage.objective
    guessing = objective.loss_of_guessing(len(sizes))
    guessing = math.inf if guessing is None else guessing
    if not objective.learns_clusters and last.loss > 0.9 * guessing:
        return (
            f"Little was learnt: the loss is {last.loss:.2f} and that of guessing "
            f"{guessing:.2f}. With few images there are few steps in an epoch: raise "
            "n_epochs, or lower batch_size. Otherwise try milder augmentation; images "
            "of noise cannot be learnt."
        )
    if median < 5:
        return (
            f"Half of the {len(sizes)} clusters have no more than {median:.0f} images, "
            "so that hardly anything was grouped; try a smaller n_clusters."
        )
    inertia = float(clustering.distances.double().square().sum())
    if len(sizes) > 1 and inertia > 0.7 * clustering.spread:
        return (
            f"{inertia / clustering.spread:.0%} of the variance of the embedding is "
            f"left within the {len(sizes)} clusters, so that there are probably far "
            "more kinds of images than that; try a larger n_clusters (the paper's is 8 "
            "times the number of categories), or more n_epochs."
        )
    return None
