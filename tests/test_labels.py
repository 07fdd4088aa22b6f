"""Labels that are numbers or text, and a value that says that there is none."""

import numpy as np
import pandas as pd
import pytest

from skdeepcluster._labels import categories_of, is_value, with_value


@pytest.mark.parametrize("value", [-1, "", None, float("nan")])
def test_where_there_is_no_label(value):
    y = np.array([3, value, "a", value], dtype=object)
    assert is_value(y, value).tolist() == [False, True, False, True]


def test_objects_become_numbers_or_text():
    assert categories_of(np.array([1, 2], dtype=object)).dtype == np.int64
    assert categories_of(np.array(["b"], dtype=object)).dtype.kind == "U"
    with pytest.raises(ValueError, match="types int, str, which cannot be sorted"):
        categories_of(np.array([1, "b"], dtype=object))


@pytest.mark.parametrize(
    ("categories", "value", "expected"),
    [
        ([1, 2], -1, "i"),
        ([1.0, 2.0], float("nan"), "f"),
        (["a", "b"], "", "U"),
        (["a", "b"], None, "O"),
        (["a", "b"], float("nan"), "O"),
        ([1, 2], None, "O"),
        ([1, 2], "", "O"),
    ],
)
def test_a_value_among_categories(categories, value, expected):
    mixed = with_value(value, np.array(categories), np.array([False, True]))
    assert mixed.dtype.kind == expected
    assert mixed[0] == categories[0]
    assert is_value(mixed, value).tolist() == [False, True]


def test_values_that_are_missing_in_other_ways():
    y = np.array([0, np.nan, 2], np.float32)
    assert is_value(y, float("nan")).tolist() == [False, True, False]
    assert is_value(y.astype(object), np.float32("nan")).tolist() == [
        False,
        True,
        False,
    ]
    y = np.array(["a", pd.NA, "b"], dtype=object)
    assert is_value(y, pd.NA).tolist() == [False, True, False]
    assert is_value(y, "b").tolist() == [False, False, True]
