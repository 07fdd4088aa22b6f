"""Fitting, and writing what was found."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdeepcluster._assembly import auto_size, n_epochs_of
from skdeepcluster._interruption import current
from skdeepcluster._names import Names, names_from
from skdeepcluster._results import Results
from skdeepcluster.archive._rows import distinct, rows_on_disk
from skdeepcluster.archive._sources import Sources
from skdeepcluster.cli._fitting import fit
from skdeepcluster.cli._options import default_n_clusters
from skdeepcluster.cli._processes import HANDED_OVER, fit_in_processes
from skdeepcluster.cli._saying import say_categories, say_clusters, say_written
from skdeepcluster.cli._scores import Scores
from skdeepcluster.cli._signals import StopWhenInterrupted
from skdeepcluster.cli._turns import TakeTurns
from skdeepcluster.review import near_duplicates, outliers
from skdeepcluster.review._assignment import Assignment

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd
    from numpy.typing import NDArray

    from skdeepcluster import DeepClusterCategorizer
    from skdeepcluster.cli._reading import Found


class Wishes(NamedTuple):
    """What `sort` is asked for besides."""

    embeddings: bool = False
    """To write them."""
    distinct: bool = False
    """To learn from one of each group of exact copies."""
    n_clusters: bool = False
    """To choose it, by the number of images."""
    categories: NDArray[np.object_] | None = None
    """To name clusters after these: the former category of each image, or empty."""
    processes: int = 1
    """In how many to fit."""


def sort(
    est: DeepClusterCategorizer,
    output: Path,
    found: Found,
    labels: NDArray[Any] | None,
    wishes: Wishes | None = None,
) -> None:
    """Fit, write the results as soon as possible, and say what was found.

    OUT is locked. It keeps a checkpoint until they are written, and after Ctrl-C also
    afterwards.
    """
    wishes = wishes or Wishes()
    results = Results(output)
    height, width = found.images.shape[1:3]
    told = f"{len(found.images):,} images of {height} × {width} pixels"
    if est.image_size == "auto":
        size = auto_size(est, height, width)
        told += f", which the network sees at {size[0]} × {size[1]}"
    print(told, flush=True)

    shutil.rmtree(output / HANDED_OVER, ignore_errors=True)
    images, known, places = found.images, labels, None
    if wishes.distinct:
        kept, places = distinct(images)
        n_copies = len(images) - len(kept)
        print(f"{n_copies:,} of them are exact copies, which are not learnt from")
        if n_copies:
            images = rows_on_disk(images, kept, output)
            known = None if labels is None else labels[kept]
    if wishes.n_clusters:
        est.set_params(n_clusters=default_n_clusters(len(images)))
        told = f"{est.n_clusters} clusters for {len(images):,} images"
        print(f"-k was not given: {told}", flush=True)
    checkpoint = output / "checkpoint"
    est.set_params(checkpoint=checkpoint)
    stop = StopWhenInterrupted()
    start = time.perf_counter()
    if wishes.processes == 1:
        fit(est, images, known, stop, TakeTurns())
    else:
        est = fit_in_processes(est, images, known, stop, wishes.processes, output)
    seconds = time.perf_counter() - start
    n_epochs = n_epochs_of(est, len(images))
    if places is not None:
        _take_copies(est, places)
    assignment = Assignment.of(est, found.images, est.embedding_)
    if places is not None:
        est.inertia_ = float(np.square(assignment.distances, dtype=np.float64).sum())
    est.reader_ = found.reader
    if wishes.categories is not None:
        est.names_ = names_from(est.labels_, wishes.categories)
    results.forget()
    results.write_model(est, "the model, for new images")
    table = found.names.assign(cluster=assignment.labels, distance=assignment.distances)
    what = "each image's cluster and distance to its centre"
    if wishes.categories is not None:
        table["category"] = Names(est.names_).of(est.labels_)
        what += ", and its category"
    results.write_clusters(table, what)
    results.write_sources(Sources((found.source,)))
    results.write_embeddings(est.embedding_ if wishes.embeddings else None)
    if est.names_:
        results.write_series(table["category"], found.series)
    review(results, est, found.names, found.images, assignment, new=_to_name(est))
    of_epochs = {} if known is None else Scores(known).of_epochs(est.n_epochs_)
    results.draw(found.images, assignment, est, of_epochs)
    results.remove_unfinished()
    goes_on = stop.asked and est.n_epochs_ < n_epochs
    if not goes_on:
        _remove(checkpoint)
    say_clusters(est, seconds, n_epochs, labels)
    if goes_on:
        print(f"The same command continues from there, with {checkpoint}.")
    print()
    if wishes.categories is not None:
        say_categories(table["category"], est.names_, est.n_clusters_)
    say_written(results, found)


def _take_copies(est: DeepClusterCategorizer, places: NDArray[np.intp]) -> None:
    """Give copies that were not learnt from what the image that was kept has.

    As `predict` would, for their pixels are the same.
    """
    for name in ("labels_", "last_epoch_labels_", "embedding_"):
        setattr(est, name, getattr(est, name)[places])


def _to_name(est: DeepClusterCategorizer) -> list[int]:
    """The clusters that are left without a name, if some have one."""
    return [n for n in range(est.n_clusters_) if est.names_ and n not in est.names_]


def review(
    results: Results,
    est: DeepClusterCategorizer,
    names: pd.DataFrame,
    images: NDArray[Any],
    assignment: Assignment,
    new: Collection[int],
    excluded: Collection[int] = (),
) -> None:
    """Write what a person looks at: copies, outliers and the page, `new` first."""
    embedding = assignment.embedding
    copies = near_duplicates(est, images, embedding=embedding)
    strange = outliers(est, images, embedding=embedding)
    results.write_found(names, copies, strange)
    results.write_page(
        images,
        assignment,
        est,
        new=new,
        excluded=excluded,
        duplicates=copies,
        outliers=strange,
    )


def _remove(checkpoint: Path) -> None:
    """Remove finished checkpoints, and the folder if nothing else is in it."""
    for each in current.kept or ():
        each.remove()
    with suppress(OSError):  # another fit has not ended
        checkpoint.rmdir()
