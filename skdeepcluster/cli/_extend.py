"""`skdeepcluster extend`: new images, and clusters for kinds that are new."""

from __future__ import annotations

import argparse
from pathlib import Path

from skdeepcluster.cli._options import ARCHIVE, Commands, add_reading


def add_to(commands: Commands) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "extend",
        help="add new images to results, with clusters for kinds not seen before",
        description="Add new images to the results in OUT. The network stays, and so "
        "do the clusters, their numbers and their names. Images that are unlike all "
        "others and alike among themselves become new clusters, which the page shows "
        "first. All files in OUT are replaced together: after an interruption they are "
        "the old or the new ones, and the same command finishes what is left.",
    )
    command.add_argument(
        "output",
        type=Path,
        metavar="OUT",
        help="the folder that categorize wrote; its images keep their rows",
    )
    command.add_argument(
        "path",
        type=Path,
        metavar="NEW",
        help=f"{ARCHIVE}; it may be the folder that OUT was made from, with new files",
    )
    command.add_argument(
        "--images",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="only where OUT was made from an array file: that file, and those that "
        "OUT was extended by, in their order",
    )
    add_reading(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Add the new images, and write the results."""
    from skdeepcluster._results import Results, locked_results
    from skdeepcluster._results_reader import load_model
    from skdeepcluster.cli._extending import extend
    from skdeepcluster.cli._growing import grown

    results = Results(options.output)
    with locked_results(options.output):
        est = load_model(options.output)
        before = results.read_clusters(est)
        found = grown(options, est, results, before)
        if found is None:
            print(f"No image is new, and {options.output} is as it was.")
            if options.embeddings and not results.has_embeddings:
                print("embeddings.npy is written when images are added.")
        else:
            extend(est, results, before, found, options.embeddings)
        results.remove_extension()
