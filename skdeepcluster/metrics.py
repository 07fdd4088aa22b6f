"""How well clusters match labels that training never saw.

Purity is the share of images in the most frequent class of their cluster. NMI, the
normalised mutual information of clusters and classes, is 1 where they are equal and
near 0 where they are unrelated. Compare either only between equal numbers of clusters
and of images: both rise with the number of clusters, even on random labels, and purity
reaches 1 when every image is a cluster of its own.
:func:`sklearn.metrics.adjusted_mutual_info_score` is adjusted for chance and stays near
0 on random labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from numpy.typing import ArrayLike
from sklearn.metrics import make_scorer, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import check_consistent_length, column_or_1d

if TYPE_CHECKING:
    from sklearn.callback import ScoringMonitor

__all__ = [
    "cluster_purity_score",
    "nmi_scorer",
    "pseudo_label_monitor",
    "purity_scorer",
]


def cluster_purity_score(labels_true: ArrayLike, labels_pred: ArrayLike) -> float:
    r"""Share of images that belong to the most frequent class of their cluster.

    .. math:: CP(X, L) = \frac{1}{N} \sum_k \max_j |x_k \cap l_j|

    with the clusters :math:`x_k`, the classes :math:`l_j` and the number of images
    :math:`N`: equation (3) of Kart et al. (2021).

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        Classes: integers, strings or anything else that can be sorted.
    labels_pred : array-like of shape (n_samples,)
        Clusters; how they are numbered or named does not matter.

    Returns
    -------
    float
        In (0, 1]. At least the share of the most frequent class, and 1 if no
        cluster holds two classes, for example if each has one image.

    Raises
    ------
    ValueError
        If the two differ in length, are not one-dimensional, are empty, or have missing
        values.

    See Also
    --------
    sklearn.metrics.adjusted_mutual_info_score : Adjusted for chance, so unlike purity
        it can be compared between different numbers of clusters.

    Examples
    --------
    >>> from skdeepcluster.metrics import cluster_purity_score
    >>> cluster_purity_score(["SA", "SA", "SA", "LA", "LA"], [0, 0, 1, 1, 1])
    0.8
    """
    classes, clusters = column_or_1d(labels_true), column_or_1d(labels_pred)
    check_consistent_length(classes, clusters)
    if len(classes) == 0:
        raise ValueError("labels_true and labels_pred are empty: give one label each.")
    for name, labels in (("labels_true", classes), ("labels_pred", clusters)):
        if (n_missing := int(pd.isna(labels).sum())) > 0:
            raise ValueError(
                f"{name} has {n_missing} missing values (None or NaN): leave these "
                "images out of both."
            )
    counts = contingency_matrix(classes, clusters, sparse=True)
    return float(counts.max(axis=0).sum() / counts.sum())


purity_scorer = make_scorer(cluster_purity_score)
"""Scorer of :func:`cluster_purity_score` on ``estimator.predict(X)``.

For ``scoring=`` in :func:`~sklearn.model_selection.cross_validate` and grid searches.
By default, scikit-learn does not shuffle the folds for clusterers, and archives are
sorted: shuffle, or group by patient.
"""

nmi_scorer = make_scorer(normalized_mutual_info_score)
"""Scorer of scikit-learn's NMI (arithmetic mean) on ``estimator.predict(X)``.

``2 I(X; Y) / (H(X) + H(Y))``: equation (2) of Kart et al. (2021).
"""


def pseudo_label_monitor() -> ScoringMonitor:
    """Make a callback that scores the assignment of every epoch against `y`.

    Unlike `purity_scorer`, it needs no extra pass over the images: it reads the
    ``labels_`` that the epoch was trained on.

    Returns
    -------
    sklearn.callback.ScoringMonitor
        With the scores "nmi" and "purity", which
        :class:`skdeepcluster.review.TrainingHistoryDisplay` draws: the paper's
        Figure 2.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import DeepClusterCategorizer
    >>> from skdeepcluster.metrics import pseudo_label_monitor
    >>> images, y = np.random.default_rng(0).random((20, 16, 16)), np.arange(20) % 2
    >>> est = DeepClusterCategorizer(n_clusters=2, n_epochs=1)
    >>> monitor = pseudo_label_monitor()
    >>> est = est.set_callbacks(monitor).fit(images, y)
    >>> sorted({"nmi", "purity"} & set(monitor.get_logs().data[0]))
    ['nmi', 'purity']
    """
    from sklearn.callback import ScoringMonitor

    return ScoringMonitor(
        scoring={"nmi": _pseudo_label_nmi, "purity": _pseudo_label_purity}
    )


def _pseudo_label_nmi(estimator: Any, X: Any, y: ArrayLike) -> float:
    """NMI of an epoch's own assignment with `y`, as a callback asks for it."""
    return float(normalized_mutual_info_score(y, estimator.labels_))


def _pseudo_label_purity(estimator: Any, X: Any, y: ArrayLike) -> float:
    """Purity of an epoch's own assignment against `y`, as a callback asks for it."""
    return cluster_purity_score(y, estimator.labels_)
