import numpy as np
import pandas as pd
import pytest

from skdeepcluster.review import outliers


def test_ranked(fitted, digits):
    X = np.concatenate([digits[0], 16 - digits[0][:3]])
    found = outliers(fitted, X)
    assert list(found) == ["rank", "image", "cluster", "score", "doubt"]
    assert found["rank"].tolist() == list(range(203))
    assert sorted(found["image"]) == list(range(203))
    assert set(found["image"].head(3)) == {200, 201, 202}  # negatives
    scores = -fitted.decision_function(X)
    np.testing.assert_array_equal(found["score"], np.sort(scores)[::-1])
    np.testing.assert_array_equal(found["score"], scores[found["image"]])
    np.testing.assert_array_equal(found["cluster"], fitted.predict(X)[found["image"]])
    np.testing.assert_array_equal(found["doubt"], found["score"] > 0)


def test_with_the_embedding(fitted, digits):
    expected = outliers(fitted, digits[0])
    found = outliers(fitted, digits[0], embedding=fitted.embedding_)
    pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(ValueError, match=r"embedding has shape \(200, 512\)"):
        outliers(fitted, digits[0][:9], embedding=fitted.embedding_)
