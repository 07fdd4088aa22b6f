import numpy as np
import pandas as pd
import pytest

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.review import near_duplicates
from skdeepcluster.review._copies import _compared
from skdeepcluster.review._differences import GreyLevels


@pytest.fixture(scope="module")
def with_copies(digits):
    """Exact and darker copies, a chain, and blank images, at the end."""
    X = digits[0] * 15
    blank = np.zeros((3, 8, 8), np.uint8)
    blank[2] = 7
    darker = np.stack([X[10] // 2, X[11] // 2, X[11] // 3])
    return np.concatenate([X, X[:1], X[5:6], X[5:6], darker, blank])


def test_groups(fitted, with_copies):
    found = near_duplicates(fitted, with_copies, max_difference=0.3)
    expected = {
        (0, 200): "exact",
        (5, 201, 202): "exact",
        (10, 203): "near",
        (11, 204, 205): "near",
        (206, 207): "exact",  # but not the blank image of another grey
    }
    assert list(found) == [
        *("group", "image", "keep", "kind", "copy_of", "difference"),
    ]
    groups = found.groupby("group")["image"].apply(tuple)
    assert groups.tolist() == list(expected)
    assert groups.index.tolist() == [0, 1, 2, 3, 4]
    kinds = found.groupby("group")["kind"].agg(lambda kinds: "/".join(set(kinds)))
    assert kinds.tolist() == list(expected.values())
    assert found.loc[found["keep"], "image"].tolist() == [0, 5, 10, 11, 206]
    exact = found["kind"] == "exact"
    assert (found.loc[exact, "difference"] == 0).all()
    assert found.loc[~exact, "difference"].between(0, 0.3).all()
    of = found.set_index("image")["copy_of"]
    assert of[[0, 200, 5, 201, 202, 10, 203]].tolist() == [
        *(200, 0, 201, 5, 5, 203, 10),
    ]


def test_the_same_again_and_with_the_embedding_and_from_a_file(
    fitted, with_copies, tmp_path
):
    expected = near_duplicates(fitted, with_copies)
    again = near_duplicates(
        fitted, with_copies, embedding=fitted.transform(with_copies)
    )
    pd.testing.assert_frame_equal(again, expected)
    np.save(tmp_path / "images.npy", with_copies)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    pd.testing.assert_frame_equal(near_duplicates(fitted, mapped), expected)


def test_compared_in_blocks(fitted, with_copies, monkeypatch):
    expected = near_duplicates(fitted, with_copies)
    monkeypatch.setattr("skdeepcluster.review._copies._BLOCK", 3 * 64)
    pd.testing.assert_frame_equal(near_duplicates(fitted, with_copies), expected)


def test_large_images_are_compared_at_half_the_size_first(with_copies, monkeypatch):
    large = with_copies.repeat(4, axis=1).repeat(4, axis=2)[..., np.newaxis]
    pairs = np.array([[10, 203], [11, 204], [11, 205], *([0, n] for n in range(1, 9))])
    whole = _compared(GreyLevels(large), pairs, 0.9)
    assert (whole[:3] < 0.3).all()
    assert np.isinf(whole[3:]).all()
    monkeypatch.setattr("skdeepcluster.review._copies._LEAST_HALVED", 99)
    expected = _compared(GreyLevels(large), pairs, 0.9)
    np.testing.assert_array_equal(whole[:3], expected[:3])
    assert (expected[3:] > 0.9).all()


def test_the_limit(fitted, with_copies):
    exact = near_duplicates(fitted, with_copies, max_difference=0)
    near = near_duplicates(fitted, with_copies, max_difference=0.3)
    many = near_duplicates(fitted, with_copies, max_difference=1.5)
    assert set(exact["kind"]) == {"exact"}
    assert set(exact["image"]) < set(near["image"]) < set(many["image"])
    with pytest.raises(ValueError, match="max_difference should be >= 0, got -1"):
        near_duplicates(fitted, with_copies, max_difference=-1)
    with pytest.raises(ValueError, match="max_difference should be >= 0, got nan"):
        near_duplicates(fitted, with_copies, max_difference=np.nan)


def test_none(fitted, digits):
    found = near_duplicates(fitted, digits[0][:20], max_difference=0)
    assert found.empty
    assert found.shape == (0, 6)


def test_images_that_are_refused(fitted, digits):
    X = digits[0]
    with pytest.raises(ValueError, match=r"embedding has shape \(200, 512\)"):
        near_duplicates(fitted, X[:50], embedding=fitted.embedding_)
    rows = DeepClusterCategorizer(3, n_epochs=0).fit(X.reshape(200, -1))
    with pytest.raises(ValueError, match="features, which cannot be shown"):
        near_duplicates(rows, X.reshape(200, -1))
