"""K-means and nearest-centroid assignment, on tensors where they lie."""

from __future__ import annotations

import faiss
import numpy as np
import torch
import torch.nn.functional as F
from faiss.contrib.clustering import reassign_centroids
from torch import Tensor

_BLOCK = 2**24  # entries of a distance block: 64 MiB in float32


def kmeans(
    points: Tensor, n_clusters: int, *, n_iter: int, seed: int, spherical: bool = False
) -> Tensor:
    """Centroids of plain K-means: faiss on the CPU, Lloyd's loop on a GPU.

    No point is left out (faiss subsamples by default), and an empty cluster takes
    half of a large one, as in Johnson et al. (2017), "Billion-scale similarity
    search with GPUs".

    Parameters
    ----------
    points : Tensor of shape (n_points, n_features), float32
        Finite, with ``n_points >= n_clusters``.
    n_clusters : int
        Number of centroids.
    n_iter : int
        Number of Lloyd iterations.
    seed : int
        In [0, 2**31): chooses the points that the centroids start from.
    spherical : bool
        Whether centroids have length 1, so that the nearest is that of the largest
        cosine.

    Returns
    -------
    Tensor of shape (n_clusters, n_features), float32
    """
    if points.device.type != "cpu":
        return lloyd(points, n_clusters, n_iter=n_iter, seed=seed, spherical=spherical)
    clustering = faiss.Kmeans(
        points.shape[1],
        n_clusters,
        niter=n_iter,
        seed=seed,
        spherical=spherical,
        min_points_per_centroid=1,
        max_points_per_centroid=len(points),
    )
    clustering.train(points.numpy())
    return torch.tensor(clustering.centroids)


def lloyd(
    points: Tensor, n_clusters: int, *, n_iter: int, seed: int, spherical: bool = False
) -> Tensor:
    """K-means without leaving the device; see :func:`kmeans`."""
    random = np.random.RandomState(seed)
    start = random.permutation(len(points))[:n_clusters]
    centroids = points[torch.from_numpy(start).to(points.device)].clone()
    for _ in range(n_iter):
        labels, _ = assign(points, centroids)
        sums = torch.zeros_like(centroids).index_add_(0, labels, points)
        sizes = labels.bincount(minlength=n_clusters)
        filled = sizes > 0
        centroids[filled] = sums[filled] / sizes[filled, None]
        reassign_centroids(sizes.cpu().numpy(), centroids, random)
        if spherical:
            centroids = F.normalize(centroids, dim=1)
    return centroids


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
    half_norms = centroids.square().sum(1) / 2
    labels = torch.empty(len(points), dtype=torch.int64, device=points.device)
    distances = torch.empty(len(points), device=points.device)
    block = max(1, _BLOCK // max(len(centroids), points.shape[1]))
    for start in range(0, len(points), block):
        rows = slice(start, start + block)
        # argmin |x - c|² = argmin |c|²/2 - x·c
        labels[rows] = (half_norms - points[rows] @ centroids.T).argmin(1)
        distances[rows] = (points[rows] - centroids[labels[rows]]).norm(dim=1)
    return labels, distances
