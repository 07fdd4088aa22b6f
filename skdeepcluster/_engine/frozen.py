"""What a frozen network makes of views of each image, to train a head on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skdeepcluster._engine.augment import View
from skdeepcluster._engine.embedding import embed
from skdeepcluster._engine.images import Images
from skdeepcluster._engine.layers import for_evaluation
from skdeepcluster._engine.ranks import ALONE, Ranks, Share
from skdeepcluster._engine.runtime import fits_on

N_VIEWS = 4
"""Views of each image that are kept; two of them are seen in a step."""

_BYTES = 2  # of float16


class Features:
    """Features of views of each image, in place of the images.

    Parameters
    ----------
    network : torch.nn.Module
        Pixels → features; it is not trained.
    images : Images
    view : callable or None
        Draws a random view of each image of a batch; None keeps each as it is, once.
    batch_size : int
    precision : {"float32", "bfloat16"}
        Of the network.
    ranks : Ranks
        Each process computes its share, and keeps those of all.

    Attributes
    ----------
    kept : Tensor of shape (n_images, n_views, n_features), float16
        On the device if that is a GPU with room for it.
    """

    def __init__(
        self,
        network: nn.Module,
        images: Images,
        view: View | None,
        *,
        batch_size: int,
        precision: str,
        ranks: Ranks = ALONE,
    ) -> None:
        self.device = images.device
        self.ranks = ranks
        self.batch_size = batch_size
        n_views = 1 if view is None else N_VIEWS
        most = torch.finfo(torch.float16).max
        for place in range(n_views):
            features = embed(
                network,
                images,
                batch_size=batch_size,
                precision=precision,
                view=view,
                ranks=ranks,
            )
            features = ranks.rows(features, len(images))
            if place == 0:
                shape = (len(images), n_views, features.shape[1])
                n_bytes = _BYTES * shape[0] * shape[1] * shape[2]
                at = self.device if fits_on(self.device, n_bytes) else "cpu"
                self.kept = torch.empty(shape, dtype=torch.float16, device=at)
            self.kept[:, place] = features.clamp(-most, most)

    def __len__(self) -> int:
        return len(self.kept)

    def batches(self, indices: Sequence[Tensor]) -> Iterator[Tensor]:
        """Features of all views of some images after another, float32."""
        for index in indices:
            yield self._of(index.to(self.kept.device))

    def projected(self, head: nn.Module, first: int | None = None) -> Tensor:
        """What a head makes of a random view of all images, or of the first ones.

        Of several processes, each has its share.
        """
        n_images = len(self) if first is None else min(first, len(self))
        found = []
        with torch.no_grad():
            network = for_evaluation(head)
            for rows, share in self.ranks.batches(n_images, self.batch_size):
                found.append(network(some_views(self._of(rows), 1, share)))
        return torch.cat(found)

    def _of(self, rows: slice | Tensor) -> Tensor:
        return self.kept[rows].to(self.device).float()


@dataclass(frozen=True)
class KeptViews:
    """What a head sees of a batch of `Features`, in place of `Views`.

    Parameters
    ----------
    draw : callable or None
        What drew the views that are kept.
    n : int or None
        Number of views of each image in a step; None uses that which is wanted.
    """

    draw: View | None
    n: int | None = None

    def number(self, n_wanted: int) -> int:
        """Number of views of each image; one if no others were kept."""
        if self.draw is None:
            return 1
        return n_wanted if self.n is None else self.n

    def __call__(self, features: Tensor, n_views: int, share: Share) -> Tensor:
        """One view of all these images of a batch after another."""
        if self.draw is None:
            return features[:, 0]
        return some_views(features, n_views, share)


def some_views(features: Tensor, n: int, share: Share) -> Tensor:
    """`n` random views of each image, all different if that many are kept.

    Parameters
    ----------
    features : Tensor of shape (n_images, n_kept, n_features)
    n : int
    share : Share
        Which images of a batch these are.

    Returns
    -------
    Tensor of shape (n * n_images, n_features)
        One view of all images after another.
    """
    n_images, n_kept = features.shape[:2]
    drawn = torch.rand(share.n, n_kept, device=features.device)[share.rows]
    order = drawn.argsort(1)
    rows = torch.arange(n_images, device=features.device)
    return torch.cat([features[rows, order[:, k % n_kept]] for k in range(n)])


@dataclass(frozen=True)
class HeadPass:
    """Embeds all images with a frozen network and its head; see `memory.Pass`.

    Parameters
    ----------
    network : torch.nn.Module
        Both, one after the other.
    head : torch.nn.Module
    images : Images
    features : Features
        Of the images.
    precision : {"float32", "bfloat16"}
        Of the network.
    """

    network: nn.Module
    head: nn.Module
    images: Images
    features: Features
    precision: str

    def __call__(self, *, view: View | None = None, first: int | None = None) -> Tensor:
        """From kept features, but of all images as they are, which none are kept of."""
        if view is not None or first is not None:
            return self.features.projected(self.head, first)
        return embed(
            self.network,
            self.images,
            batch_size=self.features.batch_size,
            precision=self.precision,
            ranks=self.features.ranks,
        )
