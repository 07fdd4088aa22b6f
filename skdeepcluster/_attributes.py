"""What the attributes in a model file have to be: every file is hostile."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from skdeepcluster._engine.model import Model
from skdeepcluster._history import FIGURES
from skdeepcluster._reader_options import Options, check_options
from skdeepcluster._rules import Rule, array, check_all, whole

READER: dict[str, Any] = {
    "image_size": "auto",
    "channels": 1,
    "frames": "first",
    "window": "series",
}


def check_attributes(
    values: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], model: Model
) -> None:
    """Raise ValueError unless these attributes fit a model and each other.

    Parameters
    ----------
    values : mapping of str to Any
        Those that are JSON.
    arrays : mapping of str to ndarray
        The others.
    model : Model
        What they are beside.
    """
    check_all(values, _of_values(model, values), "attribute")
    check_all(arrays, _of_arrays(model, values, arrays), "array")


def _of_values(model: Model, given: Mapping[str, Any]) -> dict[str, Rule]:
    n_clusters, n_features = len(model.centroids), math.prod(model.inputs.shape)
    rules = {
        "inertia_": Rule("a float from 0", _is_sum),
        "n_epochs_": whole(0),
        "n_features_in_": whole(n_features, n_features),
        "n_fit_clusters_": whole(1, n_clusters),
        "names_": Rule("pairs of a cluster and its name", _are_pairs),
        "pretrained_": Rule("null, or a library and a licence", _is_origin),
        "reader_": Rule(f"null, or values of {', '.join(READER)}", _is_reader),
    }
    if "feature_names_in_" in given:
        names = Rule(f"{n_features} names", lambda value: _are_texts(value, n_features))
        rules["feature_names_in_"] = names
    if "n_new_clusters_" in given:
        n_fit = given.get("n_fit_clusters_")
        most = n_clusters - n_fit if type(n_fit) is int else 0
        rules["n_new_clusters_"] = whole(0, most)
    return rules


def _of_arrays(
    model: Model, values: Mapping[str, Any], given: Mapping[str, NDArray[Any]]
) -> dict[str, Rule]:
    n_clusters, n_images = len(model.centroids), _n_images(given, "labels_")
    rules = {
        "labels_": array("int64", n_images, 0, n_clusters - 1),
        "last_epoch_labels_": array("int64", n_images, 0, n_images - 1),
    }
    if "n_new_clusters_" in values:
        n_new = _n_images(given, "new_labels_")
        rules["new_labels_"] = array("int64", n_new, 0, n_clusters - 1)
        rules["new_outliers_"] = array("bool", n_new, 0, 1)
    for name, (low, high) in FIGURES.items():
        rules[f"history_.{name}"] = array(
            *("float64 or int64", values["n_epochs_"], low, high),
            may_be_nan=name.endswith("_previous"),
        )
    return rules


def _n_images(given: Mapping[str, NDArray[Any]], name: str) -> int:
    """Number of images that an array has a value for; at least one."""
    return max(1, given[name].size) if name in given else 1


def _is_sum(value: Any) -> bool:
    return type(value) is float and 0 <= value < math.inf


def _are_texts(value: Any, n: int) -> bool:
    if type(value) is not list or len(value) != n:
        return False
    return all(type(each) is str for each in value)


def _are_pairs(value: Any) -> bool:
    """Whether they are numbers with texts; which of them may be, `_names` says."""
    return type(value) is list and all(
        type(pair) is list and [type(each) for each in pair] == [int, str]
        for pair in value
    )


def _is_origin(value: Any) -> bool:
    if type(value) is not dict:
        return value is None
    return (
        value.keys() == {"library", "licence"}
        and type(value["library"]) is str
        and (value["licence"] is None or type(value["licence"]) is str)
    )


def _is_reader(value: Any) -> bool:
    """Whether it is None or settings; ValueError if one has a wrong value."""
    if type(value) is not dict or not value.keys() <= set(Options._fields):
        return value is None
    check_options(**READER | value)
    return True
