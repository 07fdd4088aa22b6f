"""New clusters among new images that no cluster of a model holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster import hierarchy
from torch import Tensor

from skdeepcluster._engine import runtime
from skdeepcluster._engine.clustering import held_out_factors
from skdeepcluster._engine.kmeans import assign, kmeans, ward
from skdeepcluster._engine.model import Model

_SMALLEST = 5  # images of a new cluster
_MAJORITY = 0.6  # of them that have to be doubtful
_REACHES = (1.0, 1.25, 1.5)  # widths of groups, in that of old clusters
_GROUPED = 5000  # images at a time: their distances take 100 MB
_N_ITER = 6


def grow(
    model: Model, embedding: NDArray[np.float32], n_new_clusters: int | None = None
) -> Model:
    """The same model with new clusters of images that are unlike the old, and alike.

    Images beyond the lower limit of `Novelty` are grouped by average linkage, up to
    the distance that two images of an old cluster have; those beyond the upper limit
    that are left, up to larger ones. The means of the groups
    join the old centroids, which stay, in some iterations of K-means on all images.
    Before and after each, a new cluster is dropped if few images are nearer to the
    mean of its others than to the old centroids, or if most of its images are within
    the limit: those are images of old kinds. So a group needs less evidence than a
    single outlier.

    Parameters
    ----------
    model : Model
    embedding : ndarray of shape (n_images, n_embedding), float32
        Of new images.
    n_new_clusters : int or None
        Number of clusters to add; None decides by itself.

    Returns
    -------
    Model
        The same object if there is nothing to add.

    Raises
    ------
    ValueError
        If there are fewer images of new kinds than clusters to add, or a cluster would
        have no image.
    """
    with runtime.session(model.device, seed=0):
        points = torch.tensor(embedding, device=model.device)
        old = torch.tensor(model.centroids, device=model.device)
        distances = model.novelty.distances(points, old)
        # A network was not trained to bring images of a new kind together, so these
        # may be wider. Wider groups of doubtful images would hold old kinds, too.
        is_doubtful, is_outlier = (distances > limit for limit in model.novelty.limits)
        growth = _Growth(points, old, is_doubtful)
        found = old[:0]
        for reach in _REACHES:
            left = is_doubtful if reach == _REACHES[0] else is_outlier
            left = left & (growth.labels(found) < len(old))
            groups = _groups(model, points[left], reach)
            found = growth.settle(torch.cat([found, groups]), is_judged=True)
        if n_new_clusters is not None:
            is_new = growth.labels(found) >= len(old)
            if int(is_new.sum()) < n_new_clusters:
                is_new |= distances > model.novelty.limits[1]
            means = _divided(points[is_new], n_new_clusters)
            found = growth.settle(means, is_judged=False)
            n_found = int((growth.labels(found).unique() >= len(old)).sum())
            if n_found < n_new_clusters:
                raise ValueError(
                    f"n_new_clusters={n_new_clusters} cannot be made: only {n_found} "
                    "of these groups of images would be nearer to their mean than to "
                    "an old cluster; ask for another number, or leave it out."
                )
        if len(found) == 0:
            return model
        more = np.concatenate([model.centroids, found.cpu().numpy()])
        novelty = model.novelty.with_more(len(found))
        return replace(model, centroids=more, novelty=novelty)


def _groups(model: Model, doubtful: Tensor, reach: float) -> Tensor:
    """Means of groups of images as near each other as those of a cluster so wide."""
    means = [doubtful[:0]]
    warped = model.novelty.warp(doubtful)
    # Two images are √2 times as far from each other as from their mean.
    farthest = np.sqrt(2) * reach * model.novelty.spread
    for part in _parts(warped):
        tree = hierarchy.linkage(torch.pdist(warped[part]).cpu().numpy(), "average")
        groups = hierarchy.fcluster(tree, farthest, "distance") - 1
        labels = torch.from_numpy(groups.astype(np.int64)).to(doubtful.device)
        sizes = labels.bincount()
        sums = doubtful.new_zeros(len(sizes), doubtful.shape[1])
        sums.index_add_(0, labels, doubtful[part])
        means.append((sums / sizes.unsqueeze(1))[sizes >= _SMALLEST])
    return torch.cat(means)


def _parts(points: Tensor) -> Iterator[Tensor]:
    """Indices of neighbouring points, few enough for all their distances."""
    waiting = [torch.arange(len(points), device=points.device)]
    while waiting:
        part = waiting.pop()
        if len(part) < _SMALLEST:
            continue
        if len(part) <= _GROUPED:
            yield part
            continue
        n_parts = -(-len(part) // _GROUPED)
        centroids = kmeans(points[part], n_parts, n_iter=10, seed=0)
        labels, _ = assign(points[part], centroids)
        sizes = labels.bincount(minlength=n_parts)
        if int(sizes.max()) == len(part):  # all of one place: some stand for all
            yield part[:_GROUPED]
            continue
        waiting.extend(part[labels == number] for number in range(n_parts))


def _divided(images: Tensor, n_clusters: int) -> Tensor:
    """Means of a given number of groups."""
    if len(images) < n_clusters:
        raise ValueError(
            f"n_new_clusters={n_clusters} cannot be made of {len(images)} images that "
            "are unlike all clusters; ask for fewer, or leave it out."
        )
    return images if len(images) == n_clusters else ward(images, n_clusters)


class _Growth:
    """K-means of which the old centroids stay."""

    def __init__(self, points: Tensor, old: Tensor, is_doubtful: Tensor) -> None:
        self.points = points
        self.n_old = len(old)
        self.old_labels, self.old_distances = assign(points, old)
        self.is_doubtful = is_doubtful
        norms = old.norm(dim=1)
        self.is_spherical = bool(torch.allclose(norms, torch.ones_like(norms)))

    def labels(self, new: Tensor) -> Tensor:
        """The nearest of the old and the new centroids."""
        rows, theirs, _ = self._taken(new)
        return self.old_labels.index_put((rows,), theirs + self.n_old)

    def _taken(self, new: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The images that are nearer to a new centroid, to which, and how far."""
        if len(new) == 0:
            return self.old_labels[:0], self.old_labels[:0], self.old_distances[:0]
        labels, distances = assign(self.points, new)
        rows = (distances < self.old_distances).nonzero().squeeze(1)
        return rows, labels[rows], distances[rows]

    def settle(self, means: Tensor, *, is_judged: bool) -> Tensor:
        """New centroids from where means lie, those of most images first."""
        new = self._on_sphere(means)
        for _ in range(_N_ITER):
            new = self._moved(self._kept(new, is_judged))
        return self._kept(new, is_judged)

    def _kept(self, new: Tensor, is_judged: bool) -> Tensor:
        """All, or those that have enough images, most of them doubtful.

        An image counts if it is nearer to the mean of the others than to the old
        centroids: some images that differ from each other as much as from the old
        ones have a mean that is near each of them, too.
        """
        rows, theirs, distances = self._taken(new)
        sizes = theirs.bincount(minlength=len(new))
        held_out = distances * held_out_factors(sizes)[theirs]
        is_alike = held_out < self.old_distances[rows]
        n_alike = theirs[is_alike].bincount(minlength=len(new))
        n_doubtful = theirs[is_alike & self.is_doubtful[rows]].bincount(
            minlength=len(new)
        )
        is_kept = (n_alike >= _SMALLEST) & (n_doubtful >= _MAJORITY * sizes)
        is_kept |= not is_judged
        order = sizes.argsort(descending=True, stable=True)
        return new[order[is_kept[order]]]

    def _moved(self, new: Tensor) -> Tensor:
        """The means of their images; those that have none stay."""
        rows, theirs, _ = self._taken(new)
        sizes = theirs.bincount(minlength=len(new)).unsqueeze(1)
        sums = torch.zeros_like(new).index_add_(0, theirs, self.points[rows])
        means = torch.where(sizes > 0, sums / sizes.clamp(min=1), new)
        return self._on_sphere(means)

    def _on_sphere(self, means: Tensor) -> Tensor:
        """Of length 1 if the old centroids are: spherical K-means made them."""
        return torch.nn.functional.normalize(means) if self.is_spherical else means
