"""Arguments that several commands take."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skdeepcluster import DeepClusterCategorizer

    # argparse has no public name for it.
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = Any

_FEWEST, _MOST = 16, 200  # clusters
_SMALLEST = 5  # images per cluster

ARCHIVE = (
    ".npy file, .npz file (array 'images'), or a folder of DICOM, NIfTI, PNG, JPEG and "
    "TIFF files, whatever their names"
)


def add_output(command: argparse.ArgumentParser) -> None:
    """Where results go."""
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help="folder for the results; created if needed, its files are replaced",
    )


def add_reading(command: argparse.ArgumentParser) -> None:
    """How files are read, and what of them is written."""
    command.add_argument(
        "--embeddings",
        action="store_true",
        help="also write embeddings.npy, the embedding of each row of clusters.csv",
    )
    command.add_argument(
        "--anonymous-paths",
        type=Path,
        nargs="?",
        const=True,
        metavar="KEY",
        help="write numbers instead of file paths, and the path of each number to the "
        "file KEY (default: OUT-paths.csv, beside OUT)",
    )
    command.add_argument(
        "--strict",
        action="store_true",
        help="stop at the first file that cannot be read",
    )
    command.add_argument(
        "--jobs",
        type=int,
        default=-1,
        metavar="N",
        help="number of processes that read files (default: one per core)",
    )
    command.add_argument(
        "--timeout",
        type=float,
        default=30,
        metavar="SECONDS",
        help="skip a file that takes longer to read (default: 30)",
    )
    command.add_argument(
        "--max-memory",
        type=float,
        default=4,
        metavar="GIB",
        help="skip a file that needs more memory to read (default: 4)",
    )


def add_learning(command: argparse.ArgumentParser) -> None:
    """How a network learns."""
    command.add_argument(
        "--recipe",
        default="fast",
        help="named set of parameters, such as fast or deepmcat (default: fast)",
    )
    command.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        help="number of epochs (default: that of the recipe; 30 for the demo)",
    )
    command.add_argument(
        "--seed", type=int, default=0, help="seed of the random numbers (default: 0)"
    )
    command.add_argument(
        "--device", default="auto", help="auto, cpu or cuda (default: auto)"
    )


def window(text: str) -> str | tuple[float, float] | None:
    """What becomes black and white, as `load_archive` takes it."""
    if text in ("series", "image"):
        return text
    if text == "none":
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not series, image, none or two numbers with a comma"
        ) from None
    return low, high


def default_n_clusters(n_images: int) -> int:
    """How many clusters to find where nobody says it, by the number of images alone.

    The square root of it, so that clusters and images per cluster grow alike, from 16
    to 200: as many as a person names in half an hour, at some nine seconds each. Small
    sets have at least five images per cluster.
    """
    n_clusters = min(max(_FEWEST, round(math.sqrt(n_images))), _MOST)
    return max(1, min(n_clusters, n_images // _SMALLEST))


def estimator(options: argparse.Namespace) -> DeepClusterCategorizer:
    """The estimator that the options ask for."""
    from skdeepcluster import DeepClusterCategorizer

    given = {
        "n_clusters": options.n_clusters,
        "n_epochs": options.epochs,
        "image_size": options.image_size,
    }
    return DeepClusterCategorizer.from_recipe(
        options.recipe,
        device=options.device,
        random_state=options.seed,
        **{name: value for name, value in given.items() if value is not None},
    )
