"""`skdeepcluster assign`: clusters and categories of new images."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skdeepcluster.cli._options import ARCHIVE, Commands, add_output, add_reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdeepcluster import DeepClusterCategorizer
    from skdeepcluster.cli._reading import Found


def add_to(commands: Commands) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "assign",
        help="find clusters and categories of new images with an existing model",
    )
    command.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        help="model.safetensors, or the folder in which categorize wrote it",
    )
    command.add_argument("path", type=Path, metavar="PATH", help=ARCHIVE)
    command.add_argument(
        "--sort-into",
        type=Path,
        metavar="DIR",
        help="also sort the files that gave an image into folders by category, in a "
        "new folder DIR; a file with several images goes to the most frequent category",
    )
    command.add_argument(
        "--sort-by",
        choices=["hardlink", "symlink", "copy"],
        default="symlink",
        help="how --sort-into places files; originals stay (default: symlink). A hard "
        "link updates a file's time of change, so the next run reads it again",
    )
    add_output(command)
    add_reading(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Find the clusters of new images, and write them."""
    from skdeepcluster._attributes import READER
    from skdeepcluster._results_reader import load_model
    from skdeepcluster.cli._reading import reading

    est = load_model(options.model)
    _check(options, est)
    with reading(options, READER | (est.reader_ or {})) as found:
        _assign(options, est, found)


def _assign(
    options: argparse.Namespace, est: DeepClusterCategorizer, found: Found
) -> None:
    from skdeepcluster._names import Names
    from skdeepcluster._results import Results
    from skdeepcluster.cli._saying import say_categories, say_written
    from skdeepcluster.review._assignment import embedded

    results = Results(options.output)
    embedding = embedded(est, found.images)
    labels, distances = est.model_.assign(embedding)
    categories = Names(est.names_).of(labels)
    doubtful = est.model_.decision(embedding) < 0
    table = found.names.assign(cluster=labels, distance=distances)
    table = table.assign(category=categories, doubt=doubtful)
    what = "the cluster and category of each image, and whether it is in doubt"
    results.write_clusters(table, what)
    results.write_embeddings(embedding if options.embeddings else None)
    if est.names_:
        results.write_series(categories, found.series)
    if options.sort_into is not None:
        _sort_files(options, found, labels, categories)
    print(
        f"{doubtful.sum():,} of {len(labels):,} images are farther from all clusters "
        "than 98 % of the images that the\nmodel was fitted to would be if they were "
        "new, and may be of a kind that it has not seen.\n"
    )
    if est.names_:
        say_categories(categories, est.names_, est.n_clusters_)
    say_written(results, found)


def _check(options: argparse.Namespace, est: DeepClusterCategorizer) -> None:
    """Raise ValueError if results would be replaced, or files cannot be read."""
    from skdeepcluster._results_reader import MODEL

    model, output = options.model.resolve(), options.output.resolve()
    beside = model.parent if model.is_file() else model
    if output == beside or (output / MODEL).exists():
        raise ValueError(
            f"--output {options.output} is where a model is, whose tables would be "
            "replaced; choose another folder."
        )
    if options.path.is_dir() and est.reader_ is None:
        raise ValueError(
            f"{options.model} was fitted to an array, so it does not say how to read "
            "files: use an array file, or fit a model to a folder with skdeepcluster "
            "categorize."
        )
    if options.sort_into is not None:
        _check_sorting(options)


def _check_sorting(options: argparse.Namespace) -> None:
    from skdeepcluster.archive._layout import check_layout

    if not options.path.is_dir() or options.anonymous_paths is not None:
        raise ValueError(
            f"--sort-into {options.sort_into} keeps file names, so it needs a folder "
            "of files and no --anonymous-paths."
        )
    check_layout(options.path, options.sort_into, options.sort_by)
    if options.output.resolve().is_relative_to(options.sort_into.resolve()):
        raise ValueError(
            f"--output {options.output} lies in --sort-into {options.sort_into}, among "
            "the categories; choose another folder for the tables."
        )


def _sort_files(
    options: argparse.Namespace,
    found: Found,
    labels: NDArray[Any],
    categories: NDArray[Any],
) -> None:
    """Sort each file into the most frequent category of its images."""
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
        f"{options.sort_into};\n{found.n_skipped:,} were skipped, and {left:,} are "
        "left out because others show the same place (see --frames).\n"
    )
