"""The embeddings to cluster: computed anew in every epoch, or kept in a bank."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from skdeepcluster._engine.augment import View
from skdeepcluster._engine.ranks import ALONE, Ranks


class Pass(Protocol):
    """Embeds all images, or a process's share of them, as `view` shows them."""

    def __call__(
        self, *, view: View | None = None, first: int | None = None
    ) -> Tensor: ...


class Memory:
    """A random view of each image, embedded anew in every epoch.

    Of several processes, each has the embeddings of its share.
    """

    def __init__(
        self, embed: Pass, view: View | None, n_images: int, ranks: Ranks = ALONE
    ) -> None:
        self.embed, self.view, self.ranks = embed, view, ranks
        self.own = ranks.share(n_images).rows

    def recall(self) -> Tensor:
        """Embeddings of shape (n_images, n_features), or the own share."""
        return self.embed(view=self.view)

    def keep(self, batch: Tensor, embeddings: Tensor, n_views: int) -> None:
        """Keep embeddings of a batch, or a share of it, that training computed."""

    def kept(self) -> Tensor | None:
        """The embeddings that are kept, if any."""
        return None

    def put_back(self, rows: Tensor | None) -> None:
        """Replace what is kept by what `kept` gave."""

    def drop(self) -> None:
        """Forget everything, once nothing will be recalled any more."""


class Clean(Memory):
    """The images as they are, embedded anew in every epoch."""

    def recall(self) -> Tensor:
        """Embeddings of shape (n_images, n_features), or the own share."""
        return self.embed()


class Bank(Memory):
    """A bank of the embeddings from training, as in DeepCluster-v2; first of views."""

    rows: Tensor | None = None

    def recall(self) -> Tensor:
        """Embeddings of shape (n_images, n_features), or the own share."""
        if self.rows is None:
            self.rows = super().recall()
        return self.rows

    def keep(self, batch: Tensor, embeddings: Tensor, n_views: int) -> None:
        """Replace rows by the mean embedding of each image's views."""
        if self.rows is None:
            return
        found = embeddings.detach().float()
        index = batch.repeat(n_views)
        if self.ranks.size > 1:
            found = self.ranks.views(found, len(batch), n_views)
            is_own = (index >= self.own.start) & (index < self.own.stop)
            index, found = index[is_own] - self.own.start, found[is_own]
        keep_means(self.rows, index, found)

    def kept(self) -> Tensor | None:
        """The rows."""
        return self.rows

    def put_back(self, rows: Tensor | None) -> None:
        """Replace the rows by those that `kept` gave."""
        self.rows = rows

    def drop(self) -> None:
        """Forget all rows."""
        self.rows = None


MEMORIES: dict[str, type[Memory]] = {"views": Memory, "images": Clean, "bank": Bank}


def keep_means(bank: Tensor, index: Tensor, embeddings: Tensor) -> None:
    """Replace rows of a bank by the mean embedding of each image's views."""
    times = bank.new_zeros(len(bank)).index_add_(0, index, bank.new_ones(len(index)))
    bank.index_fill_(0, index, 0)
    bank.index_add_(0, index, embeddings / times[index].unsqueeze(1))
