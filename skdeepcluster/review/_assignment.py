"""Images among the clusters: the nearest centre, the second nearest, the margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import pairwise_distances
from sklearn.utils.validation import _num_samples

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

_CHUNK = 8192  # images whose distances to all centres are held at once


@dataclass(frozen=True)
class Assignment:
    """Images among the clusters of an estimator."""

    embedding: NDArray[np.float32]
    labels: NDArray[np.int64]
    distances: NDArray[np.float32]
    """To the own centre."""
    others: NDArray[np.int64]
    """The cluster with the second nearest centre; its own if there is no other."""
    margins: NDArray[np.float32]
    """How much farther that centre is, at least 0; infinite if there is none."""

    @classmethod
    def of(
        cls,
        estimator: DeepClusterCategorizer,
        X: ArrayLike,
        embedding: NDArray[np.float32] | None = None,
    ) -> Assignment:
        """Assign images, which are embedded if their embedding is not given."""
        embedding = checked_embedding(estimator, X, embedding)
        labels, distances = estimator.model_.assign(embedding)
        others = labels.copy()
        margins = np.full(len(labels), np.inf, dtype=np.float32)
        if estimator.n_clusters_ > 1:
            centers = estimator.cluster_centers_
            for first in range(0, len(labels), _CHUNK):
                part = slice(first, first + _CHUNK)
                far = pairwise_distances(embedding[part], centers)
                rows = np.arange(len(far))
                far[rows, labels[part]] = np.inf
                others[part] = far.argmin(1)
                margins[part] = far.min(1) - distances[part]
        return cls(embedding, labels, distances, others, np.maximum(margins, 0))

    def members(self) -> dict[int, NDArray[np.intp]]:
        """The images of each cluster that has any, the most typical first."""
        order = np.lexsort((self.distances, self.labels))
        clusters, firsts = np.unique(self.labels[order], return_index=True)
        parts = np.split(order, firsts[1:])
        return dict(zip(clusters.tolist(), parts, strict=True))


def embedded(estimator: DeepClusterCategorizer, X: ArrayLike) -> NDArray[np.float32]:
    """The result of `transform` as an array, even if set_output asks for a table."""
    return np.asarray(estimator.transform(X))


def checked_embedding(
    estimator: DeepClusterCategorizer,
    X: ArrayLike,
    embedding: NDArray[np.float32] | None,
) -> NDArray[np.float32]:
    """The given embedding of images, or else the computed one.

    Raises
    ------
    ValueError
        If the given one has another shape.
    """
    if embedding is None:
        return embedded(estimator, X)
    expected = _num_samples(X), estimator.cluster_centers_.shape[1]
    if np.shape(embedding) != expected:
        raise ValueError(
            f"embedding has shape {np.shape(embedding)}, but that of these images "
            f"has {expected}; pass the result of transform, or leave it out."
        )
    return np.asarray(embedding, dtype=np.float32)
