"""Names of clusters: what they may be, and reading them."""

from __future__ import annotations

import csv
import operator
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CONTROLS = ("Cc", "Cs", "Zl", "Zp")  # also halves of characters, and line separators


def check_name(name: object, what: str) -> str:
    """Return a name that tables, pages and terminals can show as it is.

    Parameters
    ----------
    name : object
        The proposed name.
    what : str
        What the error calls it, such as "the name of cluster 3".

    Raises
    ------
    ValueError
        If it is not text, is blank, spans lines, or has control characters.
    """
    if not isinstance(name, str):
        raise ValueError(f"{what} is {name!r}, which is not text; give text.")
    if not name.strip():
        raise ValueError(f"{what} is empty; give text, or leave the cluster out.")
    if any(unicodedata.category(character) in _CONTROLS for character in name):
        raise ValueError(
            f"{what} has control characters, such as a line break; remove them."
        )
    return name


def check_names(names: Mapping[int, str], n_clusters: int) -> dict[int, str]:
    """The names, in the order of their clusters.

    Raises
    ------
    ValueError
        If a cluster does not exist, or a name is invalid.
    """
    for cluster, name in names.items():
        if cluster not in range(n_clusters):
            raise ValueError(
                f"There is no cluster {cluster!r} to be named {name!r}: clusters are "
                f"numbered from 0 to {n_clusters - 1}."
            )
        check_name(name, f"The name of cluster {cluster}")
    return {int(cluster): str(names[cluster]) for cluster in sorted(names)}


def to_json(names: Mapping[int, str], n_clusters: int) -> list[list[Any]]:
    """Checked names as pairs, because the keys of a JSON mapping are text."""
    return [[cluster, name] for cluster, name in check_names(names, n_clusters).items()]


def from_json(pairs: list[list[Any]], n_clusters: int) -> dict[int, str]:
    """Names that :func:`to_json` wrote, checked again."""
    names = {operator.index(key): name for key, name in pairs}
    if len(names) < len(pairs):
        raise ValueError("a cluster has two names")
    return check_names(names, n_clusters)


@dataclass(frozen=True)
class Names:
    """The content of a table of names."""

    categories: dict[int, str] = field(default_factory=dict)
    """The names of named clusters."""
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


def names_from(
    labels: ArrayLike,
    categories: ArrayLike,
    *,
    min_share: float = 0.9,
    min_known: float = 0.25,
) -> dict[int, str]:
    """Name clusters after the categories that their images had before.

    So the names of an earlier fit are kept when a grown archive is sorted anew.

    Parameters
    ----------
    labels : array-like of shape (n_images,)
        New clusters, from 0.
    categories : array-like of shape (n_images,)
        The former category of each image, as text; empty, None or NaN for images that
        had none, such as new ones.
    min_share : float, default=0.9
        A cluster takes a category that at least this share of its images with a former
        category had, above 0.5 and at most 1.
    min_known : float, default=0.25
        Images with a former category have to be at least this many times as frequent in
        the cluster as in the whole set, at least 0. Clusters of a new kind with a few
        old images among them are left out.

    Returns
    -------
    dict of int to str
        Names of clusters; those that a person has to look at are left out.

    Raises
    ------
    ValueError
        If `labels` and `categories` differ in length, a category cannot be a name, or a
        parameter is not as above.

    Examples
    --------
    >>> from skdeepcluster.review import names_from
    >>> names_from([0, 0, 0, 1, 1, 2], ["knee", "", "knee", "knee", "hip", ""])
    {0: 'knee'}
    """
    clusters, former = np.asarray(labels), np.asarray(categories, dtype=object)
    if clusters.shape != former.shape or clusters.ndim != 1:
        raise ValueError(
            f"labels has shape {clusters.shape}, but categories {former.shape}; give "
            "one of each per image."
        )
    if not 0.5 < min_share <= 1:
        raise ValueError(f"min_share={min_share} is not above 0.5 and at most 1.")
    if not min_known >= 0:
        raise ValueError(f"min_known={min_known} is not at least 0.")
    known = np.array([_is_known(category) for category in former], dtype=bool)
    names: dict[int, str] = {}
    for cluster in np.unique(clusters[known]).tolist():
        inside = clusters == cluster
        counts = Counter(former[inside & known].tolist())
        name, n_images = counts.most_common(1)[0]
        share = known[inside].mean()
        is_pure = n_images >= min_share * counts.total()
        if is_pure and share >= min_known * known.mean():
            names[cluster] = check_name(name, f"The category of cluster {cluster}")
    return names


