"""The command line: `skdeepcluster demo`, `categorize`, `name` and `assign`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from skdeepcluster._arguments import parser

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray
    from sklearn.callback import ScoringMonitor

    from skdeepcluster import DeepClusterCategorizer
    from skdeepcluster.review._assignment import Assignment

_ROUNDING = 1e-5  # of a distance, with other images in the batch

# What takes long to import is imported where it is needed, for a quick --help.


class _Images(NamedTuple):
    """What is sorted."""

    images: NDArray[Any]
    names: pd.DataFrame
    """Columns image, frame and slice; empty where that does not apply."""
    series: pd.Series[int] | None
    """Of files that are in one; None where there are no files."""
    n_files: int
    n_skipped: int
    reader: dict[str, Any] | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code.

    Parameters
    ----------
    arguments : sequence of str or None
        None takes the process's own.

    Returns
    -------
    int
        0, or 2 where an argument or a file is not what it should be.
    """
    options = parser().parse_args(arguments)
    try:
        _COMMANDS[options.command](options)
    except (ValueError, OSError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"skdeepcluster: error: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("skdeepcluster: interrupted", file=sys.stderr)
        return 130
    return 0


def _demo(options: argparse.Namespace) -> None:
    from skdeepcluster.datasets import make_cardiac_views

    est = _estimator(options)
    images, views = make_cardiac_views(2000, class_weights="ukbb", random_state=0)
    print(
        "Schematic magnetic resonance images of the heart, of 13 kinds. Which is which "
        "is kept\nfrom the network, and only used to see how well it sorts them.\n"
    )
    _sort(est, options.output, _of_array(images), views)


def _categorize(options: argparse.Namespace) -> None:
    from skdeepcluster.archive import read_array

    est = _estimator(options)
    reader = {
        "image_size": max(64, options.image_size or 0),
        "channels": 1,
        "frames": options.frames,
        "window": options.window,
    }
    found = _read(options, reader)
    labels = None
    if options.labels is not None:
        labels = read_array(options.labels, "labels")
        if labels.shape != (len(found.images),):
            raise ValueError(
                f"--labels {options.labels} has shape {labels.shape}, and there are "
                f"{len(found.images)} images; give one label an image."
            )
    _sort(est, options.output, found, labels)


def _name(options: argparse.Namespace) -> None:
    import numpy as np

    from skdeepcluster.archive._store import write_table
    from skdeepcluster.review._names import read_names

    output = options.output
    est = _load(output)
    table = _read_clusters(output / "clusters.csv")
    clusters: Any = table.get("cluster", [])
    if not np.array_equal(clusters, est.labels_):
        raise ValueError(
            f"{output / 'clusters.csv'} does not hold the clusters of the model beside "
            "it; run skdeepcluster categorize again."
        )
    names = read_names(options.names, est.n_clusters_, est.labels_)
    table["category"] = names.of(est.labels_)
    write_table(output / "clusters.csv", table, float_format="%.5f")
    est.names_ = names.categories
    est.save(output / "model.safetensors")
    written = {
        "clusters.csv": "now with the category of each image",
        "model.safetensors": "now with the names, for new images",
    }
    if est.reader_ is not None:
        series = _read_series(output / "index.csv", len(table))
        written |= _write_series(output, table["category"], series)
    _print_categories(table["category"], names.categories, est.n_clusters_)
    _print_written(output, written)


def _assign(options: argparse.Namespace) -> None:
    from skdeepcluster.archive._layout import check_layout
    from skdeepcluster.review._assignment import embedded
    from skdeepcluster.review._names import Names

    est = _load(options.model)
    if options.output.resolve() in (
        options.model.resolve(),
        options.model.resolve().parent if options.model.is_file() else None,
    ):
        raise ValueError(
            f"--output {options.output} is where the model is, and what it was fitted "
            "to; choose another folder, or that would be replaced."
        )
    if options.path.is_dir() and est.reader_ is None:
        raise ValueError(
            f"{options.model} was fitted to an array, and does not say how files are "
            "read: give an array file, or fit it to a folder with skdeepcluster "
            "categorize."
        )
    if options.sort_into is not None:
        if not options.path.is_dir() or options.anonymous_paths is not None:
            raise ValueError(
                f"--sort-into {options.sort_into} keeps names of files, so it takes "
                "a folder of them, and no --anonymous-paths."
            )
        check_layout(options.path, options.sort_into, options.sort_by)
        if options.output.resolve().is_relative_to(options.sort_into.resolve()):
            raise ValueError(
                f"--output {options.output} lies in --sort-into {options.sort_into}, "
                "among the categories; choose another folder for the tables."
            )
    found = _read(options, est.reader_ or {})
    options.output.mkdir(parents=True, exist_ok=True)
    labels, distances = est.model_.assign(embedded(est, found.images))
    categories = Names(est.names_).of(labels)
    doubtful = distances > est.distance_limits_[labels] + _ROUNDING
    table = found.names.assign(category=categories, doubt=doubtful)
    _write_clusters(options.output, table, labels, distances)
    written = {"clusters.csv": "the cluster and category of each image, and doubts"}
    if est.names_ and found.series is not None:
        written |= _write_series(options.output, categories, found.series)
    if options.sort_into is not None:
        _sort_files(options, found, labels, categories)
    print(
        f"{doubtful.sum():,} of {len(labels):,} images are farther from the centre of "
        "their cluster than 99 % of\nthose that the model was fitted to, and may be of "
        "a kind that it has not seen.\n"
    )
    if est.names_:
        _print_categories(categories, est.names_, est.n_clusters_)
    _print_written(options.output, _written_when_read(found) | written)


def _load(model: Path) -> DeepClusterCategorizer:
    from skdeepcluster import DeepClusterCategorizer

    file = model / "model.safetensors" if model.is_dir() else model
    if not file.exists():
        raise FileNotFoundError(
            f"There is no model {file}; give what skdeepcluster categorize wrote."
        )
    return DeepClusterCategorizer.load(file)


def _read_clusters(path: Path) -> pd.DataFrame:
    """A table that `_write_clusters` wrote."""
    import pandas as pd

    dtypes: Mapping[str, Any] = {"image": str, "frame": "Int64", "slice": "Int64"}
    return pd.read_csv(
        path,
        dtype=dtypes,
        keep_default_na=False,  # a file may be called NA
        na_values={"frame": "", "slice": ""},
        encoding_errors="surrogateescape",
    )


def _read_series(path: Path, n_images: int) -> pd.Series[int]:
    import pandas as pd

    series = pd.read_csv(
        path, usecols=["series"], dtype="Int64", encoding_errors="surrogateescape"
    )["series"]
    if len(series) != n_images:
        raise ValueError(
            f"{path} has {len(series)} images, and clusters.csv {n_images}; run "
            "skdeepcluster categorize again."
        )
    return series


def _write_series(
    output: Path, categories: ArrayLike, series: pd.Series[int]
) -> dict[str, str]:
    """The vote of each series, where there are any; what was written."""
    from skdeepcluster.archive._store import write_table
    from skdeepcluster.review import series_vote

    votes = series_vote(categories, series)
    if not len(votes):
        return {}
    write_table(output / "series.csv", votes, float_format="%.5f")
    return {"series.csv": "the category of most images of each series of index.csv"}


def _sort_files(
    options: argparse.Namespace,
    found: _Images,
    labels: NDArray[Any],
    categories: NDArray[Any],
) -> None:
    """Lay each file out where most of its images belong."""
    from skdeepcluster.archive._layout import lay_out
    from skdeepcluster.review import series_vote

    folders = [
        category or f"cluster {label:03d}"
        for category, label in zip(categories, labels, strict=True)
    ]
    votes = series_vote(folders, found.names["image"])
    of_files = dict(zip(votes["series"], votes["category"], strict=True))
    lay_out(options.path, of_files, options.sort_into, options.sort_by)
    left = found.n_files - found.n_skipped - len(of_files)
    print(
        f"{len(of_files):,} of {found.n_files:,} files are in folders by category in "
        f"{options.sort_into};\n{found.n_skipped:,} were skipped, and {left:,} are of "
        "the same places as others, which stand for them (see --frames).\n"
    )


def _print_categories(
    categories: ArrayLike, names: dict[int, str], n_clusters: int
) -> None:
    import numpy as np
    import pandas as pd

    counts = pd.Series(np.asarray(categories)).value_counts()
    n_named = counts.drop("", errors="ignore").sum()
    print(
        f"{len(names)} of {n_clusters} clusters are named, with "
        f"{n_named / counts.sum():.1%} of the images:\n"
    )
    for category, count in counts.items():
        print(f"{count:>12,}  {category or '(no category)'}")
    print()


def _read(options: argparse.Namespace, reader: dict[str, Any]) -> _Images:
    """The images of an array file or a folder; OUT keeps those of a folder."""
    from skdeepcluster.archive import load_archive, read_images

    output = options.output.resolve()
    if not options.path.is_dir():
        (output / "skipped.csv").unlink(missing_ok=True)  # of another run
        return _of_array(read_images(options.path))
    if output.is_relative_to(options.path.resolve()):
        raise ValueError(
            f"--output {options.output} lies in {options.path}, where its pictures "
            "would be sorted next time; choose a folder elsewhere."
        )
    key = options.anonymous_paths
    if key is True:
        key = output.with_name(f"{output.name}-paths.csv")
    with _progress() as progress:
        archive = load_archive(
            options.path,
            output,
            **reader,
            on_error="raise" if options.strict else "skip",
            path_key=key,
            n_jobs=options.jobs,
            progress=progress,
        )
    index = archive.index
    kinds = archive.skipped["kind"].value_counts()
    told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    print(
        f"{archive.n_files:,} files, {len(archive.skipped):,} of them skipped"
        + (f" ({told})" if told else "")
    )
    said = index["burned_in"].value_counts()
    if said.get("yes", 0) + said.get("not said", 0):
        print(
            f"BurnedInAnnotation: YES of {said.get('yes', 0):,} images, not said of "
            f"{said.get('not said', 0):,}; names may be written in their pixels."
        )
    names = index[["path", "frame", "slice"]].rename(columns={"path": "image"})
    counts = (archive.n_files, len(archive.skipped))
    return _Images(archive.images, names, index["series"], *counts, reader)


def _of_array(images: NDArray[Any]) -> _Images:
    import pandas as pd

    names = pd.DataFrame({"image": range(len(images)), "frame": "", "slice": ""})
    return _Images(images, names, None, 0, 0, None)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for the headers and one for the pixels of an archive."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns) as bars:
        tasks: dict[str, Any] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(f"Reading {stage}")
            bars.update(tasks[stage], completed=done, total=total)

        yield progress


def _estimator(options: argparse.Namespace) -> DeepClusterCategorizer:
    """The estimator that the options ask for."""
    from skdeepcluster import DeepClusterCategorizer

    given = {"n_epochs": options.epochs, "image_size": options.image_size}
    return DeepClusterCategorizer.from_recipe(
        options.recipe,
        n_clusters=options.n_clusters,
        device=options.device,
        random_state=options.seed,
        **{name: value for name, value in given.items() if value is not None},
    )


class _StopWhenInterrupted:
    """Ctrl-C ends learning after the epoch, and results are written; twice, at once."""

    def setup(self, estimator: Any, context: Any) -> None:
        self.asked = False
        self.before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self.ask)

    def teardown(self, estimator: Any, context: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self.before)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        return self.asked

    def ask(self, *_: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        print(
            "\nStopping after this epoch, to keep what was learnt; once more to quit.",
            file=sys.stderr,
        )


def _sort(
    est: DeepClusterCategorizer,
    output: Path,
    found: _Images,
    labels: NDArray[Any] | None,
) -> None:
    """Fit, write the results as soon as they are there, and say what was found."""
    from sklearn.callback import ProgressBar

    from skdeepcluster.metrics import pseudo_label_monitor
    from skdeepcluster.review._assignment import Assignment
    from skdeepcluster.review._report import write_page

    output.mkdir(parents=True, exist_ok=True)
    height, width = found.images.shape[1:3]
    print(f"{len(found.images):,} images of {height} × {width} pixels", flush=True)

    monitor = None if labels is None else pseudo_label_monitor()
    callbacks = [ProgressBar(), _StopWhenInterrupted(), *([monitor] if monitor else [])]
    start = time.perf_counter()
    est.set_callbacks(*callbacks).fit(found.images, labels)
    seconds = time.perf_counter() - start
    est.reader_ = found.reader
    est.save(output / "model.safetensors")
    sorted_ = Assignment.of(est, found.images, est.embedding_)
    _write_clusters(output, found.names, sorted_.labels, sorted_.distances)
    write_page(output / "report.html", found.images, sorted_, est.cluster_centers_)
    _draw(output, found.images, est, sorted_, monitor)
    _print_summary(est, seconds, labels)
    print()
    written = {
        "model.safetensors": "the model, for new images",
        "clusters.csv": "the cluster of each image, and its distance from it",
        "report.html": "the clusters, to look at and to name in a browser",
        "montage.png": "the most typical images of each cluster",
        "history.png": "how learning went",
    }
    _print_written(output, written | _written_when_read(found))


def _written_when_read(found: _Images) -> dict[str, str]:
    if found.reader is None:
        return {}
    return {
        "images.npy": "the images as they were read, for the next run",
        "index.csv": "where each comes from",
        "skipped.csv": f"{found.n_skipped:,} file(s) not read, and why",
    }


def _print_written(output: Path, written: dict[str, str]) -> None:
    for name, what in written.items():
        print(f"  {output / name!s:<40} {what}")


def _write_clusters(
    output: Path, table: pd.DataFrame, labels: NDArray[Any], distances: NDArray[Any]
) -> None:
    from skdeepcluster.archive._store import write_table

    first = ["image", "frame", "slice", "cluster", "distance"]
    table = table.assign(cluster=labels, distance=distances)
    more = [name for name in table.columns if name not in first]
    write_table(output / "clusters.csv", table[first + more], float_format="%.5f")
    (output / "series.csv").unlink(missing_ok=True)  # of another run


def _draw(
    output: Path,
    images: NDArray[Any],
    est: DeepClusterCategorizer,
    sorted_: Assignment,
    monitor: ScoringMonitor | None,
) -> None:
    import matplotlib
    import matplotlib.pyplot as plt

    from skdeepcluster.review import ClusterMontageDisplay, TrainingHistoryDisplay

    matplotlib.use("agg")  # nothing is shown, only written
    montage = ClusterMontageDisplay.from_predictions(
        images, sorted_.labels, -sorted_.distances
    )
    history = TrainingHistoryDisplay.from_estimator(est, monitor=monitor)
    for name, display in (("montage", montage), ("history", history)):
        display.figure_.savefig(output / f"{name}.png")
        plt.close(display.figure_)


def _print_summary(
    est: DeepClusterCategorizer, seconds: float, labels: NDArray[Any] | None
) -> None:
    import numpy as np

    sizes = np.bincount(est.labels_)
    print(
        f"{est.n_clusters_} clusters of {sizes.min():,} to {sizes.max():,} images "
        f"(median {np.median(sizes):,.0f}), in {seconds:,.0f} s"
    )
    if est.n_epochs_ < est.n_epochs:
        print(f"Stopped after {est.n_epochs_} of {est.n_epochs} epochs.")
    if labels is None:
        return
    from sklearn.metrics import normalized_mutual_info_score

    from skdeepcluster.metrics import cluster_purity_score

    purity = cluster_purity_score(labels, est.labels_)
    nmi = normalized_mutual_info_score(labels, est.labels_)
    _, counts = np.unique(labels, return_counts=True)
    print(
        f"against the {len(counts)} known categories: purity {purity:.3f}, NMI "
        f"{nmi:.3f}\n"
        f"Name each cluster once, after what most of its images show, and {purity:.1%} "
        f"of the\nimages are named rightly; one name for all would be right for "
        f"{counts.max() / counts.sum():.1%}."
    )


_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "demo": _demo,
    "categorize": _categorize,
    "name": _name,
    "assign": _assign,
}

if __name__ == "__main__":
    sys.exit(main())
