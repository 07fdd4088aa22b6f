"""What a fit itself tells of clusters that are of little use; no label is looked at."""

from __future__ import annotations

import math

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._engine.alternation import Clustering, Epoch

FIRST_JUDGED_EPOCH = 5


class CollapseWarning(ConvergenceWarning):
    """One cluster takes nearly all images, or the pseudo-labels are not learnt."""


def find_collapse(epoch: Epoch, learns_classifier: bool) -> str | None:
    """How the clusters of an epoch show that they have become meaningless, if so.

    The loss of a classifier that is not learnt may lie above that of guessing.
    """
    sizes = epoch.clustering.labels.bincount()
    n_filled = int((sizes > 0).sum())
    share = float(sizes.max() / sizes.sum())
    chance = math.log(n_filled)  # cross-entropy of knowing nothing, in nats
    if n_filled == 1 or share > 0.9:
        return f"one cluster has {share:.0%} of the images"
    if learns_classifier and epoch.loss > 0.99 * chance:
        return f"the loss ({epoch.loss:.2f}) is that of guessing ({chance:.2f})"
    return None


def find_doubt(
    clustering: Clustering, loss: float, n_prototypes: int | None
) -> str | None:
    """Why the final clusters are probably of little use and what to try, if they are.

    Parameters
    ----------
    clustering : Clustering
    loss : float
        Of the last epoch, in nats.
    n_prototypes : int or None
        What images were assigned to while training, if that was not the clusters.

    Notes
    -----
    Sets of real images that are sorted well are far from these limits: after 12 epochs
    their loss is 0.6 to 0.7 times that of guessing, and at 8 clusters a category 14 to
    28 % of the variance are left within clusters (at one a category, 35 to 50 %).
    """
    sizes = clustering.labels.bincount()
    sizes = sizes[sizes > 0]
    median = float(np.median(sizes.cpu().numpy()))
    if n_prototypes is not None and loss > 0.9 * math.log(n_prototypes):
        return (
            f"Little was learnt: the loss is {loss:.2f} and that of guessing "
            f"{math.log(n_prototypes):.2f}. With few images there are few steps in an "
            "epoch: raise n_epochs, or lower batch_size. Otherwise try milder "
            "augmentation; images of noise cannot be learnt."
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
