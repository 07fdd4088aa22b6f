"""`skdeepcluster name`: names for clusters, which the model keeps."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from skdeepcluster.cli._options import Commands

if TYPE_CHECKING:
    from collections.abc import Mapping


def add_to(commands: Commands) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "name", help="name the clusters; the model keeps the names for new images"
    )
    command.add_argument(
        "output",
        type=Path,
        metavar="OUT",
        help="the folder that categorize wrote; its clusters.csv gets the columns "
        "category and excluded",
    )
    command.add_argument(
        "names",
        type=Path,
        metavar="NAMES",
        help="names.csv as exported by report.html, with columns cluster and category",
    )
    command.add_argument(
        "--replace",
        action="store_true",
        help="take away the names of clusters that have none in NAMES",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Name the clusters of the folder."""
    from skdeepcluster._labels import all_labels
    from skdeepcluster._names import read_names
    from skdeepcluster._results import Results, locked_results
    from skdeepcluster._results_reader import load_model
    from skdeepcluster.cli._saying import say_categories, say_written

    results = Results(options.output)
    with locked_results(options.output):
        est = load_model(options.output)
        table = results.read_clusters(est)
        labels = all_labels(est)
        names = read_names(options.names, est.n_clusters_, labels)
        if not options.replace:
            _check_that_none_is_lost(est.names_, names.categories, options.names)
        table["category"] = names.of(labels)
        table["excluded"] = table.index.isin(names.excluded)
        series = None
        if est.reader_ is not None:
            series = results.read_series(table)
        est.names_ = names.categories
        with results.together():
            results.write_clusters(table, "now with the category of each image")
            results.write_model(est, "now with the names, for new images")
            results.write_series(table["category"], series)
            results.write_names(names, labels)
    say_categories(table["category"], names.categories, est.n_clusters_)
    say_written(results)


def _check_that_none_is_lost(
    old: Mapping[int, str], new: Mapping[int, str], path: Path
) -> None:
    """Raise ValueError if a cluster that has a name would have none."""
    lost = sorted(old.keys() - new.keys())
    if lost:
        some = ", ".join(map(str, lost[:10])) + (", ..." if len(lost) > 10 else "")
        raise ValueError(
            f"{path} has no name for {len(lost)} cluster(s) that have one ({some}), so "
            "it may be an older file: a browser calls the second one names (1).csv. "
            "Give the newest, or --replace to take these names away."
        )
