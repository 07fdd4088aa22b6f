"""Fitting, and writing what was found."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn import callback

from skdeepcluster._assembly import auto_size, n_epochs_of
from skdeepcluster._interruption import current
from skdeepcluster._results import Results
from skdeepcluster.cli._saying import say_clusters, say_written
from skdeepcluster.cli._scores import Scores
from skdeepcluster.cli._signals import StopWhenInterrupted
from skdeepcluster.cli._turns import TakeTurns
from skdeepcluster.review._assignment import Assignment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdeepcluster import DeepClusterCategorizer
    from skdeepcluster.cli._reading import Found


def sort(
    est: DeepClusterCategorizer,
    output: Path,
    found: Found,
    labels: NDArray[Any] | None,
) -> None:
    """Fit, write the results as soon as possible, and say what was found.

    OUT keeps a checkpoint until they are written, and after Ctrl-C also afterwards.
    """
    results = Results(output)
    height, width = found.images.shape[1:3]
    told = f"{len(found.images):,} images of {height} × {width} pixels"
    if est.image_size == "auto":
        size = auto_size(est, height, width)
        told += f", which the network sees at {size[0]} × {size[1]}"
    print(told, flush=True)

    checkpoint = output / "checkpoint"
    est.set_params(checkpoint=checkpoint)
    stop = StopWhenInterrupted()
    scores = None if labels is None else Scores(labels)
    callbacks = [callback.ProgressBar(), _SayWhereItGoesOn(), stop, TakeTurns()]
    callbacks += [] if scores is None else [scores]
    start = time.perf_counter()
    est.set_callbacks(*callbacks).fit(found.images, labels)
    seconds = time.perf_counter() - start
    est.reader_ = found.reader
    results.write_model(est, "the model, for new images")
    assignment = Assignment.of(est, found.images, est.embedding_)
    table = found.names.assign(cluster=assignment.labels, distance=assignment.distances)
    results.write_clusters(table, "each image's cluster and distance to its centre")
    results.write_page(found.images, assignment, est.cluster_centers_)
    of_epochs = {} if scores is None else scores.of_epochs(est.n_epochs_)
    results.draw(found.images, assignment, est, of_epochs)
    results.remove_unfinished()
    goes_on = stop.asked and est.n_epochs_ < n_epochs_of(est, len(found.images))
    if not goes_on:
        _remove(checkpoint)
    say_clusters(est, seconds, labels)
    if goes_on:
        print(f"The same command continues from there, with {checkpoint}.")
    print()
    say_written(results, found)


def _remove(checkpoint: Path) -> None:
    """Remove finished checkpoints, and the folder if nothing else is in it."""
    for each in current.kept or ():
        each.remove()
    with suppress(OSError):  # another fit has not ended
        checkpoint.rmdir()


class _SayWhereItGoesOn:
    """Print where a fit continues, if it does not begin with the first epoch."""

    def setup(self, estimator: Any, context: Any) -> None:
        self._has_begun = False

    def teardown(self, estimator: Any, context: Any) -> None: ...

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        if context.task_name != "epoch" or self._has_begun:
            return
        self._has_begun = True
        if context.task_id > 0:
            n_epochs = context.parent.max_subtasks
            told = f"continues from epoch {context.task_id + 1} of {n_epochs}"
            print(told, flush=True)

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        if context.parent is None and estimator.n_epochs_ and not self._has_begun:
            print(f"all {estimator.n_epochs_} epochs are already done", flush=True)
