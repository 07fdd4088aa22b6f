"""A fit in progress: the loop, its history, and warnings about it."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from skdeepcluster._doubts import Doubts, followed_by
from skdeepcluster._engine.alternation import Alternation
from skdeepcluster._engine.clustering import Clustering
from skdeepcluster._engine.epoch import Epoch
from skdeepcluster._engine.objective import Objective
from skdeepcluster._engine.recovery import Recovery
from skdeepcluster._history import History
from skdeepcluster._stopping import Stability


class Learning:
    """A fit in progress.

    Parameters
    ----------
    loop : Alternation
    stopping : Stability or None
        When to stop before all epochs are done.

    Attributes
    ----------
    history : History
    doubts : Doubts
    epoch : Epoch or None
        The last one; only partly done if a fit resumes in the middle of it.
    """

    def __init__(self, loop: Alternation, stopping: Stability | None = None) -> None:
        self.loop = loop
        self.stopping = stopping
        self.history = History()
        self.doubts = Doubts(loop.clusterer.n_clusters, followed_by(loop))
        self.epoch: Epoch | None = None
        self._recovery = Recovery(loop)

    def epochs(self) -> Iterator[Epoch]:
        """Learn, and record each epoch, until all are done; the caller may stop."""
        descent = self.loop.descent
        for epoch in self._recovery.epochs(self.epoch):
            self.epoch = epoch
            self.history.append(epoch)
            self.doubts.of_rate(descent.n_halvings, descent.learning_rate)
            self.doubts.after(epoch, len(self.history))
            yield epoch

    def final(self) -> tuple[Clustering, Tensor | None]:
        """The final clusters and embeddings of the images; see `Alternation.final`."""
        return self._recovery.final(self.epoch if len(self.history) else None)

    def say_doubts(self, clustering: Clustering) -> None:
        """Warn if the final clusters seem to be of little use."""
        n_halvings, n_epochs = self.loop.descent.n_halvings, len(self.history)
        if self._recovery.gave_up:
            self.doubts.gave_up(n_halvings, n_epochs)
        elif n_epochs:
            self.doubts.at_the_end(clustering, *self._last_judged(), n_epochs)

    def _last_judged(self) -> tuple[Objective, float]:
        """The last objective that does not learn clusters, if any, and its loss."""
        losses = self.history.values["loss"]
        for number in range(len(losses) - 1, -1, -1):
            stage = self.loop.objective.stage(number, self.loop.descent.n_epochs)
            if not stage.objective.learns_clusters:
                break
        return stage.objective, losses[number]

    def is_enough(self) -> bool:
        """Whether the assignments are as stable as asked for."""
        values = self.history.values
        if self.stopping is None:
            return False
        found = self.stopping._is_reached(
            values["nmi_previous"], values["purity_previous"]
        )
        return self.loop.ranks.told(found)
