"""`skdeepcluster categorize`: clusters of an archive."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skdeepcluster.cli._backbone import add_backbone, of_backbone, reading_size
from skdeepcluster.cli._options import (
    ARCHIVE,
    Commands,
    add_learning,
    add_output,
    add_reading,
    estimator,
    window,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from skdeepcluster.cli._reading import Found


def add_to(commands: Commands) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "categorize", help="sort an archive of images of your own"
    )
    command.add_argument("path", type=Path, metavar="PATH", help=ARCHIVE)
    command.add_argument(
        "-k",
        "--n-clusters",
        type=int,
        metavar="K",
        help="number of clusters to find: about 8 times the expected categories "
        "(default: the square root of the number of images, from 16 to 200)",
    )
    command.add_argument(
        "--image-size",
        type=int,
        metavar="PIXELS",
        help="height and width at which the network sees images; those of a folder are "
        "also read at this size, at least 64 (default: 32 or 64, by the size of the "
        "images, read at twice that; recipes other than fast see the size as read)",
    )
    command.add_argument(
        "--channels",
        type=int,
        choices=[1, 3],
        help="read the files of a folder in grey (1) or in colour (3) (default: as "
        "before, or else colour if most of 1,000 pictures are coloured; DICOM and "
        "NIfTI count as grey)",
    )
    command.add_argument(
        "--frames",
        choices=["first", "all", "middle"],
        default="first",
        help="which images of the same place in a series to read: the first in time, "
        "all, or the middle one (default: first)",
    )
    command.add_argument(
        "--window",
        type=window,
        default="series",
        metavar="series|image|LOW,HIGH|none",
        help="what becomes black and white: percentiles of the series or of the image, "
        "or two pixel values, with a negative one as --window=-160,240; none keeps the "
        "values (default: series)",
    )
    command.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help=".npy or .npz file (array 'labels') with known categories, in the order "
        "of the images: adds purity (the share of images in the most frequent category "
        "of their cluster) and NMI (normalised mutual information) to summary and "
        "history, and changes nothing else",
    )
    command.add_argument(
        "--names-from",
        type=Path,
        metavar="OLD",
        help="name clusters after the categories in OLD, the results of an earlier run "
        "whose clusters are named: a cluster takes the category that at least 90 %% of "
        "its images with one had. Images are told by path, frame and slice, or by "
        "their rows in an array. The page shows the clusters that are left first",
    )
    command.add_argument(
        "--drop-duplicates",
        action="store_true",
        help="learn from one of each group of images whose pixels, as read, are equal; "
        "the others get its cluster (near duplicates are only listed, in "
        "duplicates.csv)",
    )
    add_output(command)
    add_reading(command)
    add_learning(command)
    command.add_argument(
        "--processes",
        type=int,
        metavar="N",
        help="number of processes that learn together, each with a GPU, or a share of "
        "the cores, of its own (default: one per GPU, or 1)",
    )
    add_backbone(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read the archive, and sort its images."""
    from skdeepcluster._parameters import check_parameters
    from skdeepcluster._results_reader import check_unnamed
    from skdeepcluster.cli._processes import n_processes
    from skdeepcluster.cli._reading import reading
    from skdeepcluster.cli._sorting import Wishes, sort

    est = estimator(options, **of_backbone(options))
    check_parameters(est)  # before an archive is read, which may take hours
    if options.labels is not None and not options.labels.is_file():
        raise FileNotFoundError(f"--labels {options.labels} is not a file.")
    processes = n_processes(options.processes, options.device)
    size = options.image_size
    reader = {
        "image_size": reading_size(est) if size is None else max(64, size),
        "channels": options.channels or "auto",
        "frames": options.frames,
        "window": options.window,
    }

    def check(output: Path) -> None:
        check_unnamed(output, by_hand=options.names_from is not None)

    if options.names_from is not None:
        _check_names_from(options)
    with reading(options, reader, check) as found:
        labels = None
        if options.labels is not None:
            labels = _labels(options.labels, len(found.images))
        wishes = Wishes(
            embeddings=options.embeddings,
            distinct=options.drop_duplicates,
            n_clusters=options.n_clusters is None,
            categories=_categories(options.names_from, found),
            processes=processes,
        )
        sort(est, options.output, found, labels, wishes)


def _check_names_from(options: argparse.Namespace) -> None:
    """Raise ValueError if names could not be read, or would belong to other images."""
    from skdeepcluster._files import finish_replacing
    from skdeepcluster._results_reader import ResultsReader
    from skdeepcluster.cli._reading import path_key

    old, output = options.names_from, options.output
    if old.resolve() == output.resolve():
        raise ValueError(
            f"--names-from {old} is --output, whose files are replaced; choose another "
            "folder for the results."
        )
    finish_replacing(old)
    if not (old / "clusters.csv").is_file():
        raise FileNotFoundError(
            f"--names-from {old} has no clusters.csv; give a folder that skdeepcluster "
            "categorize and name wrote."
        )
    if options.path.is_dir():
        key = path_key(options.anonymous_paths, output.resolve())
        ResultsReader(old).read_sources().check_key(key, old)


def _categories(old: Path | None, found: Found) -> NDArray[np.object_] | None:
    """The categories that the images have in the results `old`."""
    from skdeepcluster._results_reader import ResultsReader

    if old is None:
        return None
    results = ResultsReader(old)
    if found.reader is None:
        results.read_sources().check_array(found.images, old)
        return results.categories_of(found.names)
    return results.categories_of(found.names, found.source.path)


def _labels(path: Path, n_images: int) -> NDArray[Any]:
    import pandas as pd

    from skdeepcluster.archive._arrays import read_array

    labels = read_array(path, "labels")
    if labels.shape != (n_images,):
        raise ValueError(
            f"--labels {path} has shape {labels.shape}, but there are {n_images} "
            "images; give one label per image."
        )
    if (n_missing := int(pd.isna(labels).sum())) > 0:
        raise ValueError(
            f"--labels {path} has {n_missing} missing values; purity and NMI need the "
            "category of every image. Give those without one a category of their own, "
            "or leave out --labels."
        )
    return labels
