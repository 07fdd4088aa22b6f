"""Parameters that are objects with parameters: set, checked, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, clone

from skdeepcluster import objectives
from skdeepcluster._augmentation import Augmentation
from skdeepcluster._pretrained import Pretrained, check_pretrained
from skdeepcluster._rules import check_names
from skdeepcluster._stopping import Stability

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

Estimator = TypeVar("Estimator", bound=BaseEstimator)

_CLASSES: dict[str, type[BaseEstimator]] = {
    each.__name__: each
    for each in (
        Augmentation,
        Pretrained,
        Stability,
        objectives.ClusterClassification,
        objectives.CentroidClassification,
        objectives.SwappedPrediction,
        objectives.SwappedClassification,
        objectives.TwoStages,
    )
}

# What such a parameter stands for where its value is None.
_DEFAULTS: dict[str, type[BaseEstimator]] = {
    "augmentation": Augmentation,
    "objective": objectives.TwoStages,
    "stopping": Stability,
}


def part_of(est: DeepClusterCategorizer, name: str) -> Any:
    """The value of a parameter, or the default object that None stands for."""
    value = getattr(est, name)
    return _DEFAULTS[name]() if value is None else value


def set_of_parts(est: Estimator, parameters: Mapping[str, Any]) -> Estimator:
    """Set parameters such as ``objective__first__temperature``, and give the estimator.

    Where the object is None, the default one takes its place.

    Raises
    ------
    ValueError
        If there is no object that could have such a parameter.
    """
    for key in parameters:
        part = key.partition("__")[0]
        value = getattr(est, part, None)
        if value is None and part in _DEFAULTS:
            setattr(est, part, _DEFAULTS[part]())
        elif not isinstance(value, BaseEstimator):
            raise ValueError(
                f"{key} cannot be set: {part}={value!r} has no parameters; use an "
                f"object that has, or leave out {key}."
            )
    est.set_params(**parameters)
    return est


def check_each_part(est: DeepClusterCategorizer) -> None:
    """Raise ValueError if an object is invalid."""
    if isinstance(est.backbone, Pretrained):
        check_pretrained(est, est.backbone)
    if isinstance(est.augmentation, Augmentation):
        est.augmentation._validate()
    if est.stopping is not None:
        est.stopping._validate()
    for part in part_of(est, "objective")._parts():
        part._validate_params()


def check_parts(est: DeepClusterCategorizer) -> None:
    """Raise ValueError if an object is invalid, or contradicts a parameter."""
    check_each_part(est)
    for part in part_of(est, "objective")._parts():
        centroids_classify = isinstance(part, objectives.CentroidClassification)
        if centroids_classify and est.pca_components is not None:
            raise ValueError(
                f"objective={part} classifies embeddings by their centroids, which "
                f"pca_components={est.pca_components} puts into another space; set "
                "pca_components=None or use another objective (the default has this "
                "one as its second stage), such as SwappedPrediction()."
            )


def to_json(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that a file can hold without code, and that matter later.

    These become None: weights of a network that was trained elsewhere, which the model
    has; a `random_state` that is not an int, which cannot be repeated; and objects of a
    user's class, which are code.
    """
    kept = dict(parameters)
    if isinstance(kept["backbone"], Pretrained):
        kept["backbone"] = clone(kept["backbone"]).set_params(weights=None)
    kept["checkpoint"] = None
    kept["device"] = str(kept["device"])
    if not isinstance(kept["random_state"], int | np.integer):
        kept["random_state"] = None
    for part in _DEFAULTS:
        if not _is_known(kept[part]):
            kept[part] = None
    return {name: _plain(value) for name, value in kept.items()}


def from_json(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that :func:`to_json` wrote.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError
        If they are not what `to_json` writes.
    """
    found = {name: _rebuilt(value) for name, value in parameters.items()}
    found["checkpoint"] = None  # no file that a header names
    if isinstance(found["backbone"], Pretrained):
        found["backbone"].weights = None
    return found


def is_ours(value: BaseEstimator) -> bool:
    """Whether an object is of this library."""
    return type(value) is _CLASSES.get(type(value).__name__)


def _is_known(value: Any) -> bool:
    """Whether a file can hold it: it has no part of a user's own class."""
    if not isinstance(value, BaseEstimator):
        return True
    return is_ours(value) and all(map(_is_known, value.get_params(deep=False).values()))


def _plain(value: Any) -> Any:
    if isinstance(value, BaseEstimator):
        parameters = value.get_params(deep=False)
        plain = {name: _plain(each) for name, each in parameters.items()}
        return {"class": type(value).__name__, "parameters": plain}
    return value


def _rebuilt(value: Any) -> Any:
    if isinstance(value, dict):
        check_names(value, ("class", "parameters"), "property of an object")
        if value["class"] not in _CLASSES:
            raise ValueError(f"there is no object {value['class']!r:.50}")
        parameters = {
            name: _rebuilt(each) for name, each in value["parameters"].items()
        }
        return _CLASSES[value["class"]](**parameters)
    return tuple(value) if isinstance(value, list) else value


def check_parameters(est: BaseEstimator) -> None:
    """Raise scikit-learn's InvalidParameterError, a ValueError, as `fit` would.

    Parameters
    ----------
    est : BaseEstimator
        Fitted or not.
    """
    est._validate_params()
