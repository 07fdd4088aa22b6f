"""Clusters as rows of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from skdeepcluster.review._assignment import embedded
from skdeepcluster.review._thumbnails import as_pictures, sheet

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

_TILE = 64  # pixels
_TALLEST = 24_000  # pixels; Matplotlib draws no figure of 2**16
_DPI = 96


class ClusterMontageDisplay:
    """A row per cluster with its most typical images, the most typical first.

    Make it with :meth:`from_estimator` or :meth:`from_predictions`, like scikit-learn's
    displays.

    Parameters
    ----------
    pixels : ndarray of shape (n_shown * tile, n_columns * tile, 3), uint8
        The images of the clusters shown, in squares.
    clusters : ndarray of shape (n_shown,)
        Numbers of the clusters.
    sizes : ndarray of shape (n_shown,)
        Number of images in each.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes with the montage.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.

    See Also
    --------
    representatives : Other choices of images, as a table.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepcluster import DeepClusterCategorizer
    >>> from skdeepcluster.review import ClusterMontageDisplay
    >>> images = load_digits().images[:300]
    >>> est = DeepClusterCategorizer(n_clusters=3, n_epochs=1)
    >>> display = ClusterMontageDisplay.from_estimator(est.fit(images), images)
    """

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        clusters: NDArray[np.int64],
        sizes: NDArray[np.int64],
    ) -> None:
        self.pixels = pixels
        self.clusters = clusters
        self.sizes = sizes

    @classmethod
    def from_estimator(
        cls,
        estimator: DeepClusterCategorizer,
        X: ArrayLike,
        *,
        n_columns: int = 12,
        ax: Axes | None = None,
    ) -> Self:
        """Sort images into the clusters of a fitted estimator, and draw them.

        Parameters
        ----------
        estimator : DeepClusterCategorizer
            Fitted.
        X : array-like of shape (n, height, width) or (n, height, width, channels)
            Images, those of the fit or others.
        n_columns : int, default=12
            Images per cluster.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure of fitting size.

        Returns
        -------
        ClusterMontageDisplay

        Raises
        ------
        ValueError
            If the estimator was fitted on feature vectors.
        """
        images = as_pictures(estimator, X)
        labels, distances = estimator.model_.assign(embedded(estimator, X))
        return cls.from_predictions(
            images, labels, -distances, n_columns=n_columns, ax=ax
        )

    @classmethod
    def from_predictions(
        cls,
        images: NDArray[Any],
        labels: ArrayLike,
        scores: ArrayLike,
        *,
        n_columns: int = 12,
        ax: Axes | None = None,
    ) -> Self:
        """Draw images that are already sorted.

        Parameters
        ----------
        images : ndarray of shape (n, height, width) or (n, height, width, channels)
            May be a memory map. The darkest percent of the pixels shown becomes black,
            the brightest white.
        labels : array-like of shape (n,)
            Clusters, for example from ``predict``.
        scores : array-like of shape (n,)
            How typical each image is, for example from ``score_samples``.
        n_columns : int, default=12
            Images per cluster, at least 1.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure of fitting size.

        Returns
        -------
        ClusterMontageDisplay
        """
        labels, scores = np.asarray(labels), np.asarray(scores)
        clusters, sizes = np.unique(labels, return_counts=True)
        ranked = np.lexsort((-scores, labels))
        firsts = np.cumsum(sizes) - sizes
        shown = [
            ranked[first : first + min(size, n_columns)]
            for first, size in zip(firsts, sizes, strict=True)
        ]
        tile = max(8, min(_TILE, _TALLEST // len(clusters)))
        pixels = sheet(images, shown, n_columns, tile)
        return cls(pixels, clusters, sizes).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure of fitting size.

        Returns
        -------
        ClusterMontageDisplay
        """
        tile = len(self.pixels) // len(self.clusters)
        if ax is None:
            # A pixel of the montage is a pixel of the figure.
            height, width = (side / _DPI for side in self.pixels.shape[:2])
            full = (width + 1.5, height + 0.5)  # inches, with names and title
            figure = plt.figure(figsize=full, dpi=_DPI)
            left, bottom = 1.4 / full[0], 0.1 / full[1]
            ax = figure.add_axes((left, bottom, width / full[0], height / full[1]))
        ax.imshow(self.pixels, interpolation="nearest", aspect="auto")
        ax.set_xticks([])
        ax.set_yticks(
            (np.arange(len(self.clusters)) + 0.5) * tile - 0.5,
            [
                f"{cluster}  (n = {size})"
                for cluster, size in zip(self.clusters, self.sizes, strict=True)
            ],
            fontsize=min(10, tile * 0.7),
        )
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_title("Clusters, most typical images first", loc="left", fontsize=11)
        self.ax_ = ax
        self.figure_: Any = ax.figure
        return self
