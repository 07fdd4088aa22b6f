"""What the command line and a fit tell each other, so that little is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skdeepcluster._checkpoint import Checkpoint

TERMINATED = 128 + 15  # the exit code of what SIGTERM has ended


@dataclass
class Interruption:
    """What the command line, which alone handles signals, and `fit` have to know.

    Attributes
    ----------
    is_training : bool
        Whether `fit` will look at `terminated` after the step, or the epoch. Otherwise
        the handler ends the process by itself: nothing is lost that a checkpoint could
        keep.
    terminated : bool
        Whether SIGTERM came while it was.
    kept : list of Checkpoint or None
        Those of fits that have ended, for the command line to remove once the results
        are written; None has `fit` remove them.
    noted : dict of str to list of float
        Figures of each epoch that the command line adds to the history. A checkpoint
        holds them, too.
    between_steps : callable or None
        What the command line does between two steps of training.
    """

    is_training: bool = False
    terminated: bool = False
    kept: list[Checkpoint] | None = None
    noted: dict[str, list[float]] = field(default_factory=dict)
    between_steps: Callable[[], None] | None = None

    def begin(self, kept: list[Checkpoint] | None) -> None:
        """Forget all that was before a command, or during it."""
        self.is_training = self.terminated = False
        self.kept, self.noted = kept, {}


current = Interruption()
