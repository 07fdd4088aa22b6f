"""Which images of a cluster the page shows, and as what."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skdeepcluster.review._assignment import Assignment
from skdeepcluster.review._representatives import KINDS, choose


class Detail(NamedTuple):
    """How much of every cluster is shown."""

    tile: int
    """Pixels of a thumbnail's side."""
    n_typical: int
    n_others: int
    """Number of diverse, of doubtful and of borderline images."""


class Shown(NamedTuple):
    """The images of a cluster that are shown, each once, and the views they are in."""

    rows: NDArray[np.intp]
    views: dict[str, list[int]]
    """Places in `rows`, in the order of showing, by the kind of image."""

    @classmethod
    def of(
        cls, assignment: Assignment, members: NDArray[np.intp], detail: Detail
    ) -> Shown:
        """Choose among the members of a cluster, the most typical of which is first."""
        n = dict.fromkeys(KINDS, detail.n_others) | {"typical": detail.n_typical}
        chosen = choose(assignment, members, n)
        shown = dict.fromkeys(np.concatenate(list(chosen.values())).tolist())
        places = {row: place for place, row in enumerate(shown)}
        views = {
            kind: [places[row] for row in rows.tolist()]
            for kind, rows in chosen.items()
        }
        return cls(np.array(list(shown), dtype=np.intp), views)
