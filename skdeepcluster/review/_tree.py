"""Which clusters to merge first."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import pdist, squareform


def merge_tree(centers: ArrayLike, sizes: ArrayLike) -> NDArray[np.float64]:
    """Merge clusters two by two, those first that least increase the inertia.

    Ward's criterion (1963) on centroids of so many images each: merging A and B adds
    |A| |B| / (|A| + |B|) ‖a − b‖² to the sum of squared distances to the centroids.

    Parameters
    ----------
    centers : array-like of shape (n_clusters, n_features)
        Centroids.
    sizes : array-like of shape (n_clusters,)
        Images of each, at least 1.

    Returns
    -------
    ndarray of shape (n_clusters - 1, 4), float64
        As :func:`scipy.cluster.hierarchy.linkage` gives it, and its functions take it:
        the two that are merged (from n_clusters on, the result of merge i is n_clusters
        + i), the square root of twice the increase, and of how many clusters they are.
    """
    weights = np.array(sizes, dtype=np.float64)
    n = len(weights)
    costs = squareform(pdist(np.asarray(centers, dtype=np.float64), "sqeuclidean"))
    costs *= np.outer(weights, weights) / np.add.outer(weights, weights)
    np.fill_diagonal(costs, np.inf)
    names, leaves = np.arange(n), np.ones(n)
    merges = np.empty((n - 1, 4))
    for step in range(n - 1):
        one, other = divmod(int(costs.argmin()), n)
        leaves[one] += leaves[other]
        pair = sorted((names[one], names[other]))
        merges[step] = (*pair, np.sqrt(2 * costs[one, other]), leaves[one])
        # Lance and Williams (1967): the increase for what is merged, from its parts.
        both = weights[one] + weights[other]
        merged = (
            (weights[one] + weights) * costs[one]
            + (weights[other] + weights) * costs[other]
            - weights * costs[one, other]
        ) / (both + weights)
        merged[[one, other]] = np.inf
        costs[one] = costs[:, one] = merged
        costs[other] = costs[:, other] = np.inf
        weights[one], names[one] = both, n + step
    return merges
