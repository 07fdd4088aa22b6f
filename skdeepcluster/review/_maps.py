"""Clusters among each other: a tree, a plane, and known classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import dendrogram
from sklearn.decomposition import PCA
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import (
    _num_samples,
    check_consistent_length,
    column_or_1d,
)

from skdeepcluster.review._tree import merge_tree

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

_ROW = 0.17  # inches a line of text


class Reducer(Protocol):
    """What scikit-learn's PCA and TSNE have in common."""

    def fit_transform(self, X: NDArray[Any]) -> NDArray[Any]: ...


class MergeTreeDisplay:
    """Dendrogram over the centroids: which clusters to merge first.

    Merging goes by Ward's criterion, in which a cluster weighs as much as its images.
    Make it with :meth:`from_estimator`.

    Parameters
    ----------
    linkage : ndarray of shape (n_clusters - 1, 4), float64
        As :func:`scipy.cluster.hierarchy.linkage` gives it.
    labels : list of str
        What stands at each leaf.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        With the tree.
    figure_ : matplotlib.figure.Figure
        Containing it.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepcluster import DeepClusterCategorizer
    >>> from skdeepcluster.review import MergeTreeDisplay
    >>> images = load_digits().images[:300]
    >>> est = DeepClusterCategorizer.from_recipe("fast", n_clusters=5, n_epochs=1)
    >>> display = MergeTreeDisplay.from_estimator(est.fit(images))
    """

    def __init__(self, linkage: NDArray[np.float64], labels: list[str]) -> None:
        self.linkage = linkage
        self.labels = labels

    @classmethod
    def from_estimator(
        cls,
        estimator: DeepClusterCategorizer,
        *,
        names: Mapping[int, str] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the tree of the clusters of a fit.

        Parameters
        ----------
        estimator : DeepClusterCategorizer
            Fitted, with at least 2 clusters.
        names : mapping of int to str, default=None
            Names of clusters, written beside their numbers. None takes `names_` of the
            estimator.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure of fitting size.

        Returns
        -------
        MergeTreeDisplay

        Raises
        ------
        ValueError
            If there is one cluster only.
        """
        if estimator.n_clusters_ < 2:
            raise ValueError("There is one cluster, and nothing to merge.")
        sizes = np.bincount(estimator.labels_, minlength=estimator.n_clusters_)
        names = estimator.names_ if names is None else names
        labels = [
            f"{cluster} {names.get(cluster, '')} (n = {size})".replace("  ", " ")
            for cluster, size in enumerate(sizes)
        ]
        linkage = merge_tree(estimator.cluster_centers_, sizes)
        return cls(linkage, labels).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure of fitting size.

        Returns
        -------
        MergeTreeDisplay
        """
        ax = _axes(ax, 7, 1 + _ROW * len(self.labels))
        with plt.rc_context({"lines.linewidth": 1}):
            dendrogram(
                self.linkage,
                labels=self.labels,
                orientation="left",
                color_threshold=0,
                above_threshold_color="tab:blue",
                leaf_font_size=8,
                ax=ax,
            )
        ax.set(xlabel="distance of the clusters that are merged (Ward)")
        ax.spines[["top", "left", "right"]].set_visible(False)
        self.ax_ = ax
        self.figure_: Any = ax.figure
        return self


class ClusterLabelDisplay:
    """Known classes of the images of each cluster, as a heat map.

    For those who have labels to check against. Clusters are sorted by the class that
    most of their images have. Make it with :meth:`from_estimator` or
    :meth:`from_predictions`.

    Parameters
    ----------
    shares : ndarray of shape (n_clusters, n_classes), float64
        Of the images of a cluster, those of each class; rows add up to 1.
    clusters : ndarray of shape (n_clusters,)
        Their numbers.
    classes : ndarray of shape (n_classes,)
        What the classes are called.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        With the map.
    figure_ : matplotlib.figure.Figure
        Containing it.

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
        """Count the classes in clusters that are there already.

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
        ax = _axes(ax, 3 + 0.35 * n_classes, 1.5 + _ROW * n_clusters)
        picture = ax.imshow(self.shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        names = [str(name) for name in self.classes]
        slanted: Any = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        ax.set_xticks(np.arange(n_classes), names, **slanted)
        ax.set_yticks(np.arange(n_clusters), self.clusters, fontsize=8)
        ax.set(xlabel="known class", ylabel="cluster")
        ax.figure.colorbar(picture, ax=ax, label="share of the cluster's images")
        self.ax_ = ax
        self.figure_: Any = ax.figure
        return self


class EmbeddingDisplay:
    """The embedding of images in a plane, a colour for each cluster.

    Make it with :meth:`from_estimator`.

    Parameters
    ----------
    points : ndarray of shape (n_shown, 2)
        The images in the plane.
    labels : ndarray of shape (n_shown,)
        What is coloured: their clusters, or known classes.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        With the map.
    figure_ : matplotlib.figure.Figure
        Containing it.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepcluster import DeepClusterCategorizer
    >>> from skdeepcluster.review import EmbeddingDisplay
    >>> images = load_digits().images[:300]
    >>> est = DeepClusterCategorizer.from_recipe("fast", n_clusters=5, n_epochs=1)
    >>> display = EmbeddingDisplay.from_estimator(est.fit(images), images)
    """

    def __init__(self, points: NDArray[Any], labels: NDArray[Any]) -> None:
        self.points = points
        self.labels = labels

    @classmethod
    def from_estimator(
        cls,
        estimator: DeepClusterCategorizer,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        reducer: Reducer | None = None,
        max_images: int = 5000,
        random_state: int | None = 0,
        ax: Axes | None = None,
    ) -> Self:
        """Embed images, and lay the embedding out in a plane.

        Parameters
        ----------
        estimator : DeepClusterCategorizer
            Fitted.
        X : array-like of shape (n, ...)
            Images, those of the fit or others.
        y : array-like of shape (n,), default=None
            What to colour; None takes the clusters.
        reducer : object with `fit_transform`, default=None
            What brings the embedding to two dimensions, such as
            ``sklearn.manifold.TSNE(metric="cosine")``; None takes
            :class:`sklearn.decomposition.PCA`, which is quick and shows less.
        max_images : int, default=5000
            Of more, so many are drawn at random.
        random_state : int or None, default=0
            Of that draw.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        EmbeddingDisplay

        Raises
        ------
        ValueError
            If `X` and `y` differ in length.
        """
        check_consistent_length(X, y)
        n = _num_samples(X)
        chosen = np.arange(n)
        if n > max_images:
            draw = check_random_state(random_state)
            chosen = np.sort(draw.choice(n, max_images, replace=False))
            X = _safe_indexing(X, chosen)
        embedding = np.asarray(estimator.transform(X))
        if y is None:
            labels = estimator._assign_embedding(embedding)[0]
        else:
            labels = column_or_1d(y)[chosen]
        reducer = PCA(2, random_state=random_state) if reducer is None else reducer
        return cls(reducer.fit_transform(embedding), labels).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        EmbeddingDisplay
        """
        ax = _axes(ax, 7, 7)
        names, codes = np.unique(self.labels, return_inverse=True)
        # Twenty colours, as many as can be told apart; what is written says the rest.
        colors = plt.get_cmap("tab20")(codes % 20)
        ax.scatter(
            self.points[:, 0], self.points[:, 1], s=6, c=colors, alpha=0.7, linewidths=0
        )
        for code, name in enumerate(names):
            where = np.median(self.points[codes == code], axis=0)
            box = {
                "boxstyle": "round,pad=0.15",
                "fc": "white",
                "ec": "none",
                "alpha": 0.7,
            }
            ax.annotate(
                str(name), where, ha="center", va="center", fontsize=8, bbox=box
            )
        ax.set(xticks=[], yticks=[])
        self.ax_ = ax
        self.figure_: Any = ax.figure
        return self


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes that were given, or new ones of so many inches."""
    if ax is None:
        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    return ax
