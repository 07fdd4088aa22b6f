"""What clusterers with centroids have in common, ours and scikit-learn's."""

from __future__ import annotations

from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import pairwise_distances_argmin_min


class Categorizer(Protocol):
    """A clusterer that can assign new images, such as K-means."""

    cluster_centers_: NDArray[Any]

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self: ...
    def predict(self, X: ArrayLike) -> NDArray[np.int64]: ...


def assigned(categorizer: Any, X: Any) -> NDArray[np.int64]:
    """The cluster of each row; those of an array may be of any float type."""
    centers = categorizer.cluster_centers_
    dtype = getattr(X, "dtype", None)
    is_float = dtype in (np.float32, np.float64) and X.shape[1:] == centers.shape[1:]
    if is_float and not hasattr(categorizer, "score_samples"):
        X = X.astype(centers.dtype, copy=False)  # KMeans fails on any other type
    return np.asarray(categorizer.predict(X))


def typicality(categorizer: Any, X: ArrayLike) -> NDArray[np.floating[Any]]:
    """Minus the distance of each image to the centre of its cluster."""
    if hasattr(categorizer, "score_samples"):
        return np.asarray(categorizer.score_samples(X))
    return -pairwise_distances_argmin_min(X, categorizer.cluster_centers_)[1]
