"""The page on which a person names clusters."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import leaves_list
from sklearn.metrics import pairwise_distances

from skdeepcluster._names import check_names
from skdeepcluster.review._assignment import Assignment
from skdeepcluster.review._finds import finds
from skdeepcluster.review._page import as_json, write_html
from skdeepcluster.review._shown import Detail, Shown
from skdeepcluster.review._thumbnails import GreyRange, as_pictures, jpeg_sheet
from skdeepcluster.review._tree import merge_tree

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

# The first that keeps the file below the limit is used, or else the last.
_DETAILS = (
    Detail(64, 12, 12),
    Detail(64, 12, 6),
    Detail(64, 12, 3),
    Detail(48, 12, 3),
    Detail(48, 8, 2),
    Detail(32, 6, 2),
    Detail(32, 3, 1),
)
# Bytes of pictures and data; style and scripts take less than 0.1e6.
_LIMIT = 29_000_000
_JUDGED = 20  # clusters after which it can be judged whether all will fit
_N_NEAR = 8  # clusters that one is said to look like

_Drawn = tuple[dict[str, Any], bytes]  # what the page says of a cluster, and a picture


def write_report(
    path: str | os.PathLike[str],
    estimator: DeepClusterCategorizer,
    X: ArrayLike,
    *,
    names: Mapping[int, str] | None = None,
    image_names: Sequence[str] | None = None,
    title: str = "Clusters",
    embedding: NDArray[np.float32] | None = None,
    new: Collection[int] = (),
    duplicates: pd.DataFrame | None = None,
    outliers: pd.DataFrame | None = None,
) -> None:
    """Write the page on which a person names the clusters.

    It is a single HTML file that a browser opens from disk; it loads nothing and sends
    nothing. It shows typical, diverse, doubtful and borderline images of each cluster
    (as chosen by :func:`representatives`), takes names, and exports them as
    ``names.csv`` with the columns ``cluster``, ``category``, ``excluded`` (row numbers
    of images that were marked as not belonging, separated by spaces) and ``example``
    (the row number of one image of the cluster).

    Parameters
    ----------
    path : str or os.PathLike
        The file to write, such as ``report.html``; an existing one is replaced.
    estimator : DeepClusterCategorizer
        Fitted.
    X : array-like of shape (n_samples, ...)
        Images as `estimator` takes them, those of the fit or others. Of a memory map
        (an array that stays in its file), only the images shown are read once all are
        assigned.
    names : mapping of int to str, default=None
        Existing names of clusters. Clusters with the same name form one category. None
        takes `names_` of the estimator; ``{}`` shows none.
    image_names : sequence of str of length n_samples, default=None
        Captions, such as relative paths. None shows row numbers, so that no file name
        is on the page.
    title : str, default="Clusters"
        Heading of the page.
    embedding : ndarray of shape (n_samples, n_embedding), default=None
        The result of `transform` for X, such as `embedding_` for the images of the fit;
        None computes it.
    new : collection of int, default=()
        Clusters that are marked as new, and shown first.
    duplicates : DataFrame, default=None
        The result of :func:`near_duplicates` for X; its first groups are shown.
    outliers : DataFrame, default=None
        The result of :func:`outliers` for X; the first in doubt are shown.

    Raises
    ------
    ValueError
        If `estimator` was fitted on feature vectors, which cannot be shown; if `names`
        or `new` has a cluster that does not exist, or an invalid name; if `image_names`
        or `embedding` does not have one entry per image; or if `duplicates` or
        `outliers` is another table, or of other images.
    FileNotFoundError
        If there is no folder to write into.

    See Also
    --------
    skdeepcluster.ClusterMajorityClassifier.from_names : Categories from such names.
    ClusterMontageDisplay : A picture of the most typical images.

    Notes
    -----
    The file contains the thumbnails, so it is as confidential as the images. Each
    cluster has up to 48, or fewer if the file would otherwise exceed 30 MB.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skdeepcluster import DeepClusterCategorizer
    >>> from skdeepcluster.review import write_report
    >>> images = np.random.default_rng(0).random((20, 16, 16))
    >>> est = DeepClusterCategorizer(n_clusters=2, n_epochs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_report(Path(folder, "report.html"), est.fit(images), images)
    ...     # Without embedding them once more:
    ...     write_report(
    ...         Path(folder, "again.html"), est, images, embedding=est.embedding_
    ...     )
    """
    write_page(
        path,
        as_pictures(estimator, X),
        Assignment.of(estimator, X, embedding),
        estimator.cluster_centers_,
        names=estimator.names_ if names is None else names,
        image_names=image_names,
        title=title,
        new=new,
        duplicates=duplicates,
        outliers=outliers,
    )


def write_page(
    path: str | os.PathLike[str],
    images: NDArray[Any],
    assignment: Assignment,
    centers: NDArray[Any],
    *,
    names: Mapping[int, str] | None = None,
    image_names: Sequence[str] | None = None,
    title: str = "Clusters",
    new: Collection[int] = (),
    excluded: Collection[int] = (),
    duplicates: pd.DataFrame | None = None,
    outliers: pd.DataFrame | None = None,
) -> None:
    """Write the page for images whose clusters are known; see `write_report`.

    Parameters
    ----------
    path : str or os.PathLike
        The file to write.
    images : ndarray of shape (n, height, width) or (n, height, width, channels)
        May be a memory map; only what is shown is read.
    assignment : Assignment
        Of these images.
    centers : ndarray of shape (n_clusters, n_embedding)
        Of all clusters, including those without an image here, which are not shown.
    names : mapping of int to str, default=None
        Existing names of clusters.
    image_names : sequence of str of length n, default=None
        Captions.
    title : str, default="Clusters"
        Heading of the page.
    new : collection of int, default=()
        Clusters that are marked as new, and shown first.
    excluded : collection of int, default=()
        Rows of images that are marked as not belonging to their cluster.
    duplicates, outliers : DataFrame, default=None
        Copies and outliers among these images.
    """
    given = check_names(names or {}, len(centers))
    _check_new(new, len(centers))
    if image_names is not None and len(image_names) != len(images):
        raise ValueError(
            f"image_names has {len(image_names)} names, but there are {len(images)} "
            "images; give one name per image."
        )
    if image_names is not None:
        image_names = list(image_names)  # by place, not by the index of a Series
    marked = by_cluster(excluded, assignment.labels)
    members = assignment.members()
    clusters = np.array(list(members))
    sizes = np.array([len(rows) for rows in members.values()])
    tree = merge_tree(centers[clusters], sizes)
    order = leaves_list(tree) if len(clusters) > 1 else np.zeros(1, dtype=int)
    near = _nearest(centers[clusters])
    typical = [rows[: _DETAILS[0].n_typical] for rows in members.values()]
    shown = GreyRange.of_some(images, np.concatenate(typical))
    drawn = _draw(images, assignment, members, image_names, shown)
    cards = [card for card, _ in drawn]
    for card, others in zip(cards, near, strict=True):
        card["near"] = clusters[others].tolist()
        if card["number"] in new:
            card["isNew"] = True
    found = [
        (find, jpeg_sheet(images, rows, _DETAILS[0].tile, shown))
        for find, rows in finds(duplicates, outliers, len(images), image_names)
    ]
    data = {
        "digest": _digest(assignment, centers, given, marked),
        "nImages": len(images),
        "nClusters": len(centers),
        "names": given,
        "excluded": marked,
        "order": clusters[order].tolist(),
        "merges": tree[:, :2].astype(int).tolist(),
        "clusters": cards,
        "finds": [find for find, _ in found],
    }
    write_html(
        path,
        title=title,
        data=data,
        sheets=[sheet for _, sheet in drawn + found],
        with_image_names=image_names is not None,
    )


def _check_new(new: Collection[int], n_clusters: int) -> None:
    for cluster in new:
        if cluster not in range(n_clusters):
            raise ValueError(
                f"There is no cluster {cluster} to be new: clusters are numbered from "
                f"0 to {n_clusters - 1}."
            )


def _nearest(centers: NDArray[Any]) -> NDArray[np.intp]:
    """The nearest other centres of each, the nearest first."""
    distances = pairwise_distances(centers)
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1, kind="stable")
    return order[:, : min(_N_NEAR, len(centers) - 1)]


def by_cluster(
    rows: Collection[int], labels: NDArray[np.int64]
) -> list[tuple[int, list[int]]]:
    """Sort rows into their clusters.

    Parameters
    ----------
    rows : collection of int
        Of some images.
    labels : ndarray of shape (n_images,)
        The cluster of each image.

    Returns
    -------
    list of (cluster, rows)
        In order; clusters without any are left out.
    """
    found: dict[int, list[int]] = {}
    for row in sorted(map(int, rows)):
        found.setdefault(int(labels[row]), []).append(row)
    return sorted(found.items())


def _digest(
    assignment: Assignment,
    centers: NDArray[Any],
    names: Mapping[int, str],
    marked: list[tuple[int, list[int]]],
) -> str:
    """Identify this page's names in the browser's storage."""
    digest = hashlib.sha256(assignment.labels.tobytes())
    digest.update(np.ascontiguousarray(centers).tobytes())
    digest.update(as_json([names, marked]).encode())
    return digest.hexdigest()[:20]


def _draw(
    images: NDArray[Any],
    assignment: Assignment,
    members: dict[int, NDArray[np.intp]],
    image_names: Sequence[str] | None,
    shown: GreyRange,
) -> list[_Drawn]:
    """Data and pictures of all clusters, as rich as the limit allows."""

    def drawn(detail: Detail) -> Iterator[_Drawn]:
        for card, rows in _cards(assignment, members, detail, image_names):
            yield card, jpeg_sheet(images, rows, detail.tile, shown)

    for detail in _DETAILS[:-1]:
        fitting = _if_they_fit(drawn(detail), len(members))
        if fitting is not None:
            return fitting
    return list(drawn(_DETAILS[-1]))


def _if_they_fit(drawn: Iterator[_Drawn], n: int) -> list[_Drawn] | None:
    """All n, or None as soon as they are seen to go beyond the limit."""
    done = []
    n_bytes = 0
    for card, sheet in drawn:
        done.append((card, sheet))
        n_bytes += len(sheet) * 4 // 3 + len(as_json(card))
        is_known = len(done) >= min(_JUDGED, n)
        if is_known and n_bytes * n > _LIMIT * len(done):
            return None
    return done


def _cards(
    assignment: Assignment,
    members: dict[int, NDArray[np.intp]],
    detail: Detail,
    image_names: Sequence[str] | None,
) -> Iterator[tuple[dict[str, Any], NDArray[np.intp]]]:
    """What the page says of each cluster, and which images it shows."""
    for cluster, theirs in members.items():
        rows, views = Shown.of(assignment, theirs, detail)
        card = {
            "number": cluster,
            "size": len(theirs),
            "distance": round(float(assignment.distances[theirs].mean()), 4),
            "rows": rows.tolist(),
            "distances": [round(float(d), 3) for d in assignment.distances[rows]],
            "views": views,
            "others": assignment.others[rows[views["borderline"]]].tolist(),
        }
        if image_names is not None:
            card["imageNames"] = [str(image_names[row]) for row in rows]
        yield card, rows
