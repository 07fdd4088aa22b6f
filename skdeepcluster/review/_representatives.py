"""Images that stand for a cluster: of what kinds, and how they are chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skdeepcluster.review._assignment import Assignment

_Rows = NDArray[np.intp]

KINDS = ("typical", "diverse", "doubtful", "borderline")
_CANDIDATES = 2000  # images of a cluster among which diverse ones are sought


def choose(
    assignment: Assignment, members: _Rows, n: Mapping[str, int]
) -> dict[str, _Rows]:
    """Choose images that stand for a cluster.

    Parameters
    ----------
    assignment : Assignment
    members : ndarray of shape (size,)
        Row numbers of the images of the cluster, at least one, the most typical first.
    n : mapping of str to int
        Number of images of some `KINDS`; all images if there are fewer.

    Returns
    -------
    dict of str to ndarray of int
        Row numbers by kind, in the order of `n`:

        - typical: nearest to the centre, the nearest first;
        - diverse: far from each other, the most typical one first; of a large cluster
          at most 2,000 images are candidates, evenly from typical to doubtful;
        - doubtful: farthest from the centre, the farthest first;
        - borderline: almost assigned to another cluster, the closest first; none if
          there is no other cluster.
    """
    choosers = {
        "typical": _typical,
        "diverse": _diverse,
        "doubtful": _doubtful,
        "borderline": _borderline,
    }
    return {kind: choosers[kind](assignment, members, n[kind]) for kind in n}


def _typical(assignment: Assignment, members: _Rows, n: int) -> _Rows:
    return members[:n]


def _diverse(assignment: Assignment, members: _Rows, n: int) -> _Rows:
    candidates = members[:: -(-len(members) // _CANDIDATES)]
    return candidates[spread_over(assignment.embedding[candidates], n)]


def _doubtful(assignment: Assignment, members: _Rows, n: int) -> _Rows:
    return members[::-1][:n]


def _borderline(assignment: Assignment, members: _Rows, n: int) -> _Rows:
    margins = assignment.margins[members]
    order = np.argsort(margins, kind="stable")
    return members[order[np.isfinite(margins[order])]][:n]


def spread_over(points: NDArray[Any], n: int) -> list[int]:
    """Points far from each other, the first of them first.

    Each next one is the farthest from all that were chosen (Gonzalez, 1985, "Clustering
    to minimize the maximum intercluster distance").

    Parameters
    ----------
    points : ndarray of shape (n_points, n_dimensions)
        At least one.
    n : int
        Number of points to choose; all if there are fewer.

    Returns
    -------
    list of int
        Row numbers.
    """
    chosen = [0]
    gaps = np.linalg.norm(points - points[0], axis=1)
    while len(chosen) < min(n, len(points)):
        gaps[chosen[-1]] = -1  # equal points are chosen once each, too
        chosen.append(int(gaps.argmax()))
        gaps = np.minimum(gaps, np.linalg.norm(points - points[chosen[-1]], axis=1))
        gaps[chosen] = -1
    return chosen
