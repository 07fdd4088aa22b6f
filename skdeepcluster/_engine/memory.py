"""The embeddings to cluster: computed anew in every epoch, or kept in a bank."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from skdeepcluster._engine.embedding import View


class Pass(Protocol):
    """Embeds all images, as `view` shows them."""

    def __call__(
        self, *, view: View | None = None, first: int | None = None
    ) -> Tensor: ...


class Memory:
    """A random view of each image, embedded anew in every epoch."""

    def __init__(self, embed: Pass, view: View | None) -> None:
        self.embed, self.view = embed, view

    def recall(self) -> Tensor:
        """Embeddings of all images, of shape (n_images, n_features)."""
        return self.embed(view=self.view)

    def keep(self, index: Tensor, embeddings: Tensor) -> None:
        """Keep embeddings that training computed."""

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
        """Embeddings of all images, of shape (n_images, n_features)."""
        return self.embed()


class Bank(Memory):
    """A bank of the embeddings from training, as in DeepCluster-v2; first of views."""

    rows: Tensor | None = None

    def recall(self) -> Tensor:
        """Embeddings of all images, of shape (n_images, n_features)."""
        if self.rows is None:
            self.rows = super().recall()
        return self.rows

    def keep(self, index: Tensor, embeddings: Tensor) -> None:
        """Replace rows by the mean embedding of each image's views."""
        if self.rows is not None:
            keep_means(self.rows, index, embeddings.detach().float())

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
