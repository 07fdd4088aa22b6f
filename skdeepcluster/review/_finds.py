"""Copies and outliers, as the page shows the first of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_Rows = NDArray[np.intp]
_Find = tuple[dict[str, Any], _Rows]  # what the page says, and the images that it shows

_N_GROUPS = 12  # of copies
_N_OF_GROUP = 4
_N_OUTLIERS = 24


def finds(
    duplicates: pd.DataFrame | None,
    outliers: pd.DataFrame | None,
    n_images: int,
    image_names: Sequence[str] | None,
) -> Iterator[_Find]:
    """What the page says of copies and of outliers, and which images it shows.

    Parameters
    ----------
    duplicates : DataFrame or None
        The result of `near_duplicates`.
    outliers : DataFrame or None
        The result of `outliers`.
    n_images : int
        Number of images of the page.
    image_names : sequence of str or None
        Captions of all images.

    Raises
    ------
    ValueError
        If a table is not of these images.
    """
    if duplicates is not None:
        _check(duplicates, n_images, "duplicates", ["group", "image", "kind"])
        yield _copies(duplicates, image_names)
    if outliers is not None:
        _check(outliers, n_images, "outliers", ["image", "cluster", "doubt"])
        yield _outliers(outliers, image_names)


def _check(table: pd.DataFrame, n_images: int, name: str, columns: list[str]) -> None:
    missing = [column for column in columns if column not in table]
    if missing:
        raise ValueError(
            f"{name} has no column {missing[0]!r}; pass the table that "
            f"skdeepcluster.review gives."
        )
    images = table["image"]
    wrong = images[~images.between(0, n_images - 1)]
    if len(wrong):
        raise ValueError(
            f"{name} lists image {wrong.iloc[0]}, but images are numbered from 0 to "
            f"{n_images - 1}; pass the table of these images."
        )


def _copies(table: pd.DataFrame, image_names: Sequence[str] | None) -> _Find:
    first = table[table["group"] < _N_GROUPS]
    shown = first.groupby("group").head(_N_OF_GROUP).reset_index(drop=True)
    card = _card("copies", shown, image_names)
    card["groups"] = [
        {"places": places.tolist(), "size": int((first["group"] == group).sum())}
        for group, places in shown.groupby("group").groups.items()
    ]
    card["nGroups"] = int(table["group"].nunique())
    card["nImages"] = len(table)
    card["nExact"] = int((table["kind"] == "exact").sum())
    return card, shown["image"].to_numpy(dtype=np.intp)


def _outliers(table: pd.DataFrame, image_names: Sequence[str] | None) -> _Find:
    shown = table[table["doubt"]].head(_N_OUTLIERS)
    card = _card("outliers", shown, image_names)
    card["clusters"] = shown["cluster"].tolist()
    card["nImages"] = int(table["doubt"].sum())
    return card, shown["image"].to_numpy(dtype=np.intp)


def _card(
    kind: str, shown: pd.DataFrame, image_names: Sequence[str] | None
) -> dict[str, Any]:
    rows = shown["image"].tolist()
    card: dict[str, Any] = {"number": kind, "rows": rows}
    if image_names is not None:
        card["imageNames"] = [str(image_names[row]) for row in rows]
    return card
