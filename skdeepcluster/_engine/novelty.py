"""How unlike all clusters an image is, as a model can tell without its images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdeepcluster._engine.clustering import Clustering
from skdeepcluster._engine.kmeans import blocks
from skdeepcluster._engine.layers import steady_linear

_DIRECTIONS = 32
_PRIOR = 50  # images: how much the spread of all counts in that of a cluster
_LEAST = 1e-3  # of a distance: duplicates have none
_QUANTILES = (0.8, 0.98)


@dataclass(frozen=True)
class Novelty:
    """Distances to the nearest centroid, in a metric in which one limit suits all.

    The directions in which images of one cluster differ most count less: this is the
    Mahalanobis distance whose covariance is that within clusters, shared by all and
    shrunk half-way to a sphere, as in Lee et al. (2018), "A Simple Unified Framework
    for Detecting Out-of-Distribution Samples and Adversarial Attacks". A distance to a
    wide cluster counts less than one to a tight one.

    All is measured on views of the images of a fit, which a network embeds much as it
    does new images. The images themselves lie closer to their centroids, because it was
    trained on them.

    Parameters
    ----------
    directions : ndarray of shape (n_directions, n_embedding), float32
        Orthonormal.
    weights : ndarray of shape (n_directions,), float32
        How much each counts, in (0, 1]; all others count 1.
    scales : ndarray of shape (n_clusters,), float32
        Root mean square of the distances in each cluster, in units of `spread`; of a
        small cluster near 1, as it is known from few images.
    spread : float
        Root mean square of the distances of all to their own centroid.
    limits : tuple of (float, float)
        The distances to the nearest centroid that 80 % and 98 % do not exceed. Beyond
        the second, an image is an outlier.
    """

    directions: NDArray[np.float32]
    weights: NDArray[np.float32]
    scales: NDArray[np.float32]
    spread: float
    limits: tuple[float, float]

    @classmethod
    def of(cls, clustering: Clustering) -> Novelty:
        """Measured on the stand-ins for new images, or else on the distances alone."""
        points, labels = clustering.stand_ins, clustering.labels
        centroids = clustering.centroids
        if points is None:
            distances = clustering.distances
            plain = cls._plain(*centroids.shape, spread=_spread(distances))
            return replace(plain, limits=_limits(distances))
        residuals = points - centroids[labels]
        directions, weights = _principal(residuals)
        measured = replace(
            cls._plain(*centroids.shape),
            directions=directions.cpu().numpy(),
            weights=weights.cpu().numpy(),
        )
        squares = measured.warp(residuals).double().square().sum(1)
        spread = _spread(squares.sqrt())
        sizes = labels.bincount(minlength=len(centroids))
        sums = squares.new_zeros(len(centroids)).index_add_(0, labels, squares)
        scales = (sums / spread**2 + _PRIOR) / (sizes + _PRIOR)
        measured = replace(
            measured, scales=scales.sqrt().float().cpu().numpy(), spread=spread
        )
        return replace(measured, limits=_limits(measured.distances(points, centroids)))

    @classmethod
    def _plain(
        cls, n_clusters: int, n_features: int, *, spread: float = 1.0
    ) -> Novelty:
        """All directions and all clusters alike."""
        nothing = np.zeros((0, n_features), dtype=np.float32)
        scales = np.ones(n_clusters, dtype=np.float32)
        return cls(nothing, nothing[:, 0], scales, spread, (spread, spread))

    def with_more(self, n_clusters: int) -> Novelty:
        """The same with more clusters, whose spread is taken to be that of all."""
        more = np.ones(n_clusters, dtype=np.float32)
        return replace(self, scales=np.append(self.scales, more))

    def warp(self, points: Tensor) -> Tensor:
        """Points in the space in which distances are measured."""
        directions = torch.tensor(self.directions, device=points.device)
        weights = torch.tensor(self.weights, device=points.device)
        parts = steady_linear(points, directions) * (1 - weights)
        return points - steady_linear(parts, directions.T)

    def distances(self, points: Tensor, centroids: Tensor) -> Tensor:
        """To the nearest centroid in this metric, of shape (n_points,)."""
        centres = self.warp(centroids)
        scales = torch.tensor(self.scales, device=points.device)
        norms = centres.square().sum(1)
        distances = torch.empty(len(points), device=points.device)
        for rows in blocks(points, centroids):
            warped = self.warp(points[rows])
            squares = warped.square().sum(1, keepdim=True) + norms
            squares -= 2 * steady_linear(warped, centres)
            nearest = (squares / scales.square()).argmin(1)
            apart = (warped - centres[nearest]).norm(dim=1)  # differences are exact
            distances[rows] = apart / scales[nearest]
        return distances


def _principal(residuals: Tensor) -> tuple[Tensor, Tensor]:
    """Directions in which the points vary most, and how much each is to count."""
    n, n_features = residuals.shape
    total = residuals.double().square().sum()
    if total == 0:
        return residuals[:0], residuals.new_zeros(0)
    n_directions = min(_DIRECTIONS, n, n_features)
    _, sizes, directions = torch.svd_lowrank(residuals, n_directions, niter=4)
    variances = sizes.double().square()
    n_others = max(1, n_features - n_directions)
    others = (total - variances.sum()).clamp(min=0) / n_others
    mean = total / n_features
    weights = ((others + mean) / (variances + mean)).sqrt().clamp(max=1)
    return directions.T.contiguous(), weights.float()


def _spread(distances: Tensor) -> float:
    return max(_LEAST, float(distances.double().square().mean().sqrt()))


def _limits(distances: Tensor) -> tuple[float, float]:
    low, high = np.quantile(distances.cpu().numpy(), _QUANTILES, method="higher")
    return max(_LEAST, float(low)), max(_LEAST, float(high))
