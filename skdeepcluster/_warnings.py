"""The texts of warnings, and the line of code that they point to."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import joblib
import sklearn
from sklearn.exceptions import ConvergenceWarning

# scikit-learn wraps fit, and calls it in pipelines and, through joblib, in searches.
_INSIDE = tuple(
    f"{Path(file).parent}{os.sep}"
    for file in (__file__, sklearn.__file__, joblib.__file__)
)


class CollapseWarning(ConvergenceWarning):
    """One cluster takes nearly all images, or the network does not learn them."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn with the line that called the library, however deep the call is."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_code.co_filename.startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


class Followed(NamedTuple):
    """Which advice a fit follows already, so that no warning gives it."""

    few_clusters: bool = False
    """There are only two."""
    small_batches: bool = False
    """`batch_size` is at most 64."""
    no_augmentation: bool = False
    standardized: bool = False
    """Over the whole set."""
    float32: bool = False


def collapse(found: str, followed: Followed) -> str:
    """Clusters have become meaningless; `found` names the sign of it."""
    advice = {
        "smaller batches (batch_size=64)": followed.small_batches,
        "another learning_rate": False,
        "milder augmentation": followed.no_augmentation,
        "fewer clusters": followed.few_clusters,
        "standardize='dataset'": followed.standardized,
    }
    new = ", ".join(text for text, is_followed in advice.items() if not is_followed)
    return (
        f"The clusters seem to have collapsed: {found}. Try {new} or the defaults, "
        "which collapse least. If nearly all images are alike, this is expected."
    )


def little_learnt(loss: float, guessing: float, followed: Followed) -> str:
    """The loss of the last epoch is nearly that of guessing, in nats."""
    milder = "" if followed.no_augmentation else " Otherwise try milder augmentation."
    return (
        f"Little was learnt: the loss is {loss:.2f}, and that of guessing is "
        f"{guessing:.2f}. With few images an epoch has few steps: raise n_epochs or "
        f"lower batch_size.{milder} Pure noise cannot be learnt."
    )


def tiny_clusters(n_clusters: int, median: float) -> str:
    """Half of the clusters have hardly any images."""
    return (
        f"Half of the {n_clusters} clusters have at most {median:.0f} images, so "
        "hardly anything was grouped; try a smaller n_clusters."
    )


def mixed_clusters(n_clusters: int, share: float) -> str:
    """Most of the variance remains within the clusters."""
    return (
        f"{share:.0%} of the variance of the embedding remains within the {n_clusters} "
        "clusters, so there are probably far more kinds of images than clusters; try "
        "a larger n_clusters (the paper uses 8 times the number of categories) or "
        "more n_epochs."
    )


def diverged(learning_rate: float, followed: Followed) -> str:
    """An epoch was repeated with half of this learning rate."""
    precision = "" if followed.float32 else " or precision='float32'"
    return (
        "Learning diverged: a loss, a weight or an embedding was not finite. The epoch "
        f"was repeated with half of learning_rate={learning_rate}, and fit continues "
        f"at that rate; history_ shows the rates. A lower learning_rate{precision} may "
        "avoid this."
    )


def gave_up(n_halvings: int, n_epochs: int, followed: Followed) -> str:
    """Learning diverged however often the rate was halved."""
    precision = "" if followed.float32 else ", precision='float32'"
    tried = f", even with the rate halved {n_halvings} times," if n_halvings else ""
    return (
        f"Learning diverged{tried} and stopped; the model is the one after "
        f"{n_epochs} epochs. Try a much lower learning_rate{precision} or another "
        "standardize."
    )


def checkpoint_not_read(path: Path, reason: str) -> str:
    """A checkpoint is damaged or of another version."""
    return (
        f"The checkpoint {path} cannot be used ({reason}); the fit starts from the "
        "beginning and replaces it."
    )


def checkpoint_in_use(path: Path) -> str:
    """Two fits with the same parameters and images run at the same time."""
    return (
        f"Another process is fitting the same images with the same parameters to "
        f"{path}; this fit has no checkpoint. Give each a folder of its own."
    )


def checkpoint_not_written(path: Path, reason: str) -> str:
    """For example, the disk is full."""
    return (
        f"The checkpoint {path} cannot be written ({reason}); the fit continues, but "
        "after an interruption it would resume from an older checkpoint."
    )


def checkpoint_not_removed(path: Path, reason: str) -> str:
    """For example, the folder has become read-only."""
    return (
        f"The checkpoint {path} is no longer needed, but cannot be removed ({reason})."
    )


def gone_on_elsewhere(differing: list[str]) -> str:
    """A fit resumes with other hardware or software."""
    return (
        "The fit resumes from a checkpoint that was written with different "
        f"{', '.join(differing)}: sums may be rounded differently, so the clusters may "
        "differ from those of an uninterrupted fit."
    )


def unfinished_fits(folder: Path, n_files: int, n_bytes: int) -> str:
    """Checkpoints of unfinished fits take up space."""
    return (
        f"{folder} has {n_files} checkpoint(s) of other, unfinished fits "
        f"({n_bytes / 2**20:,.0f} MiB); skdeepcluster.remove_checkpoints removes them."
    )


def another_scale(estimator: str, mean: float, std: float) -> str:
    """Pixels are far from those of the fit, which had this mean and deviation."""
    return (
        "The pixels of X are on a very different scale from those that "
        f"{estimator} was fitted on (mean {mean:.3g}, standard deviation {std:.3g}), "
        "so the clusters may be wrong; use the same units as in fit."
    )


def put_on_the_cpu(problem: str) -> str:
    """A model's device is missing on this machine."""
    return f"{problem} The model was put on the CPU."


def told_by_parts_of_paths(folder: Path) -> str:
    """Images are not where they were when they got their names."""
    return (
        f"The images are not in the folder that those of {folder} were in, so they are "
        "told by their paths within it, as if it had been moved. If they are other "
        "images of the same names, the categories are wrong."
    )


def blank_rows(rows: list[int], n_files: int) -> str:
    """Some files give no image, so their rows stay blank."""
    some = ", ".join(map(str, rows[:10]))
    return (
        f"{len(rows)} of {n_files} files give no image, and are blank: row {some}"
        f"{', ...' if len(rows) > 10 else ''}."
    )
