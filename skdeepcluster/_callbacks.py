"""The epochs of a fit as tasks of scikit-learn's callbacks, which may stop it."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike
from sklearn.callback import CallbackContext
from torch import nn

from skdeepcluster._checkpoint import Checkpoint
from skdeepcluster._engine.clustering import Clustering
from skdeepcluster._learning import Learning


def learn(
    learning: Learning,
    checkpoint: Checkpoint | None,
    *,
    estimator: Any,
    context: CallbackContext,
    X: ArrayLike,
    y: ArrayLike | None,
    fitted_as: Callable[[Clustering, nn.Module], dict[str, Any]],
) -> None:
    """Run the epochs until all are done, or a callback or `stopping` ends them.

    Parameters
    ----------
    learning : Learning
        At its start, or where a fit resumes. No hook is called for epochs done before.
    checkpoint : Checkpoint or None
        Where its state is kept, if anywhere.
    estimator : estimator
        What callbacks are told is being fitted.
    context : sklearn.callback.CallbackContext
        Of `fit`.
    X, y : array-like
        What `fit` was given.
    fitted_as : callable
        A clustering and a network → the attributes of an estimator fitted so far.
    """
    loop, ranks = learning.loop, learning.loop.ranks
    body = loop.backbone.body
    n_before = len(learning.history)
    for _ in range(n_before):
        context.subcontext(task_name="epoch")  # so that numbers of tasks go on
    if checkpoint is not None:
        loop.after_step = functools.partial(checkpoint.after_step, learning)
    epochs = learning.epochs()
    for _ in range(n_before, loop.descent.n_epochs):
        if learning.is_enough():
            break
        task = context.subcontext(task_name="epoch")
        # Only the first process calls callbacks, which may draw random numbers.
        with ranks.by_itself(loop.images.device):
            task.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
        # Training goes on changing the network that made the epoch's clusters.
        network = copy.deepcopy(body) if _network_is_asked_for(estimator) else body
        epoch = next(epochs, None)
        if epoch is None:
            break
        so_far = functools.partial(fitted_as, epoch.clustering, network)
        with ranks.by_itself(loop.images.device):
            asked_to_stop = task.call_on_fit_task_end(
                estimator=estimator, X=X, y=y, reconstruction_attributes=so_far
            )
        if checkpoint is not None:
            checkpoint.after_epoch(learning, epoch)
        if ranks.any(bool(asked_to_stop)):
            return
    else:
        return
    if checkpoint is not None:  # learning has ended early by itself
        checkpoint.leave()


def _network_is_asked_for(estimator: Any) -> bool:
    """Whether a callback wants a fitted estimator, for which networks are copied."""
    return any(
        "fitted_estimator" in inspect.signature(callback.on_fit_task_end).parameters
        for callback in getattr(estimator, "_skl_callbacks", [])
    )
