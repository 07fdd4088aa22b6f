"""`skdeepcluster name`: names for clusters, which the model keeps."""

from __future__ import annotations

import argparse
from pathlib import Path

from skdeepcluster.cli._options import Commands


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
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Name the clusters of the folder."""
    from skdeepcluster._names import read_names
    from skdeepcluster._results import Results, locked_results
    from skdeepcluster._results_reader import all_labels, load_model
    from skdeepcluster.cli._saying import say_categories, say_written

    results = Results(options.output)
    with locked_results(options.output):
        est = load_model(options.output)
        table = results.read_clusters(est)
        labels = all_labels(est)
        names = read_names(options.names, est.n_clusters_, labels)
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
