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
    add_reading,
    estimator,
    window,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
        required=True,
        metavar="K",
        help="number of clusters to find: about 8 times the expected categories",
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
        "or two pixel values; none keeps the values (default: series)",
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
    add_reading(command)
    add_learning(command)
    add_backbone(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read the archive, and sort its images."""
    from skdeepcluster.cli._reading import read
    from skdeepcluster.cli._sorting import sort

    est = estimator(options, **of_backbone(options))
    size = options.image_size
    reader = {
        "image_size": reading_size(est) if size is None else max(64, size),
        "channels": options.channels or "auto",
        "frames": options.frames,
        "window": options.window,
    }
    found = read(options, reader)
    labels = None
    if options.labels is not None:
        labels = _labels(options.labels, len(found.images))
    sort(est, options.output, found, labels)


def _labels(path: Path, n_images: int) -> NDArray[Any]:
    from skdeepcluster.archive._arrays import read_array

    labels = read_array(path, "labels")
    if labels.shape != (n_images,):
        raise ValueError(
            f"--labels {path} has shape {labels.shape}, but there are {n_images} "
            "images; give one label per image."
        )
    return labels
