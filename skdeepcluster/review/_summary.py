"""Clusters as tables: how large, how tight, and which images to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skdeepcluster.review._assignment import Assignment
from skdeepcluster.review._representatives import KINDS, choose

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

_COLUMNS = (
    "cluster",
    "size",
    "share",
    "distance_mean",
    "distance_std",
    "neighbor",
    "margin",
    "typical",
    "doubtful",
)


def cluster_table(
    estimator: DeepClusterCategorizer,
    X: ArrayLike,
    *,
    n_images: int = 3,
    embedding: NDArray[np.float32] | None = None,
) -> pd.DataFrame:
    """Describe clusters: their sizes, how tight they are, and their neighbours.

    Parameters
    ----------
    estimator : DeepClusterCategorizer
        Fitted.
    X : array-like of shape (n, ...)
        Images, those of the fit or others.
    n_images : int, default=3
        Images listed for each cluster, at least 1.
    embedding : ndarray of shape (n_samples, n_embedding), default=None
        The result of `transform` for X, such as `embedding_` for the images of the fit;
        None computes it.

    Returns
    -------
    pandas.DataFrame
        A row for each of the `n_clusters_` clusters, with the columns

        - cluster: its number;
        - size: images of X in it;
        - share: of all images, in [0, 1];
        - distance_mean, distance_std: mean and standard deviation of their distances to
          the centre, in [0, 2], because embeddings have length 1;
        - neighbor: the cluster with the second nearest centre for most of them, -1 if
          there is no other cluster;
        - margin: how much farther that centre is than their own, on average; near 0,
          the cluster runs into its neighbours;
        - typical, doubtful: lists of row numbers in X: nearest to the centre, the
          nearest first, and farthest from it, the farthest first.

        For a cluster without images, distances and margin are NaN, lists are empty.

    Raises
    ------
    ValueError
        If `n_images` is less than 1, or `embedding` is not that of these images.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepcluster import DeepClusterCategorizer
    >>> from skdeepcluster.review import cluster_table
    >>> images = load_digits().images[:300]
    >>> est = DeepClusterCategorizer(n_clusters=3, n_epochs=1)
    >>> table = cluster_table(est.fit(images), images)
    >>> int(table["size"].sum())
    300
    """
    _check_n(n_images, "n_images")
    assignment = Assignment.of(estimator, X, embedding)
    members = assignment.members()
    nobody = np.array([], dtype=np.intp)
    rows = [
        _described(assignment, cluster, members.get(cluster, nobody), n_images)
        for cluster in range(estimator.n_clusters_)
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _described(
    assignment: Assignment, cluster: int, rows: NDArray[np.intp], n_images: int
) -> dict[str, Any]:
    if not len(rows):  # of other images than those of the fit
        return {
            "cluster": cluster,
            "size": 0,
            "share": 0.0,
            "neighbor": -1,
            "typical": [],
            "doubtful": [],
        }
    distances = assignment.distances[rows].astype(np.float64)
    next_ones, counts = np.unique(assignment.others[rows], return_counts=True)
    neighbor = int(next_ones[counts.argmax()])
    chosen = choose(assignment, rows, {"typical": n_images, "doubtful": n_images})
    return {
        "cluster": cluster,
        "size": len(rows),
        "share": len(rows) / len(assignment.labels),
        "distance_mean": distances.mean(),
        "distance_std": distances.std(),
        "neighbor": -1 if neighbor == cluster else neighbor,
        "margin": assignment.margins[rows].astype(np.float64).mean(),
        "typical": chosen["typical"].tolist(),
        "doubtful": chosen["doubtful"].tolist(),
    }


def representatives(
    estimator: DeepClusterCategorizer,
    X: ArrayLike,
    n: int = 9,
    *,
    embedding: NDArray[np.float32] | None = None,
) -> pd.DataFrame:
    """Choose images that show what each cluster contains, and where it ends.

    Parameters
    ----------
    estimator : DeepClusterCategorizer
        Fitted.
    X : array-like of shape (n_samples, ...)
        Images, those of the fit or others.
    n : int, default=9
        Images of each kind per cluster, at least 1; fewer if the cluster has fewer.
    embedding : ndarray of shape (n_samples, n_embedding), default=None
        The result of `transform` for X, such as `embedding_` for the images of the fit;
        None computes it.

    Returns
    -------
    pandas.DataFrame
        With the columns

        - cluster: its number;
        - kind: "typical" for those nearest to the centre, the nearest first; "diverse"
          for images far from each other, beginning with the most typical one
          (farthest-first traversal, Gonzalez, 1985); "doubtful" for those farthest
          from the centre, the farthest first; "borderline" for those almost assigned
          to another cluster, the closest first;
        - rank: from 0, within cluster and kind;
        - image: the row number in X;
        - distance: to the centre, in [0, 2];
        - margin: how much farther the second nearest centre is, at least 0;
        - neighbor: the cluster of that centre, -1 if there is no other cluster.

        Clusters without images are left out, and so is "borderline" if there is only
        one cluster.

    Raises
    ------
    ValueError
        If `n` is less than 1, or `embedding` is not that of these images.

    Notes
    -----
    In a cluster of more than 2,000 images, diverse ones are chosen among at most 2,000,
    taken evenly from the most typical to the most doubtful.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepcluster import DeepClusterCategorizer
    >>> from skdeepcluster.review import representatives
    >>> images = load_digits().images[:300]
    >>> est = DeepClusterCategorizer(n_clusters=3, n_epochs=1)
    >>> table = representatives(est.fit(images), images, n=4)
    >>> table["kind"].value_counts().to_dict()
    {'typical': 12, 'diverse': 12, 'doubtful': 12, 'borderline': 12}
    """
    _check_n(n, "n")
    assignment = Assignment.of(estimator, X, embedding)
    return pd.concat(
        [
            _ranked(assignment, cluster, kind, images)
            for cluster, rows in assignment.members().items()
            for kind, images in choose(
                assignment, rows, dict.fromkeys(KINDS, n)
            ).items()
        ],
        ignore_index=True,
    )


def _ranked(
    assignment: Assignment, cluster: int, kind: str, images: NDArray[np.intp]
) -> pd.DataFrame:
    others = assignment.others[images]
    return pd.DataFrame(
        {
            "cluster": cluster,
            "kind": kind,
            "rank": np.arange(len(images)),
            "image": images,
            "distance": assignment.distances[images],
            "margin": assignment.margins[images],
            "neighbor": np.where(others == cluster, -1, others),
        }
    )


def _check_n(n: int, name: str) -> None:
    if n < 1:
        raise ValueError(f"{name} should be >= 1, got {n}.")