def _is_known(category: object) -> bool:
    """Whether there is one; tables have "", None, NaN or pandas.NA for none."""
    if isinstance(category, str):
        return category != ""
    return str(category) not in ("None", "nan", "<NA>")


def read_names(
    path: str | os.PathLike[str], n_clusters: int, labels: NDArray[Any]
) -> Names:
    """Read a table of names, such as the report exports.

    Parameters
    ----------
    path : str or path
        A CSV file in UTF-8, separated by commas or semicolons, with the columns
        `cluster` and `category`; clusters of the same category are merged. A cluster
        that is left out, or whose category is empty, has no name. A column `excluded`
        may list images that do not belong to their cluster, as row numbers separated
        by spaces. A column `example` may list images that belong to it: if one is in
        another cluster, the table is refused, as it belongs to another fit.
    n_clusters : int
        Number of clusters.
    labels : ndarray of shape (n_images,)
        The cluster of each image.

    Returns
    -------
    Names

    Raises
    ------
    ValueError
        If it is not such a table, or names a cluster or image that does not exist.
    OSError
        If it cannot be read.
    """
    categories: dict[int, str] = {}
    excluded: set[int] = set()
    seen: set[int] = set()
    for where, values in _records(path):
        cluster = _number(values["cluster"], n_clusters, f"{where}: cluster")
        if cluster in seen:
            raise ValueError(
                f"{where}: cluster {cluster} is listed twice; list it once."
            )
        seen.add(cluster)
        if category := values["category"]:
            categories[cluster] = check_name(category, f"{where}: the category")
        theirs = {
            column: set(_images(values.get(column, ""), cluster, labels, where))
            for column in ("excluded", "example")
        }
        excluded |= theirs["excluded"]
    return Names(categories, frozenset(excluded))


def _records(path: str | os.PathLike[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Where each row that is not empty stands, and its values by column."""
    rows = _rows(path)
    header = [name.strip().lower() for name in rows[0]] if rows else []
    if not {"cluster", "category"} <= set(header):
        raise ValueError(
            f"The first line of {path} does not name the columns cluster and category; "
            "use names.csv as the report exports it."
        )
    for number, row in enumerate(rows[1:], 2):
        where, values = f"{path}, line {number}", [value.strip() for value in row]
        if not any(values):
            continue
        if len(values) != len(header):
            raise ValueError(
                f"{where}: it has {len(values)} fields, but the first line has "
                f"{len(header)}; put a category with a comma in quotation marks."
            )
        yield where, dict(zip(header, values, strict=True))


def _rows(path: str | os.PathLike[str]) -> list[list[str]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            delimiter = ";" if first.count(";") > first.count(",") else ","
            return list(csv.reader(file, delimiter=delimiter, strict=True))
    except UnicodeDecodeError:
        raise ValueError(
            f"{path} is not UTF-8 text; save it as UTF-8 (in Excel: CSV UTF-8)."
        ) from None
    except csv.Error as error:
        raise ValueError(
            f"{path} is not a table separated by commas or semicolons ({error})."
        ) from None


def _images(text: str, cluster: int, labels: NDArray[Any], where: str) -> Iterator[int]:
    """Row numbers of images of a cluster."""
    for word in text.split():
        image = _number(word, len(labels), f"{where}: image")
        if labels[image] != cluster:
            raise ValueError(
                f"{where}: image {image} is in cluster {labels[image]}; the table may "
                "belong to another fit."
            )
        yield image


def _number(text: str, n: int, what: str) -> int:
    """A number from 0 to n - 1."""
    if not (re.fullmatch(r"[0-9]{1,15}", text) and int(text) < n):
        raise ValueError(f"{what} {text!r} is not a number from 0 to {n - 1}.")
    return int(text)
