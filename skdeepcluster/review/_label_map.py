"""Clusters against known classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skdeepcluster.review._axes import as_written, given_or_new

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

_ROW = 0.17  # inches a line of text


class ClusterLabelDisplay:
    """The known classes of the images of each cluster, as a heat map.

    For checking clusters against labels. Clusters are sorted by their most frequent
    class. Make it with :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    shares : ndarray of shape (n_clusters, n_classes), float64
        The share of each class among the images of a cluster; rows add up to 1.
    clusters : ndarray of shape (n_clusters,)
        Numbers of the clusters.
    classes : ndarray of shape (n_classes,)
        Names of the classes.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes with the map.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.

    Examples
    --------
    >>> from skdeepcluster.review import ClusterLabelDisplay
    >>> display = ClusterLabelDisplay.from_predictions(
    ...     ["hand", "hand", "chest", "hand"], [1, 1, 0, 0]
    ... )
    >>> display.shares
    array([[0.5, 0.5],
           [0. , 1. ]])
    """

    def __init__(
        self,
        shares: NDArray[np.float64],
        clusters: NDArray[Any],
        classes: NDArray[Any],
    ) -> None:
        self.shares = shares
        self.clusters = clusters
        self.classes = classes

    @classmethod
    def from_estimator(
        cls,
        estimator: DeepClusterCategorizer,
        X: ArrayLike,
        y: ArrayLike,
        *,
        ax: Axes | None = None,
    ) -> Self:
        """Sort images into the clusters of a fitted estimator, and count classes.

        Parameters
        ----------
        estimator : DeepClusterCategorizer
            Fitted.
        X : array-like of shape (n, ...)
            Images, those of the fit or others.
        y : array-like of shape (n,)
            Known classes.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure of fitting size.

        Returns
        -------
        ClusterLabelDisplay

        Raises
        ------
        ValueError
            If `X` and `y` differ in length.
        """
        return cls.from_predictions(y, estimator.predict(X), ax=ax)

    @classmethod
    def from_predictions(
        cls,
        labels_true: ArrayLike,
        labels_pred: ArrayLike,
        *,
        ax: Axes | None = None,
    ) -> Self:
        """Count the classes in given clusters.

        Parameters
        ----------
        labels_true : array-like of shape (n,)
            Known classes.
        labels_pred : array-like of shape (n,)
            Clusters.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure of fitting size.

        Returns
        -------
        ClusterLabelDisplay

        Raises
        ------
        ValueError
            If the two differ in length, or are not one-dimensional.
        """
        y, labels = column_or_1d(labels_true), column_or_1d(labels_pred)
        check_consistent_length(y, labels)
        counts = contingency_matrix(y, labels).T
        shares = counts / counts.sum(1, keepdims=True)
        order = np.lexsort((-shares.max(1), shares.argmax(1)))
        display = cls(shares[order], np.unique(labels)[order], np.unique(y))
        return display.plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure of fitting size.

        Returns
        -------
        ClusterLabelDisplay
        """
        n_clusters, n_classes = self.shares.shape
        ax = given_or_new(ax, 3 + 0.35 * n_classes, 1.5 + _ROW * n_clusters)
        picture = ax.imshow(self.shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        names = [as_written(name) for name in self.classes]
        slanted: Any = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        ax.set_xticks(np.arange(n_classes), names, **slanted)
        ax.set_yticks(np.arange(n_clusters), self.clusters, fontsize=8)
        ax.set(xlabel="known class", ylabel="cluster")
        ax.figure.colorbar(picture, ax=ax, label="share of the cluster's images")
        self.ax_ = ax
        self.figure_: Any = ax.figure
        return self
