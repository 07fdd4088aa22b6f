import numpy as np
import pytest

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.review import cluster_table, representatives
from skdeepcluster.review._assignment import Assignment
from skdeepcluster.review._representatives import KINDS


def all_distances(est, X):
    return np.linalg.norm(
        est.transform(X)[:, None].astype(float) - est.cluster_centers_, axis=2
    )


def test_assignment(fitted, digits):
    assignment = Assignment.of(fitted, digits[0])
    np.testing.assert_array_equal(assignment.labels, fitted.labels_)
    np.testing.assert_array_equal(
        assignment.distances, -fitted.score_samples(digits[0])
    )
    far = np.sort(all_distances(fitted, digits[0]), axis=1)
    order = np.argsort(all_distances(fitted, digits[0]), axis=1)
    np.testing.assert_array_equal(assignment.others, order[:, 1])
    np.testing.assert_allclose(assignment.margins, far[:, 1] - far[:, 0], atol=1e-5)


def test_assignment_with_set_output_and_in_chunks(fitted, digits, monkeypatch):
    whole = Assignment.of(fitted, digits[0])
    monkeypatch.setattr("skdeepcluster.review._assignment._CHUNK", 7)
    parts = Assignment.of(fitted, digits[0])
    np.testing.assert_array_equal(parts.others, whole.others)
    np.testing.assert_allclose(parts.margins, whole.margins, atol=1e-6)


def test_table(fitted, digits):
    table = cluster_table(fitted, digits[0], n_images=2)
    assert list(table["cluster"]) == list(range(fitted.n_clusters_))
    assert table["size"].sum() == 200
    np.testing.assert_allclose(table["share"], table["size"] / 200)
    scores = fitted.score_samples(digits[0])
    far = all_distances(fitted, digits[0])
    for row in table.itertuples():
        members = np.flatnonzero(fitted.labels_ == row.cluster)
        order = members[np.argsort(-scores[members])]
        assert row.typical == order[:2].tolist()
        assert row.doubtful == order[::-1][:2].tolist()
        np.testing.assert_allclose(row.distance_mean, -scores[members].mean(), 1e-5)
        np.testing.assert_allclose(row.distance_std, scores[members].std(), 1e-4)
        others = np.argsort(far[members], axis=1)[:, 1]
        assert row.neighbor == np.bincount(others).argmax()


def test_table_of_other_images_and_of_one_cluster(fitted, digits):
    table = cluster_table(fitted, digits[0][:1])
    assert len(table) == fitted.n_clusters_
    assert sorted(table["size"]) == [0] * (fitted.n_clusters_ - 1) + [1]
    empty = table[table["size"] == 0].iloc[0]
    assert np.isnan(empty["margin"])
    assert empty["typical"] == []
    one = DeepClusterCategorizer.from_recipe("fast", n_clusters=1, n_epochs=0)
    table = cluster_table(one.fit(digits[0]), digits[0])
    assert table["neighbor"].tolist() == [-1]
    assert np.isinf(table["margin"][0])


def test_representatives(fitted, digits):
    table = representatives(fitted, digits[0], n=4)
    assert set(table["kind"]) == set(KINDS)
    assignment = Assignment.of(fitted, digits[0])
    for (cluster, kind), part in table.groupby(["cluster", "kind"]):
        images = part["image"].to_numpy()
        size = (fitted.labels_ == cluster).sum()
        assert len(set(images)) == len(images) == min(4, size)
        assert (fitted.labels_[images] == cluster).all()
        assert part["rank"].tolist() == list(range(len(part)))
        np.testing.assert_array_equal(part["distance"], assignment.distances[images])
        members = np.flatnonzero(fitted.labels_ == cluster)
        if kind == "typical":
            best = np.sort(assignment.distances[members])[: len(images)]
            np.testing.assert_array_equal(part["distance"], best)
        elif kind == "doubtful":
            worst = np.sort(assignment.distances[members])[::-1][: len(images)]
            np.testing.assert_array_equal(part["distance"], worst)
        elif kind == "borderline":
            least = np.sort(assignment.margins[members])[: len(images)]
            np.testing.assert_array_equal(part["margin"], least)
            np.testing.assert_array_equal(part["neighbor"], assignment.others[images])


def test_representatives_of_one_cluster(digits):
    one = DeepClusterCategorizer.from_recipe("fast", n_clusters=1, n_epochs=0)
    table = representatives(one.fit(digits[0]), digits[0], n=4)
    assert set(table["kind"]) == {"typical", "diverse", "doubtful"}
    assert set(table["neighbor"]) == {-1}


@pytest.mark.parametrize("n", [0, -1])
def test_at_least_one_image(fitted, digits, n):
    with pytest.raises(ValueError, match=f"n_images should be >= 1, got {n}"):
        cluster_table(fitted, digits[0], n_images=n)
    with pytest.raises(ValueError, match=f"n should be >= 1, got {n}"):
        representatives(fitted, digits[0], n)
