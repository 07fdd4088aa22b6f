"""Parameters of the estimator as JSON, and back: nothing of it is code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from skdeepcluster import objectives
from skdeepcluster._augmentation import Augmentation
from skdeepcluster._stopping import Stability

_CLASSES: dict[str, type[BaseEstimator]] = {
    each.__name__: each
    for each in (
        Augmentation,
        Stability,
        objectives.ClusterClassification,
        objectives.CentroidClassification,
        objectives.SwappedPrediction,
    )
}


def to_json(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What of the parameters can be kept without code, and is of use to predict.

    `weights` have been learnt from, a `random_state` that is not an int cannot be
    repeated, and an objective of the user's own is code: they become None.
    """
    kept = dict(parameters)
    kept["weights"] = None
    kept["device"] = str(kept["device"])
    if not isinstance(kept["random_state"], int | np.integer):
        kept["random_state"] = None
    if not _is_known(kept["objective"]):
        kept["objective"] = None
    return {name: _plain(value) for name, value in kept.items()}


def from_json(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that :func:`to_json` wrote.

    Raises
    ------
    KeyError, TypeError, AttributeError
        If they are no such parameters.
    """
    found = {name: _rebuilt(value) for name, value in parameters.items()}
    found["weights"] = None  # no file that a header names is opened
    return found


def _is_known(value: Any) -> bool:
    return value is None or type(value) is _CLASSES.get(type(value).__name__)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseEstimator):
        parameters = value.get_params(deep=False)
        plain = {name: _plain(each) for name, each in parameters.items()}
        return {"class": type(value).__name__, "parameters": plain}
    return value


def _rebuilt(value: Any) -> Any:
    if isinstance(value, dict):
        parameters = {
            name: _rebuilt(each) for name, each in value["parameters"].items()
        }
        return _CLASSES[value["class"]](**parameters)
    return tuple(value) if isinstance(value, list) else value
