"""Which clusters to merge first, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.cluster.hierarchy import dendrogram
from sklearn.utils.validation import check_is_fitted

from skdeepcluster.review._axes import as_written, given_or_new
from skdeepcluster.review._tree import merge_tree, sizes_of

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

_ROW = 0.17  # inches a line of text


class MergeTreeDisplay:
    """Dendrogram over the centroids: which clusters to merge first.

    Clusters are merged by Ward's criterion, weighted by their numbers of images.
    Make it with :meth:`from_estimator`.

    Parameters
    ----------
    linkage : ndarray of shape (n_clusters - 1, 4), float64
        In the format of :func:`scipy.cluster.hierarchy.linkage`.
    labels : list of str
        The text at each leaf.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes with the tree.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepcluster import DeepClusterCategorizer
    >>> from skdeepcluster.review import MergeTreeDisplay
    >>> images = load_digits().images[:300]
    >>> est = DeepClusterCategorizer(n_clusters=5, n_epochs=1)
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
            Names of clusters, written beside their numbers. None uses `names_` of the
            estimator.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure of fitting size.

        Returns
        -------
        MergeTreeDisplay

        Raises
        ------
        ValueError
            If there is only one cluster.
        """
        check_is_fitted(estimator)
        if estimator.n_clusters_ < 2:
            raise ValueError("There is only one cluster, so nothing can be merged.")
        sizes = sizes_of(estimator)
        names = estimator.names_ if names is None else names
        labels = [
            f"{cluster} {names.get(cluster, '')} (n = {size})".replace("  ", " ")
            for cluster, size in enumerate(sizes)
        ]
        linkage = merge_tree(estimator.cluster_centers_, sizes.clip(1))
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
        ax = given_or_new(ax, 7, 1 + _ROW * len(self.labels))
        with plt.rc_context({"lines.linewidth": 1}):
            dendrogram(
                self.linkage,
                labels=[as_written(label) for label in self.labels],
                orientation="left",
                color_threshold=0,
                above_threshold_color="tab:blue",
                leaf_font_size=8,
                ax=ax,
            )
        ax.set(xlabel="distance of the merged clusters (Ward)")
        ax.spines[["top", "left", "right"]].set_visible(False)
        self.ax_ = ax
        self.figure_: Any = ax.figure
        return self
