"""Repeating an epoch in which learning diverged, with a lower learning rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from skdeepcluster._engine.alternation import Alternation
from skdeepcluster._engine.clustering import Clustering, DivergenceError
from skdeepcluster._engine.epoch import Epoch
from skdeepcluster._engine.ranks import Ranks
from skdeepcluster._engine.runtime import clock
from skdeepcluster._engine.state import State, restore, state_of

MOST_HALVINGS = 3


class Recovery:
    """The epochs of a loop; one that diverges is repeated at half the learning rate.

    Parameters
    ----------
    loop : Alternation

    Attributes
    ----------
    gave_up : bool
        Whether the rate was halved `MOST_HALVINGS` times without success. The loop is
        then as it was before the epoch that diverged.
    """

    def __init__(self, loop: Alternation) -> None:
        self.loop = loop
        self.gave_up = False
        self._before: State | None = None

    def epochs(self, epoch: Epoch | None = None) -> Iterator[Epoch]:
        """Learn; the caller may stop after any epoch.

        Parameters
        ----------
        epoch : Epoch or None
            Where to continue; None begins with the first.

        Raises
        ------
        DivergenceError
            If the embeddings were not finite before anything was learnt.
        """
        first = 0 if epoch is None else epoch.number
        if epoch is not None and self.loop.is_over(epoch):
            first, epoch = first + 1, None
        for number in range(first, self.loop.descent.n_epochs):
            epoch = self._turn(number, epoch)
            if epoch is None:
                return
            yield epoch
            epoch = None

    def final(self, last: Epoch | None) -> tuple[Clustering, Tensor | None]:
        """Like the loop's; if that diverges, from the state before the last epoch.

        Raises
        ------
        DivergenceError
            If there is no such state.
        """
        if self._before is not None:
            self._before.tensors.pop("memory", None)  # as large as the embeddings
        try:
            return self.loop.final(last)
        except DivergenceError:
            self._give_up()
            return self.loop.final(last)

    def _turn(self, number: int, epoch: Epoch | None) -> Epoch | None:
        """Do an epoch, or the rest of it; None if it diverges every time."""
        descent = self.loop.descent
        try:
            epoch = self.loop.begin(number) if epoch is None else epoch
        except DivergenceError:
            self._give_up()
            return None
        self._before = state_of(self.loop, epoch).copied()
        device = self.loop.images.device
        while True:
            start = clock(device)
            try:
                self.loop.train(epoch)
                check_finite(self.loop, epoch)
                some = self.loop.embed(first=descent.batch_size)
                _check_norms(some, self.loop.memory.kept(), ranks=self.loop.ranks)
            except DivergenceError:
                if descent.n_halvings == MOST_HALVINGS:
                    self._give_up()
                    return None
                n_halvings = descent.n_halvings + 1
                epoch = restore(self.loop, self._before)
                descent.n_halvings = n_halvings
                epoch.learning_rate = descent.set_rates(number, epoch.stage)
            else:
                epoch.seconds = (*epoch.seconds[:2], clock(device) - start)
                return epoch

    def _give_up(self) -> None:
        if self._before is None:
            raise DivergenceError
        n_halvings = self.loop.descent.n_halvings
        restore(self.loop, self._before)
        self.loop.descent.n_halvings = n_halvings  # as often as it was tried
        self.gave_up = True


def check_finite(loop: Alternation, epoch: Epoch) -> None:
    """Raise DivergenceError if the loss or a weight is not finite."""
    weights = [*loop.backbone.body.state_dict().values()]
    weights += [*loop.backbone.neck.parameters(), *loop.descent.head.parameters()]
    _check([epoch.total, *weights], loop.ranks)


def _check_norms(*embeddings: Tensor | None, ranks: Ranks) -> None:
    """What the next clustering checks: squares can be too large for a number."""
    _check([rows.norm(dim=1) for rows in embeddings if rows is not None], ranks)


def _check(tensors: Iterable[Tensor], ranks: Ranks) -> None:
    if ranks.any(not all(bool(torch.isfinite(each).all()) for each in tensors)):
        raise DivergenceError
