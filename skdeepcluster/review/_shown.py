"""Which images of a cluster are shown, and as what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdeepcluster.review._assignment import Assignment, spread_over

_CANDIDATES = 2000  # images of a cluster among which varied ones are sought


class Detail(NamedTuple):
    """How much of every cluster is shown."""

    tile: int
    """Pixels of a thumbnail's side."""
    n_typical: int
    n_others: int
    """Images that are varied, doubtful and borderline, of each so many."""


class Shown(NamedTuple):
    """The images of a cluster that are shown, each once, and the views they are in."""

    rows: NDArray[np.intp]
    views: dict[str, list[int]]
    """Places in `rows`, in the order of showing, by the name of the view."""

    @classmethod
    def of(
        cls, assignment: Assignment, members: NDArray[np.intp], detail: Detail
    ) -> Shown:
        """Choose among the members of a cluster, the most typical of which is first."""
        n = detail.n_others
        step = -(-len(members) // _CANDIDATES)
        candidates = members[::step]
        varied = candidates[spread_over(assignment.embedding[candidates], n)]
        by_margin = members[np.argsort(assignment.margins[members], kind="stable")]
        chosen = {
            "typical": members[: detail.n_typical],
            "varied": varied,
            "doubtful": members[::-1][:n],
            "borderline": by_margin[np.isfinite(assignment.margins[by_margin])][:n],
        }
        places = _numbered(row for rows in chosen.values() for row in rows.tolist())
        return cls(
            np.array(list(places), dtype=np.intp),
            {
                view: [places[row] for row in rows.tolist()]
                for view, rows in chosen.items()
            },
        )


def _numbered(rows: Iterable[int]) -> dict[int, int]:
    """Each once, as it first comes."""
    return {row: place for place, row in enumerate(dict.fromkeys(rows))}
