"""Embeddings to clusters: whitening, the sphere, K-means and nearest centroids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from skdeepcluster._engine.kmeans import assign, kmeans, ward
from skdeepcluster._engine.layers import steady_linear
from skdeepcluster._engine.ranks import ALONE, Ranks

Init = Callable[[Tensor, int, Ranks], Tensor]
INITS: dict[str, Init | None] = {"random": None, "ward": ward}


class DivergenceError(ArithmeticError):
    """Embeddings are NaN or infinite."""


@dataclass(frozen=True)
class Whitening:
    """Principal components, each scaled to unit variance.

    Attributes
    ----------
    mean : Tensor of shape (n_features,)
    components : Tensor of shape (n_components, n_features)
    """

    mean: Tensor
    components: Tensor

    @classmethod
    def fit(
        cls, embeddings: Tensor, n_components: int, ranks: Ranks = ALONE
    ) -> Whitening:
        """`n_components` components, or as many as n, d and the rank allow."""
        n, d = ranks.total(embeddings), embeddings.shape[1]
        mean = ranks.mean(embeddings)
        centred = embeddings - mean
        # XᵀX and XXᵀ have the same eigenvalues; the smaller is solved. But only XᵀX is
        # a sum over images, and so over processes.
        few = n < d and ranks.size == 1
        sides = centred if few else centred.T
        products = ranks.sum(sides @ sides.T) / max(1, n - 1)
        variances, vectors = torch.linalg.eigh(products)
        rank = int((variances > variances[-1] * 1e-6).sum())
        keep = ranks.told(max(1, min(n_components, n - 1, d, rank)))
        variances = variances[-keep:].flip(0)
        components = vectors[:, -keep:].flip(1).T
        if few:
            components = F.normalize(components @ centred)
        scale = torch.where(variances > 0, variances, 1).sqrt()
        components = components / scale[:, None]
        if ranks.size > 1:
            components = ranks.from_first(components.contiguous())
        return cls(mean, components)

    def to(self, device: torch.device | str) -> Whitening:
        """The same on another device."""
        return Whitening(self.mean.to(device), self.components.to(device))

    def __call__(self, embeddings: Tensor) -> Tensor:
        return steady_linear(embeddings - self.mean, self.components)


def on_sphere(embeddings: Tensor, whitening: Whitening | None = None) -> Tensor:
    """L2-normalised rows, first whitened if asked for; a zero row stays zero."""
    if whitening is not None:
        embeddings = whitening(embeddings)
    return F.normalize(embeddings, dim=1)


@dataclass(frozen=True)
class Clustering:
    """Images assigned to centroids in the space of `on_sphere(.., whitening)`."""

    labels: Tensor
    distances: Tensor
    centroids: Tensor
    whitening: Whitening | None
    spread: float  # sum of squared distances to the mean of all images
    stand_ins: Tensor | None = None  # of these images for new ones of the same kinds


def held_out_factors(sizes: Tensor) -> Tensor:
    """How much farther a point is from the mean of the others than from that of all."""
    return sizes / (sizes - 1).clamp(min=1)


def held_out(points: Tensor, clustering: Clustering, ranks: Ranks = ALONE) -> Tensor:
    """Points as far from their centroids as if these were means of the others only.

    Of several processes, each has its share of the points, and all labels.
    """
    sizes = clustering.labels.bincount(minlength=len(clustering.centroids))
    factors = held_out_factors(sizes)
    labels = clustering.labels[ranks.share(len(clustering.labels)).rows]
    centroids = clustering.centroids[labels]
    return centroids + (points - centroids) * factors[labels, None]


@dataclass(frozen=True)
class Clusterer:
    """K-means on normalised embeddings.

    Parameters
    ----------
    n_clusters : int
    n_iter : int
        Number of Lloyd iterations.
    pca_components : int or None
        Number of principal components to whiten before, if any.
    final_init : callable or None
        Points, a number of clusters and processes → centroids that the K-means after
        the last epoch starts from; None starts from random points.
    ranks : Ranks
        Each clusters its share of the embeddings.
    """

    n_clusters: int
    n_iter: int
    pca_components: int | None = None
    final_init: Init | None = None
    ranks: Ranks = ALONE

    def number(self, wanted: int | None, n_images: int) -> int:
        """Number of clusters to find for an objective, which may leave it open.

        At most one per 10 images, or hardly any two images would share a cluster.
        """
        if wanted is None:
            return self.n_clusters
        return min(wanted, max(1, n_images // 10))

    def cluster(
        self,
        embeddings: Tensor,
        n_clusters: int | None = None,
        *,
        spherical: bool = False,
        init: Init | None = None,
    ) -> Clustering:
        """L2-normalise, run K-means, assign every image to its nearest centroid.

        Of several processes, each gives embeddings of its share, and gets the labels of
        all.

        Raises
        ------
        DivergenceError
            If an embedding is not finite.
        """
        ranks = self.ranks
        if ranks.any(not embeddings.norm(dim=1).isfinite().all()):
            raise DivergenceError
        n_clusters = n_clusters or self.n_clusters
        whitening = None
        if self.pca_components is not None:
            whitening = Whitening.fit(embeddings, self.pca_components, ranks)
        points = on_sphere(embeddings, whitening)
        seed = int(torch.randint(2**31 - 1, ()))
        centroids = kmeans(
            points,
            n_clusters,
            n_iter=self.n_iter,
            seed=seed,
            spherical=spherical,
            init=None if init is None else init(points, n_clusters, ranks),
            ranks=ranks,
        )
        labels, distances = assign(points, centroids)
        _, from_mean = assign(points, ranks.mean(points).unsqueeze(0))
        spread = float(ranks.sum(from_mean.double().square().sum()))
        n = ranks.total(points)
        labels, distances = ranks.rows(labels, n), ranks.rows(distances, n)
        return Clustering(labels, distances, centroids, whitening, spread)

    def finish(
        self, clustering: Clustering, embeddings: Tensor, views: Tensor | None
    ) -> tuple[Clustering, Tensor | None]:
        """Add stand-ins for new images, and normalise the embeddings.

        Both are large: of several processes, each gives its share, and only the first
        gets them.

        Parameters
        ----------
        clustering : Clustering
            Of the embeddings.
        embeddings : Tensor of shape (n_images, n_features)
            Of the images as they are.
        views : Tensor of shape (n_images, n_features) or None
            Embeddings of a view of each, if there are views.
        """
        points = on_sphere(embeddings, clustering.whitening)
        if views is None:
            stand_ins = held_out(points, clustering, self.ranks)
        else:
            stand_ins = on_sphere(views, clustering.whitening)
        n, to_first = len(clustering.labels), self.ranks.to_first
        return replace(clustering, stand_ins=to_first(stand_ins, n)), to_first(
            points, n
        )
