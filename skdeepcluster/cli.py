"""The command line: `skdeepcluster demo` and `skdeepcluster categorize`."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skdeepcluster import __version__

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdeepcluster import DeepClusterCategorizer
    from skdeepcluster.archive import Archive

# What takes long to import is imported where it is needed, for a quick --help.


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
    demo.set_defaults(run=_demo, n_clusters=104, image_size=None)

    categorize = commands.add_parser(
        "categorize", help="sort an archive of images of your own"
    )
    categorize.add_argument(
        "path",
        type=Path,
        metavar="PATH",
        help=".npy file, .npz file (array 'images'), or folder of PNG and JPEG files",
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
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help="folder for the results; made if need be, files in it are replaced",
    )
    categorize.add_argument(
        "--image-size",
        type=int,
        metavar="PIXELS",
        help="height and width at which the network sees images; of picture files also "
        "that at which they are read, at least 64 (default: the recipe's)",
    )
    categorize.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help=".npy or .npz (array 'labels') of known categories, in the order of the "
        "images: adds purity and NMI to summary and history, and changes nothing else",
    )
    categorize.set_defaults(run=_categorize)

    for command in (demo, categorize):
        command.add_argument(
            "--recipe", default="fast", help="named set of parameters (default: fast)"
        )
        command.add_argument(
            "--epochs", type=int, metavar="N", help="(default: the recipe's)"
        )
        command.add_argument("--seed", type=int, default=0, help="(default: 0)")
        command.add_argument(
            "--device", default="auto", help="auto, cpu or cuda (default: auto)"
        )
    return parser


def _demo(options: argparse.Namespace) -> None:
    from skdeepcluster.archive import Archive
    from skdeepcluster.datasets import make_cardiac_views

    est = _estimator(options)
    images, views = make_cardiac_views(2000, class_weights="ukbb", random_state=0)
    print(
        "Schematic magnetic resonance images of the heart, of 13 kinds. Which is which "
        "is kept\nfrom the network, and only used to see how well it sorts them.\n"
    )
    names = [str(row) for row in range(len(images))]
    _sort(est, options.output, Archive(images, names, []), views)


def _categorize(options: argparse.Namespace) -> None:
    from skdeepcluster.archive import read_archive, read_array

    est = _estimator(options)
    output = options.output.resolve()
    if options.path.is_dir() and output.is_relative_to(options.path.resolve()):
        raise ValueError(
            f"--output {options.output} lies in {options.path}, where its pictures "
            "would be sorted next time; choose a folder elsewhere."
        )
    archive = read_archive(options.path, image_size=max(64, options.image_size or 0))
    labels = None
    if options.labels is not None:
        labels = read_array(options.labels, "labels")
        if labels.shape != (len(archive.images),):
            raise ValueError(
                f"--labels {options.labels} has shape {labels.shape}, and there are "
                f"{len(archive.images)} images; give one label an image."
            )
    _sort(est, options.output, archive, labels)


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
    archive: Archive,
    labels: NDArray[Any] | None,
) -> None:
    """Fit, write the results as soon as they are there, and say what was found."""
    from sklearn.callback import ProgressBar, ScoringMonitor

    from skdeepcluster.metrics import pseudo_label_nmi, pseudo_label_purity

    output.mkdir(parents=True, exist_ok=True)
    height, width = archive.images.shape[1:3]
    print(f"{len(archive.images):,} images of {height} × {width} pixels", flush=True)

    monitor = ScoringMonitor(
        scoring={"nmi": pseudo_label_nmi, "purity": pseudo_label_purity}
    )
    callbacks = [ProgressBar()] if labels is None else [ProgressBar(), monitor]
    start = time.perf_counter()
    est.set_callbacks(*callbacks).fit(archive.images, labels)
    seconds = time.perf_counter() - start
    est.save(output / "model.safetensors")
    written = {"model.safetensors": "the model, for new images"}
    scores = est.score_samples(archive.images)
    _write_clusters(output / "clusters.csv", archive.names, est.labels_, -scores)
    written["clusters.csv"] = "the cluster of each image, and its distance from it"
    if archive.skipped:
        _write_skipped(output / "skipped.csv", archive.skipped)
        written["skipped.csv"] = f"{len(archive.skipped)} file(s) not read, and why"
    else:
        (output / "skipped.csv").unlink(missing_ok=True)  # of another run
    curves = {}
    if labels is not None and est.n_epochs_:
        log = monitor.get_logs().data_as_pandas
        epochs = log[log["task_name"] == "epoch"]
        curves = {name: epochs[name].to_numpy() for name in ("nmi", "purity")}
    _draw(output, archive.images, est, scores, curves)
    written["montage.png"] = "the most typical images of each cluster"
    written["history.png"] = "how learning went"
    _print_summary(est, seconds, labels)
    print()
    for name, what in written.items():
        print(f"  {output / name!s:<40} {what}")


def _write_clusters(
    path: Path, names: list[str], labels: NDArray[Any], distances: NDArray[Any]
) -> None:
    import pandas as pd

    table = pd.DataFrame(
        {
            "image": names,
            "frame": "",
            "slice": "",
            "cluster": labels,
            "distance": distances,
        }
    )
    # A file's name may be no valid text; its bytes are kept.
    table.to_csv(path, index=False, float_format="%.5f", errors="surrogateescape")


def _write_skipped(path: Path, skipped: list[tuple[str, str]]) -> None:
    import pandas as pd

    table = pd.DataFrame(skipped, columns=["path", "reason"])
    table.to_csv(path, index=False, errors="surrogateescape")


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
