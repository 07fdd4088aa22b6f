"""What the name of a cluster may be."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

_CONTROLS = ("Cc", "Cs", "Zl", "Zp")  # also halves of characters, and line separators


def is_one_line(name: str) -> bool:
    """Whether a name can go into a table and to a terminal as it is."""
    return not any(unicodedata.category(each) in _CONTROLS for each in name)


def check_names(names: Mapping[int, str], n_clusters: int) -> None:
    """Raise ValueError where a name is none, or that of a cluster that is not there."""
    for cluster, name in names.items():
        if cluster not in range(n_clusters):
            raise ValueError(
                f"names_ has a name for cluster {cluster!r}, and clusters are numbered "
                f"from 0 to {n_clusters - 1}."
            )
        if not isinstance(name, str) or not is_one_line(name):
            raise ValueError(
                f"names_ of cluster {cluster} is {name!r}; give a text without control "
                "characters."
            )
