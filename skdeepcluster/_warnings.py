"""What the library warns of, and whose line is blamed."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import joblib
import sklearn
from sklearn.exceptions import ConvergenceWarning

# scikit-learn wraps fit, and calls it in pipelines and, through joblib, in searches.
_INSIDE = tuple(
    f"{Path(file).parent}{os.sep}"
    for file in (__file__, sklearn.__file__, joblib.__file__)
)


class CollapseWarning(ConvergenceWarning):
    """One cluster takes nearly all images, or the clusters are not learnt."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn as from the line that called the library, however deep it is in there."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_code.co_filename.startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def collapse(found: str) -> str:
    """Clusters have become meaningless; `found` says how that shows."""
    return (
        f"The clusters seem to have collapsed: {found}. Try smaller batches "
        "(batch_size=64), another learning_rate, milder augmentation, fewer clusters, "
        "standardize='dataset' or the defaults, which collapse least; where nearly all "
        "images are alike, it is as it should be."
    )


def little_learnt(loss: float, guessing: float) -> str:
    """The loss of the last epoch is nearly that of guessing, in nats."""
    return (
        f"Little was learnt: the loss is {loss:.2f} and that of guessing "
        f"{guessing:.2f}. With few images there are few steps in an epoch: raise "
        "n_epochs, or lower batch_size. Otherwise try milder augmentation; images of "
        "noise cannot be learnt."
    )


def tiny_clusters(n_clusters: int, median: float) -> str:
    """Half of the clusters have next to no images."""
    return (
        f"Half of the {n_clusters} clusters have no more than {median:.0f} images, so "
        "that hardly anything was grouped; try a smaller n_clusters."
    )


def mixed_clusters(n_clusters: int, share: float) -> str:
    """Most of the variance is left within the clusters."""
    return (
        f"{share:.0%} of the variance of the embedding is left within the {n_clusters} "
        "clusters, so that there are probably far more kinds of images than that; try "
        "a larger n_clusters (the paper's is 8 times the number of categories), or "
        "more n_epochs."
    )


def diverged(learning_rate: float) -> str:
    """An epoch was done again at half the rate; that before is given."""
    return (
        "Learning diverged: a loss, a weight or an embedding was not finite. The epoch "
        f"was done again at half of learning_rate={learning_rate}, and fit goes on so; "
        "history_ shows the rates. A lower learning_rate or precision='float32' may "
        "avoid it."
    )


def gave_up(n_halvings: int, n_epochs: int) -> str:
    """Halving the rate so many times did not help."""
    tried = f", also with the rate halved {n_halvings} times," if n_halvings else ""
    return (
        f"Learning diverged{tried} and has ended with the {n_epochs} epochs before. "
        "Try a much lower learning_rate, precision='float32', or another standardize."
    )


def checkpoint_not_read(path: Path, reason: str) -> str:
    """A checkpoint is damaged or of another version."""
    return (
        f"The checkpoint {path} cannot be used ({reason}); the fit begins anew, and "
        "replaces it."
    )


def checkpoint_not_written(path: Path, reason: str) -> str:
    """The disk is full, say."""
    return (
        f"The checkpoint {path} cannot be written ({reason}); the fit goes on, and "
        "after an interruption from the last one that could."
    )


def checkpoint_not_removed(path: Path, reason: str) -> str:
    """The folder has become read-only, say."""
    return f"The checkpoint {path} is needed no more, and cannot be removed ({reason})."


def gone_on_elsewhere(differing: list[str]) -> str:
    """The rest of a fit is done with other hardware or software."""
    return (
        "The fit goes on from a checkpoint that was written with other "
        f"{', '.join(differing)}: sums may be rounded otherwise, so that it may end "
        "with other clusters than without the interruption."
    )


def unfinished_fits(folder: Path, n_files: int, n_bytes: int) -> str:
    """Checkpoints of fits that did not end lie about."""
    return (
        f"{folder} has {n_files} checkpoint(s) of other fits that have not ended, "
        f"{n_bytes / 2**20:,.0f} MiB; skdeepcluster.remove_checkpoints removes them."
    )


def another_scale(estimator: str, mean: float, std: float) -> str:
    """Pixels are far from those of the fit, whose mean and deviation these are."""
    return (
        "The pixels of X are on quite another scale than those that "
        f"{estimator} was fitted on (mean {mean:.3g}, standard deviation {std:.3g}), "
        "so the clusters may be wrong; give them in the units of the fit."
    )


def put_on_the_cpu(problem: str) -> str:
    """A model's device is not there."""
    return f"{problem} The model was put on the CPU."


def blank_rows(rows: list[int], n_files: int) -> str:
    """Files that give no image, by the rows that stay blank."""
    some = ", ".join(map(str, rows[:10]))
    return (
        f"{len(rows)} of {n_files} files give no image, and are blank: row {some}"
        f"{', ...' if len(rows) > 10 else ''}."
    )
