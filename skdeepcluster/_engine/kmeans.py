"""K-means and nearest-centroid assignment, on the device of the tensors."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.cluster import hierarchy
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from skdeepcluster._engine.layers import steady_linear
from skdeepcluster._engine.ranks import ALONE, Ranks

_AGGLOMERATED = 5000  # points: their distances take 100 MB
_BLOCK = 2**24  # entries of a distance block: 64 MiB in float32


def kmeans(
    points: Tensor,
    n_clusters: int,
    *,
    n_iter: int,
    seed: int,
    spherical: bool = False,
    init: Tensor | None = None,
    ranks: Ranks = ALONE,
) -> Tensor:
    """Centroids of plain K-means: faiss on the CPU, elsewhere Lloyd's loop.

    Several processes go through Lloyd's loop together, each with its share of the
    points.

    No point is left out (faiss subsamples by default), and an empty cluster takes
    half of a large one, as in Johnson et al. (2017), "Billion-scale similarity
    search with GPUs".

    Parameters
    ----------
    points : Tensor of shape (n_points, n_features), float32
        Finite, with ``n_points >= n_clusters`` in all processes together.
    n_clusters : int
        Number of centroids.
    n_iter : int
        Number of Lloyd iterations.
    seed : int
        In [0, 2**31): chooses the points that the centroids start from.
    spherical : bool
        Whether centroids have length 1, so that the nearest one has the largest
        cosine.
    init : Tensor of shape (n_clusters, n_features) or None
        Centroids to start from instead.
    ranks : Ranks

    Returns
    -------
    Tensor of shape (n_clusters, n_features), float32
    """
    # On macOS faiss's OpenMP and PyTorch's crash in one process (faiss-wheels, #73).
    if points.device.type != "cpu" or sys.platform == "darwin" or ranks.size > 1:
        return lloyd(
            points,
            n_clusters,
            n_iter=n_iter,
            seed=seed,
            spherical=spherical,
            init=init,
            ranks=ranks,
        )
    import faiss  # 0.2 s, which `predict` does not need

    clustering = faiss.Kmeans(
        points.shape[1],
        n_clusters,
        niter=n_iter,
        seed=seed,
        spherical=spherical,
        min_points_per_centroid=1,
        max_points_per_centroid=len(points),
    )
    start = None if init is None else init.numpy()
    n_threads = faiss.omp_get_max_threads()  # its OpenMP may be another
    faiss.omp_set_num_threads(min(n_threads, torch.get_num_threads()))
    try:
        clustering.train(points.numpy(), init_centroids=start)
    finally:
        faiss.omp_set_num_threads(n_threads)
    return torch.tensor(clustering.centroids)


def lloyd(
    points: Tensor,
    n_clusters: int,
    *,
    n_iter: int,
    seed: int,
    spherical: bool = False,
    init: Tensor | None = None,
    ranks: Ranks = ALONE,
) -> Tensor:
    """K-means without leaving the device; see :func:`kmeans`."""
    random = np.random.RandomState(seed)
    if init is None:
        n_points = ranks.total(points)
        start = random.permutation(n_points)[:n_clusters]
        chosen = torch.from_numpy(start).to(points.device)
        init = ranks.picked(points, chosen, n_points)
    centroids = init.clone()
    for _ in range(n_iter):
        labels = nearest(points, centroids)
        sums = torch.zeros_like(centroids).index_add_(0, labels, points)
        sums = ranks.sum(sums)
        sizes = ranks.sum(labels.bincount(minlength=n_clusters))
        filled = sizes > 0
        centroids[filled] = sums[filled] / sizes[filled, None]
        _refill(centroids, sizes, random)
        if spherical:
            centroids = F.normalize(centroids, dim=1)
    return centroids


def _refill(centroids: Tensor, sizes: Tensor, random: np.random.RandomState) -> None:
    """Give every empty cluster half of a large one, as faiss does, in place."""
    apart = torch.full_like(centroids[0], 1 / 1024)
    apart[1::2] *= -1
    left = sizes.cpu().numpy().astype(np.float64)
    for empty in np.flatnonzero(left == 0):
        # Some cluster has more than one point, as there are no fewer than clusters.
        chances = np.maximum(left - 1, 0)
        large = random.choice(len(left), p=chances / chances.sum())
        centroids[empty] = centroids[large] * (1 + apart)
        centroids[large] *= 1 - apart
        left[empty] = left[large] = left[large] / 2


def ward(points: Tensor, n_clusters: int, ranks: Ranks = ALONE) -> Tensor:
    """Cluster means of Ward's hierarchical clustering.

    A better start for K-means than random points. Its memory grows with the square of
    the number of points, so a sample represents a large set.

    Parameters
    ----------
    points : Tensor of shape (n_points, n_features), float32
    n_clusters : int
    ranks : Ranks

    Returns
    -------
    Tensor of shape (n_clusters, n_features), float32

    References
    ----------
    Ward, J. (1963). "Hierarchical Grouping to Optimize an Objective Function".
    """
    n_sampled = max(_AGGLOMERATED, 2 * n_clusters)
    n_points = ranks.total(points)
    if n_points > n_sampled or ranks.size > 1:
        sample = torch.randperm(n_points, device=points.device)[:n_sampled]
        sample = ranks.from_first(sample.contiguous())
        points = ranks.picked(points, sample, n_points)
    # scikit-learn's AgglomerativeClustering does the same, its distances on one core.
    tree = hierarchy.ward(torch.pdist(points).cpu().numpy())
    labels = torch.from_numpy(_cut(tree, n_clusters)).to(points.device)
    sums = points.new_zeros(n_clusters, points.shape[1]).index_add_(0, labels, points)
    means = sums / labels.bincount(minlength=n_clusters).unsqueeze(1)
    return ranks.from_first(means)  # another machine may join in another order


def _cut(tree: NDArray[np.float64], n_clusters: int) -> NDArray[np.int64]:
    """The cluster of each point, numbered by their first points.

    The same as scipy's cut_tree, which takes seconds where many points are equal.
    """
    n_points = len(tree) + 1
    n_joined = n_points - n_clusters
    joins = tree[:n_joined, :2].astype(np.int64)
    made = np.repeat(n_points + np.arange(n_joined), 2)
    n_nodes = n_points + n_joined
    graph = coo_array((np.ones(len(made)), (made, joins.ravel())), (n_nodes, n_nodes))
    _, parts = connected_components(graph, directed=False)
    _, firsts, labels = np.unique(
        parts[:n_points], return_index=True, return_inverse=True
    )
    return firsts.argsort().argsort()[labels]


def assign(points: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    """The nearest centroid of each point, and the distance to it.

    This one function serves ``fit`` and ``predict``, so that the two agree: faiss
    would switch kernels with the number of queries.

    Parameters
    ----------
    points : Tensor of shape (n_points, n_features), float32
    centroids : Tensor of shape (n_clusters, n_features), float32

    Returns
    -------
    labels : Tensor of shape (n_points,), int64
        The lowest label among equally near ones.
    distances : Tensor of shape (n_points,), float32
        Euclidean.
    """
    labels = nearest(points, centroids)
    distances = torch.empty(len(points), device=points.device)
    for rows in blocks(points, centroids):
        distances[rows] = (points[rows] - centroids[labels[rows]]).norm(dim=1)
    return labels, distances


def nearest(points: Tensor, centroids: Tensor) -> Tensor:
    """The labels alone; see :func:`assign`."""
    half_norms = centroids.square().sum(1) / 2
    labels = torch.empty(len(points), dtype=torch.int64, device=points.device)
    for rows in blocks(points, centroids):
        # argmin |x - c|² = argmin |c|²/2 - x·c
        products = steady_linear(points[rows], centroids)
        labels[rows] = (half_norms - products).argmin(1)
    return labels


def blocks(points: Tensor, centroids: Tensor) -> Iterator[slice]:
    """Slices of the points, small enough for their distances to all centroids."""
    step = max(1, _BLOCK // max(len(centroids), points.shape[1]))
    for start in range(0, len(points), step):
        yield slice(start, start + step)
