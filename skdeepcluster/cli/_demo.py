"""`skdeepcluster demo`: sort generated views of the heart."""

from __future__ import annotations

import argparse
from pathlib import Path

from skdeepcluster.cli._options import Commands, add_learning, estimator


def add_to(commands: Commands) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "demo", help="sort 2,000 generated, schematic views of the heart"
    )
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("skdeepcluster-demo"),
        metavar="OUT",
        help="folder for the results (default: skdeepcluster-demo)",
    )
    add_learning(command)
    command.set_defaults(run=run, n_clusters=104, image_size=None, epochs=30)


def run(options: argparse.Namespace) -> None:
    """Sort the views, and say how well."""
    from skdeepcluster._files import finish_replacing
    from skdeepcluster._lock import locked
    from skdeepcluster._results_reader import check_unnamed
    from skdeepcluster.cli._reading import of_array
    from skdeepcluster.cli._sorting import sort
    from skdeepcluster.datasets import make_cardiac_views

    est = estimator(options)
    images, views = make_cardiac_views(2000, class_weights="ukbb", random_state=0)
    print(
        "Schematic magnetic resonance images of the heart, of 13 kinds. The network "
        "does not see\nthe kinds; they only show how well it sorts the images.\n"
    )
    with locked(options.output):
        finish_replacing(options.output)
        check_unnamed(options.output)
        sort(est, options.output, of_array(images), views)
