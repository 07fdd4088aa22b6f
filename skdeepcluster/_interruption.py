"""What the command line and a fit tell each other about interruptions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skdeepcluster._checkpoint_file import CheckpointFile

TERMINATED = 128 + 15  # the exit code of what SIGTERM has ended


@dataclass
class Interruption:
    """What `fit` and the command line, which alone handles signals, have to know.

    Attributes
    ----------
    is_training : bool
        Whether `fit` will check `terminated` after the step or the epoch. Otherwise the
        handler ends the process itself, as there is nothing for a checkpoint to keep.
    terminated : bool
        Whether SIGTERM came while training.
    kept : list of CheckpointFile or None
        Checkpoints of fits that have ended, for the command line to remove once the
        results are written; with None, `fit` removes them.
    noted : dict of str to list of float
        Figures of each epoch that the command line adds to the history. A checkpoint
        holds them too.
    between_steps : callable or None
        What the command line does between two steps of training.
    """

    is_training: bool = False
    terminated: bool = False
    kept: list[CheckpointFile] | None = None
    noted: dict[str, list[float]] = field(default_factory=dict)
    between_steps: Callable[[], None] | None = None

    def begin(self, kept: list[CheckpointFile] | None) -> None:
        """Forget all that was before a command, or during it."""
        self.is_training = self.terminated = False
        self.kept, self.noted = kept, {}


current = Interruption()
