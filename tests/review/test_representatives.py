import numpy as np

from skdeepcluster.review._assignment import Assignment
from skdeepcluster.review._representatives import KINDS, choose, spread_over


def on_a_line(n):
    """A cluster of n images, of which the last is the most typical."""
    places = np.arange(n)[::-1].astype(np.float32)
    labels = np.zeros(n, dtype=np.int64)
    margins = np.abs(places - 2)
    return Assignment(places[:, None], labels, places, labels + 1, margins)


def test_kinds():
    chosen = choose(on_a_line(10), np.arange(10)[::-1], dict.fromkeys(KINDS, 3))
    assert {kind: rows.tolist() for kind, rows in chosen.items()} == {
        "typical": [9, 8, 7],
        "diverse": [9, 0, 5],
        "doubtful": [0, 1, 2],
        "borderline": [7, 8, 6],
    }


def test_only_the_kinds_that_are_asked_for_and_no_more_than_there_are():
    members = np.array([9, 8])
    chosen = choose(on_a_line(10), members, {"doubtful": 5, "typical": 1})
    assert list(chosen) == ["doubtful", "typical"]
    assert chosen["doubtful"].tolist() == [8, 9]
    assert chosen["typical"].tolist() == [9]


def test_diverse_ones_of_a_large_cluster_are_sought_among_some():
    members = np.arange(5000)[::-1]
    chosen = choose(on_a_line(5000), members, {"diverse": 5000})
    assert sorted(chosen["diverse"]) == sorted(members[::3])


def test_spread_over_takes_corners_before_what_lies_between():
    points = np.array([[0.0, 0], [0.1, 0], [5, 0], [5, 5], [4.9, 5], [0, 0]])
    assert spread_over(points, 3) == [0, 3, 2]
    assert sorted(spread_over(points, 99)) == list(range(6))
