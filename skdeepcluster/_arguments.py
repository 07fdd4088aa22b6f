"""What the command line takes."""

from __future__ import annotations

import argparse
from pathlib import Path

from skdeepcluster import __version__

_ARCHIVE = (
    ".npy file, .npz file (array 'images'), or a folder of DICOM, NIfTI, PNG, JPEG and "
    "TIFF files, whatever their names"
)


def parser() -> argparse.ArgumentParser:
    """What the command line takes; `command` says which function is meant."""
    whole = argparse.ArgumentParser(
        prog="skdeepcluster",
        description="Sort unlabelled images into pure clusters.",
    )
    whole.add_argument("--version", action="version", version=__version__)
    commands = whole.add_subparsers(metavar="COMMAND", required=True)

    demo = commands.add_parser(
        "demo", help="sort 2,000 schematic views of the heart that it draws itself"
    )
    demo.add_argument(
        "-o", "--output", type=Path, default=Path("skdeepcluster-demo"), metavar="OUT"
    )
    demo.set_defaults(command="demo", n_clusters=104, image_size=None, epochs=30)

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
    categorize.set_defaults(command="categorize")

    assign = commands.add_parser(
        "assign",
        help="find clusters and categories of new images, with a model that is there",
    )
    assign.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        help="model.safetensors, or the folder that categorize wrote it to",
    )
    assign.add_argument("path", type=Path, metavar="PATH", help=_ARCHIVE)
    assign.add_argument(
        "--sort-into",
        type=Path,
        metavar="DIR",
        help="also lay the files that gave an image out in folders by category, in a "
        "new folder DIR; a file with several goes where most of them belong",
    )
    assign.add_argument(
        "--sort-by",
        choices=["hardlink", "symlink", "copy"],
        default="symlink",
        help="what --sort-into makes of a file; originals stay (default: symlink). A "
        "hard link changes when a file was changed, so that the next run reads it anew",
    )
    assign.set_defaults(command="assign")

    name = commands.add_parser(
        "name", help="give clusters names, which the model keeps for new images"
    )
    name.add_argument(
        "output",
        type=Path,
        metavar="OUT",
        help="the folder that categorize wrote to; its clusters.csv gets a column "
        "category",
    )
    name.add_argument(
        "names",
        type=Path,
        metavar="NAMES",
        help="names.csv, as report.html exports it: the columns cluster and category",
    )
    name.set_defaults(command="name")

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
    return whole


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
