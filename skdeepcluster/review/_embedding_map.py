"""The embedding in a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import (
    _num_samples,
    check_consistent_length,
    column_or_1d,
)

from skdeepcluster.review._assignment import embedded
from skdeepcluster.review._axes import as_written, given_or_new

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer


class Reducer(Protocol):
    """What scikit-learn's PCA and TSNE have in common."""

    def fit_transform(self, X: NDArray[Any]) -> NDArray[Any]: ...


class EmbeddingDisplay:
    """The embedding of images in a plane, a colour for each cluster.

    Make it with :meth:`from_estimator`.

    Parameters
    ----------
    points : ndarray of shape (n_shown, 2)
        The images in the plane.
    labels : ndarray of shape (n_shown,)
        What the colours show: clusters or known classes.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes with the map.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepcluster import DeepClusterCategorizer
    >>> from skdeepcluster.review import EmbeddingDisplay
    >>> images = load_digits().images[:300]
    >>> est = DeepClusterCategorizer(n_clusters=5, n_epochs=1)
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
            What the colours show; None shows the clusters.
        reducer : object with `fit_transform`, default=None
            Reduces the embedding to two dimensions, for example
            ``sklearn.manifold.TSNE(metric="cosine")``; None uses
            :class:`sklearn.decomposition.PCA`, which is fast but shows less.
        max_images : int, default=5000
            Number of images to draw at random if there are more.
        random_state : int or None, default=0
            Seed of that draw and of the default reducer.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        EmbeddingDisplay

        Raises
        ------
        ValueError
            If `X` and `y` differ in length, or there is only one image.
        """
        check_consistent_length(X, y)
        n = _num_samples(X)
        if n < 2:
            raise ValueError(f"A map requires at least 2 images, got {n}.")
        chosen = np.arange(n)
        if n > max_images:
            draw = check_random_state(random_state)
            chosen = np.sort(draw.choice(n, max_images, replace=False))
            X = _safe_indexing(X, chosen)
        embedding = embedded(estimator, X)
        if y is None:
            labels = estimator.model_.assign(embedding)[0]
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
        ax = given_or_new(ax, 7, 7)
        names, codes = np.unique(self.labels, return_inverse=True)
        # Twenty colours, as many as can be told apart; the written names do the rest.
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
                as_written(name), where, ha="center", va="center", fontsize=8, bbox=box
            )
        ax.set(xticks=[], yticks=[])
        self.ax_ = ax
        self.figure_: Any = ax.figure
        return self
