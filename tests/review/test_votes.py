import pandas as pd
import pytest

from skdeepcluster.review import series_vote


def test_majority_of_a_series():
    votes = series_vote(
        ["b", "a", "a", "b", "", "", "c", ""],
        pd.Series([1, 1, 2, 2, 2, 3, None, 1], dtype="Int64"),
    )
    assert votes.to_dict("list") == {
        "series": [1, 2, 3],
        "images": [3, 3, 1],
        "category": ["a", "a", ""],
        "share": [1 / 3, 1 / 3, 0.0],
    }
    assert votes["series"].dtype == "Int64"


def test_no_series():
    votes = series_vote(["a"], pd.Series([None], dtype="Int64"))
    assert len(votes) == 0
    with pytest.raises(ValueError, match="inconsistent"):
        series_vote(["a"], [1, 2])
