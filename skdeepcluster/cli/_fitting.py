"""Fitting, and what is shown and heard meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn import callback

from skdeepcluster.cli._scores import Scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdeepcluster import DeepClusterCategorizer


def fit(
    est: DeepClusterCategorizer,
    images: NDArray[Any],
    labels: NDArray[Any] | None,
    *others: Any,
) -> None:
    """Fit with a progress bar, scores if there are labels, and other callbacks."""
    callbacks = [callback.ProgressBar(), _SayWhereItGoesOn(), *others]
    callbacks += [] if labels is None else [Scores(labels)]
    est.set_callbacks(*callbacks).fit(images, labels)


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
