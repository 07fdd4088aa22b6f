"""The epochs of a fit as tasks of scikit-learn's callbacks, which may stop it."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from numpy.typing import ArrayLike
from sklearn.callback import CallbackContext
from torch import nn

from skdeepcluster._engine.alternation import Alternation, Epoch
from skdeepcluster._engine.clustering import Clustering


def monitored(
    loop: Alternation,
    estimator: Any,
    context: CallbackContext,
    X: ArrayLike,
    y: ArrayLike | None,
    fitted_as: Callable[[Clustering, nn.Module], dict[str, Any]],
    is_enough: Callable[[], bool],
) -> Iterator[Epoch]:
    """The epochs of a loop, until a callback asks to stop or it is enough.

    Parameters
    ----------
    loop : Alternation
    estimator : estimator
        What callbacks are told is being fitted.
    context : sklearn.callback.CallbackContext
        Of `fit`.
    X, y : array-like
        What `fit` was given.
    fitted_as : callable
        A clustering and a network → the attributes of an estimator fitted so far.
    is_enough : callable
        Whether to stop, asked after each epoch.
    """
    body = loop.backbone.body
    epochs = loop.epochs()
    for _ in range(loop.descent.n_epochs):
        task = context.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
        # Training goes on changing the network that made the epoch's clusters.
        network = copy.deepcopy(body) if _network_is_asked_for(estimator) else body
        epoch = next(epochs)
        yield epoch
        so_far = functools.partial(fitted_as, epoch.clustering, network)
        asked_to_stop = task.call_on_fit_task_end(
            estimator=estimator, X=X, y=y, reconstruction_attributes=so_far
        )
        if asked_to_stop or is_enough():
            return


def _network_is_asked_for(estimator: Any) -> bool:
    """Whether a callback wants a fitted estimator: networks are copied for it."""
    return any(
        "fitted_estimator" in inspect.signature(callback.on_fit_task_end).parameters
        for callback in getattr(estimator, "_skl_callbacks", [])
    )
