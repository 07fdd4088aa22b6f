"""The command line: `skdeepcluster demo`, `categorize` and `assign`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from skdeepcluster import __version__

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from skdeepcluster import DeepClusterCategorizer

# What takes long to import is imported where it is needed, for a quick --help.

_ARCHIVE = (
    ".npy file, .npz file (array 'images'), or a folder of DICOM, NIfTI, PNG, JPEG and "
    "TIFF files, whatever their names"
)


class _Images(NamedTuple):
    """What is sorted."""

    images: NDArray[Any]
    names: pd.DataFrame
    """Columns image, frame and slice; empty where that does not apply."""
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
    options = _parser().parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace], None] = options.run
        run(options)
    except (ValueError, OSError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"skdeepcluster: error: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("skdeepcluster: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skdeepcluster",
        description="Sort unlabelled images into pure clusters.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    demo = commands.add_parser(
        "demo", help="sort 2,000 schematic views of the heart that it draws itself"
    )
    demo.add_argument(
        "-o", "--output", type=Path, default=Path("skdeepcluster-demo"), metavar="OUT"
    )
    demo.set_defaults(run=_demo, n_clusters=104, image_size=None, epochs=30)

    categorize = commands.add_parser(
        "categorize", help="sort an archive of images of your own"
    )
    categorize.add_argument(
        "path",
        type=Path,
        metavar="PATH",
        help=_ARCHIVE,
    )
    categorize.add_argument(
        "-k",
        "--n-clusters",
        type=int,
        required=True,
        metavar="K",
        help="clusters to find: some 8 times the categories that you expect",
    )
    categorize.add_argument(
        "--image-size",
        type=int,
        metavar="PIXELS",
        help="height and width at which the network sees images; of a folder's also "
        "that at which they are read, at least 64 (default: the recipe's)",
    )
    categorize.add_argument(
        "--frames",
        choices=["first", "all", "middle"],
        default="first",
        help="of images of the same place in a series, the first in time, all, or the "
        "middle one (default: first)",
    )
    categorize.add_argument(
        "--window",
        type=_window,
        default="series",
        metavar="series|image|LOW,HIGH|none",
        help="what becomes black and white: percentiles of the series or of the image, "
        "or two values; none keeps the values (default: series)",
    )
    categorize.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help=".npy or .npz (array 'labels') of known categories, in the order of the "
        "images: adds purity and NMI to summary and history, and changes nothing else",
    )
    categorize.set_defaults(run=_categorize)

    assign = commands.add_parser(
        "assign", help="find the clusters of new images, with a model that is there"
    )
    assign.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        help="model.safetensors, or the folder that categorize wrote it to",
    )
    assign.add_argument("path", type=Path, metavar="PATH", help=_ARCHIVE)
    assign.set_defaults(run=_assign)

    for command in (categorize, assign):
        command.add_argument(
            "-o",
            "--output",
            type=Path,
            required=True,
            metavar="OUT",
            help="folder for the results; made if need be, files in it are replaced",
        )
        command.add_argument(
            "--anonymous-paths",
            type=Path,
            nargs="?",
            const=True,
            metavar="KEY",
            help="write numbers instead of the paths of files, and which is which to "
            "the file KEY (default: OUT-paths.csv, beside OUT)",
        )
        command.add_argument(
            "--strict",
            action="store_true",
            help="end at the first file that cannot be read",
        )
        command.add_argument(
            "--jobs",
            type=int,
            default=-1,
            metavar="N",
            help="processes that read files (default: one for each core)",
        )

    for command in (demo, categorize):
        command.add_argument(
            "--recipe", default="fast", help="named set of parameters (default: fast)"
        )
        command.add_argument(
            "--epochs",
            type=int,
            metavar="N",
            help="(default: the recipe's; of the demo 30)",
        )
        command.add_argument("--seed", type=int, default=0, help="(default: 0)")
        command.add_argument(
            "--device", default="auto", help="auto, cpu or cuda (default: auto)"
        )
    return parser


def _window(text: str) -> str | tuple[float, float] | None:
    if text in ("series", "image"):
        return text
    if text == "none":
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is none of series, image, none, and two numbers with a comma"
        ) from None
    return low, high


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


def _assign(options: argparse.Namespace) -> None:
    import numpy as np

    from skdeepcluster import DeepClusterCategorizer

    model = options.model
    if model.is_dir():
        model = model / "model.safetensors"
    est = DeepClusterCategorizer.load(model)
    if options.path.is_dir() and est.reader_ is None:
        raise ValueError(
            f"{model} was fitted to an array, and does not say how files are read: "
            "give an array file, or fit it to a folder with skdeepcluster categorize."
        )
    found = _read(options, est.reader_ or {})
    options.output.mkdir(parents=True, exist_ok=True)
    labels = est.predict(found.images)
    distances = -est.score_samples(found.images)
    _write_clusters(options.output / "clusters.csv", found.names, labels, distances)
    print(
        f"{len(labels):,} images in {len(np.unique(labels))} of the model's "
        f"{est.n_clusters_} clusters\n"
    )
    _print_written(options.output, _written_when_read(found) | _CLUSTERS)


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
    return _Images(archive.images, names, len(archive.skipped), reader)


def _of_array(images: NDArray[Any]) -> _Images:
    import pandas as pd

    names = pd.DataFrame({"image": range(len(images)), "frame": "", "slice": ""})
    return _Images(images, names, 0, None)


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


def _sort(
    est: DeepClusterCategorizer,
    output: Path,
    found: _Images,
    labels: NDArray[Any] | None,
) -> None:
    """Fit, write the results as soon as they are there, and say what was found."""
    from sklearn.callback import ProgressBar, ScoringMonitor

    from skdeepcluster.metrics import pseudo_label_nmi, pseudo_label_purity

    output.mkdir(parents=True, exist_ok=True)
    height, width = found.images.shape[1:3]
    print(f"{len(found.images):,} images of {height} × {width} pixels", flush=True)

    monitor = ScoringMonitor(
        scoring={"nmi": pseudo_label_nmi, "purity": pseudo_label_purity}
    )
    callbacks = [ProgressBar()] if labels is None else [ProgressBar(), monitor]
    start = time.perf_counter()
    est.set_callbacks(*callbacks).fit(found.images, labels)
    seconds = time.perf_counter() - start
    est.reader_ = found.reader
    est.save(output / "model.safetensors")
    scores = est.score_samples(found.images)
    _write_clusters(output / "clusters.csv", found.names, est.labels_, -scores)
    curves = {}
    if labels is not None and est.n_epochs_:
        log = monitor.get_logs().data_as_pandas
        epochs = log[log["task_name"] == "epoch"]
        curves = {name: epochs[name].to_numpy() for name in ("nmi", "purity")}
    _draw(output, found.images, est, scores, curves)
    _print_summary(est, seconds, labels)
    print()
    written = {"model.safetensors": "the model, for new images"} | _CLUSTERS
    written["montage.png"] = "the most typical images of each cluster"
    written["history.png"] = "how learning went"
    _print_written(output, written | _written_when_read(found))


_CLUSTERS = {"clusters.csv": "the cluster of each image, and its distance from it"}


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
    path: Path, names: pd.DataFrame, labels: NDArray[Any], distances: NDArray[Any]
) -> None:
    from skdeepcluster.archive._store import write_table

    table = names.assign(cluster=labels, distance=distances)
    write_table(path, table, float_format="%.5f")


def _draw(
    output: Path,
    images: NDArray[Any],
    est: DeepClusterCategorizer,
    scores: NDArray[Any],
    curves: dict[str, NDArray[Any]],
) -> None:
    from skdeepcluster.review import plot_history, plot_montage

    plot_montage(images, est.labels_, scores).savefig(output / "montage.png")
    plot_history(est, **curves).savefig(output / "history.png")


def _print_summary(
    est: DeepClusterCategorizer, seconds: float, labels: NDArray[Any] | None
) -> None:
    import numpy as np

    sizes = np.bincount(est.labels_)
    print(
        f"{est.n_clusters_} clusters of {sizes.min():,} to {sizes.max():,} images "
        f"(median {np.median(sizes):,.0f}), in {seconds:,.0f} s"
    )
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


if __name__ == "__main__":
    sys.exit(main())
