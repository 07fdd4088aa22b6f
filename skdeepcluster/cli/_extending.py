"""Adding images to results, and writing what they become."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from skdeepcluster._names import Names
from skdeepcluster._results_reader import NAMED_BY
from skdeepcluster.cli._saying import say_categories, say_written
from skdeepcluster.cli._sorting import review
from skdeepcluster.review._assignment import Assignment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdeepcluster import DeepClusterCategorizer
    from skdeepcluster._results import Results
    from skdeepcluster.cli._growing import Grown


def extend(
    est: DeepClusterCategorizer,
    results: Results,
    before: pd.DataFrame,
    found: Grown,
    embeddings: bool,
) -> None:
    """Extend the model, replace all results together, and say what is new.

    Parameters
    ----------
    est : DeepClusterCategorizer
        Of the results.
    results : Results
    before : DataFrame
        ``clusters.csv`` as it was.
    found : Grown
    embeddings : bool
        Whether to write them. They are brought up to date if they are there already.
    """
    embeddings |= results.has_embeddings
    n_clusters = est.n_clusters_
    with results.together():
        table = _write(est, results, before, found, embeddings)
    _say(est, table, len(before), n_clusters)
    say_written(results)


def _write(
    est: DeepClusterCategorizer,
    results: Results,
    before: pd.DataFrame,
    found: Grown,
    embeddings: bool,
) -> pd.DataFrame:
    """Write everything, and give the table of all images."""
    images = results.write_images(found.parts, found.archive)
    n_fit, n_clusters = len(est.labels_), est.n_clusters_
    est.extend(images[n_fit:], images[:n_fit])
    embedding = np.concatenate([est.embedding_, est.new_embedding_])
    assignment = Assignment.of(est, images, embedding)
    new = range(n_clusters, est.n_clusters_)
    table = found.names.assign(cluster=assignment.labels, distance=assignment.distances)
    if est.names_ or "category" in before:
        table["category"] = _categories(est, before, assignment.labels)
        table["excluded"] = _excluded(before, assignment.labels)
    table["doubt"] = est.model_.decision(embedding) < 0
    results.write_clusters(table, "the cluster of each image, old and new ones")
    changes = _changes(table, before["cluster"].to_numpy(), n_clusters)
    what = "the images that are new, and old ones in new clusters"
    results.write_table("changes.csv", changes, what)
    if est.names_:
        results.write_series(table["category"], found.series)
    results.write_sources(found.sources)
    results.write_embeddings(embedding if embeddings else None)
    excluded = np.flatnonzero(table["excluded"]).tolist() if "excluded" in table else []
    review(results, est, found.names, images, assignment, new, excluded)
    results.draw(images, assignment, est, None)
    results.write_model(est, "the model, with the new clusters")
    return table


def _categories(
    est: DeepClusterCategorizer, before: pd.DataFrame, labels: NDArray[np.int64]
) -> NDArray[np.object_]:
    """The category of each image; an old one in its old cluster keeps its own."""
    categories = Names(est.names_).of(labels)
    if "category" in before:
        old = before["cluster"].to_numpy() == labels[: len(before)]
        categories[: len(before)][old] = before["category"].to_numpy()[old]
    return categories


def _excluded(before: pd.DataFrame, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which images a person has marked as not belonging to the cluster they are in."""
    excluded = np.zeros(len(labels), bool)
    if "excluded" in before:
        stays = before["cluster"].to_numpy() == labels[: len(before)]
        # As text, for it may have come back from a spreadsheet.
        is_marked = before["excluded"].astype(str).str.lower() == "true"
        excluded[: len(before)] = is_marked & stays
    return excluded


def _changes(
    table: pd.DataFrame, before: NDArray[np.int64], n_clusters: int
) -> pd.DataFrame:
    """New images, and old ones whose cluster is another one now."""
    was = pd.Series(before, index=table.index[: len(before)], dtype="Int64")
    changes = table.drop(columns=["category", "excluded"], errors="ignore").assign(
        row=table.index,
        cluster_before=was,
        is_new_cluster=table["cluster"] >= n_clusters,
        change=np.where(table.index < len(before), "moved", "new"),
    )
    first = [*NAMED_BY, "row", "change"]
    changed = was.reindex(table.index).fillna(-1) != table["cluster"]
    rest = [name for name in changes if name not in first]
    return changes.loc[changed, first + rest]


def _say(
    est: DeepClusterCategorizer, table: pd.DataFrame, n_before: int, n_clusters: int
) -> None:
    """Print what is new."""
    is_new = table.index >= n_before
    in_new = table["cluster"] >= n_clusters
    n_made = est.n_clusters_ - n_clusters
    print(
        f"{is_new.sum():,} new images beside {n_before:,} old ones: "
        f"{(is_new & ~in_new).sum():,} in old clusters, {(is_new & in_new).sum():,} in "
        f"{n_made} new ones"
        + (f" ({n_clusters} to {est.n_clusters_ - 1})" if n_made else "")
        + f".\n{(is_new & table['doubt']).sum():,} of them are in doubt, for they are "
        f"like no others; {(~is_new & in_new).sum():,} old images are in new clusters "
        "now.\n"
    )
    if est.names_:
        say_categories(table["category"], est.names_, est.n_clusters_)
