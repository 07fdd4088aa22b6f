"""Labels that are numbers or text, and a value that says that there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer


def is_value(y: NDArray[Any], value: object) -> NDArray[np.bool_]:
    """Where `y` is a value that may be NaN or None."""
    if _is_nan(value):
        return np.array([_is_nan(each) for each in y], dtype=bool)
    return np.array([each is value or _is_equal(each, value) for each in y], dtype=bool)


def _is_nan(value: object) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _is_equal(one: object, other: object) -> bool:
    try:
        return bool(one == other)
    except TypeError:  # pandas.NA equals nothing, not even itself
        return False


def categories_of(y: NDArray[Any]) -> NDArray[Any]:
    """Labels of labelled images, checked, as numbers or as text."""
    if y.dtype == object:
        values = y.tolist()
        kinds = sorted({type(each).__name__ for each in values})
        if len(kinds) > 1 and "str" in kinds:
            raise ValueError(
                f"y has values of the types {', '.join(kinds)}, which cannot be "
                "sorted; use only text or only numbers, or set `unlabeled` to the "
                "value that marks an image without a label."
            )
        y = np.array(values)
    assert_all_finite(y, input_name="y")
    if len(y):
        check_classification_targets(y)
    return y


def with_value(
    value: object, categories: NDArray[Any], where: NDArray[np.bool_]
) -> NDArray[Any]:
    """Categories of which some are replaced by a value that may be of another type."""
    mixed = categories.astype(object)
    mixed[where] = value
    is_text = categories.dtype.kind in "US"
    if value is None or isinstance(value, str) != is_text:
        return mixed
    return np.array(mixed.tolist())


def are_right(
    found: NDArray[Any], y: NDArray[Any], classes: NDArray[Any], unlabeled: object
) -> NDArray[np.bool_]:
    """Where images that have a label have its category.

    Raises
    ------
    ValueError
        If `y` is text and the categories are numbers, or the other way round.
    """
    is_labelled = ~is_value(y, unlabeled)
    targets = categories_of(y[is_labelled])
    if len(targets) and (targets.dtype.kind in "US") != (classes.dtype.kind in "US"):
        raise ValueError(
            f"y has {targets.dtype}, but the categories are {classes.dtype}; use text "
            "for both, or numbers."
        )
    is_right = is_labelled & ~is_value(found, unlabeled)
    is_right[is_labelled] &= found[is_labelled] == targets
    return is_right


def all_labels(est: DeepClusterCategorizer) -> NDArray[np.int64]:
    """The clusters of the images of the fit, and of those that were added later."""
    return np.concatenate([est.labels_, getattr(est, "new_labels_", est.labels_[:0])])
