"""What a person says of clusters, and what follows for images and series."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skdeepcluster._names import is_one_line


@dataclass(frozen=True)
class Names:
    """What a table of names says."""

    categories: dict[int, str] = field(default_factory=dict)
    """Of clusters that are named."""
    excluded: frozenset[int] = frozenset()
    """Images that do not belong to their cluster, as row numbers."""

    def of(self, labels: NDArray[Any]) -> NDArray[np.object_]:
        """Name images by their clusters.

        Parameters
        ----------
        labels : ndarray of shape (n_images,)
            Clusters.

        Returns
        -------
        ndarray of shape (n_images,), object
            The category of each; empty where there is none.
        """
        named = [self.categories.get(int(label), "") for label in labels]
        categories = np.array(named, dtype=object)
        categories[list(self.excluded)] = ""
        return categories


def read_names(
    path: str | os.PathLike[str], n_clusters: int, labels: NDArray[Any]
) -> Names:
    """Read a table of names, such as the report exports.

    Parameters
    ----------
    path : str or path
        CSV, in UTF-8, with commas or semicolons, and the columns `cluster` and
        `category`; clusters of the same category are one. A cluster that is left out,
        or whose category is empty, has no name. A column `excluded` may list images
        that do not belong to their cluster, as row numbers with spaces between.
    n_clusters : int
        Clusters that there are.
    labels : ndarray of shape (n_images,)
        The cluster of each image.

    Returns
    -------
    Names

    Raises
    ------
    ValueError
        If the table is another, or names what is not there.
    OSError
        If it cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            delimiter = ";" if first.count(";") > first.count(",") else ","
            rows = list(csv.reader(file, delimiter=delimiter, strict=True))
    except UnicodeDecodeError:
        raise ValueError(
            f"{path} is no text in UTF-8; save it as such (in Excel: CSV UTF-8)."
        ) from None
    except csv.Error as error:
        raise ValueError(
            f"{path} is no table of commas or semicolons ({error})."
        ) from (None)
    header = [name.strip().lower() for name in rows[0]] if rows else []
    if not {"cluster", "category"} <= set(header):
        raise ValueError(
            f"{path} has no columns cluster and category in its first line; the report "
            "exports such a table."
        )
    categories: dict[int, str] = {}
    excluded: set[int] = set()
    seen: set[int] = set()
    for number, row in enumerate(rows[1:], 2):
        if not any(value.strip() for value in row):
            continue
        where = f"{path}, line {number}"
        if len(row) != len(header):
            raise ValueError(
                f"{where}: it has {len(row)} fields, and the first line {len(header)}; "
                "put a category with a comma into quotation marks."
            )
        values = dict(zip(header, (value.strip() for value in row), strict=True))
        cluster = _number(values["cluster"], n_clusters, f"{where}: cluster")
        if cluster in seen:
            raise ValueError(
                f"{where}: cluster {cluster} is there twice; name it once."
            )
        seen.add(cluster)
        category = values.get("category", "")
        if not is_one_line(category):
            raise ValueError(
                f"{where}: the category holds control characters, such as a line's "
                "end; leave them out."
            )
        if category:
            categories[cluster] = category
        for text in values.get("excluded", "").split():
            image = _number(text, len(labels), f"{where}: excluded image")
            if labels[image] != cluster:
                raise ValueError(
                    f"{where}: image {image} is in cluster {labels[image]}; the table "
                    "may be of another fit."
                )
            excluded.add(image)
    return Names(categories, frozenset(excluded))


def _number(text: str, n: int, what: str) -> int:
    """A number from 0 to n - 1."""
    if not (re.fullmatch(r"[0-9]{1,15}", text) and int(text) < n):
        raise ValueError(f"{what} {text!r} is none of the numbers 0 to {n - 1}.")
    return int(text)


def series_vote(categories: ArrayLike, series: ArrayLike) -> pd.DataFrame:
    """Give each series the category of most of its images.

    Parameters
    ----------
    categories : array-like of shape (n_images,)
        Text; empty for an image without a category, which abstains.
    series : array-like of shape (n_images,)
        What series an image belongs to, such as the column `series` of the index of
        :func:`skdeepcluster.load_archive`. Images without (NaN or None) are left out.

    Returns
    -------
    pandas.DataFrame
        A row for each series, with the columns

        - series: as given, in sorted order;
        - images: how many it has;
        - category: the most frequent one, of several the first in sorted order; empty
          where no image has any;
        - share: of all its images, those of that category, in [0, 1].

    Raises
    ------
    ValueError
        If the two differ in length, or are not one-dimensional.

    Examples
    --------
    >>> from skdeepcluster.review import series_vote
    >>> series_vote(["SA", "SA", "LA", "LA", ""], [7, 7, 7, 8, 8])
       series  images category     share
    0       7       3       SA  0.666667
    1       8       2       LA  0.500000
    """
    votes = pd.DataFrame(
        {"category": column_or_1d(np.asarray(categories, dtype=object))}
    )
    check_consistent_length(votes, series)
    votes["series"] = pd.Series(series).reset_index(drop=True)
    images = votes.groupby("series").size().rename("images")
    counts = votes[votes["category"] != ""].groupby(["series", "category"]).size()
    most = counts.groupby("series").idxmax().str[1].rename("category")
    agreeing = counts.groupby("series").max().rename("share")
    table = pd.concat([images, most, agreeing], axis=1).sort_index()
    table["category"] = table["category"].fillna("")
    table["share"] = table["share"].fillna(0) / table["images"]
    return table.rename_axis("series").reset_index()
