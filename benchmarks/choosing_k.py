"""Purity, NMI and AMI over the number of clusters, and how alike two seeds are.

    python benchmarks/choosing_k.py --data mnist_test10k/data.npz --figure k.png

With the defaults the network does not depend on n_clusters, so a network a seed is
trained, and its embedding clustered as the last step of `fit` does. A last row has as
many clusters as the command line takes where -k is left out, which is up to the number
of images alone.
"""

from functools import cache, partial
from pathlib import Path

import numpy as np
from _common import (
    Rows,
    clustered,
    load,
    machine,
    median_and_range,
    name_of,
    parser,
    table,
)
from matplotlib.figure import Figure
from peers import SCORES
from sklearn.metrics import adjusted_rand_score

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.cli._options import default_n_clusters

TIMES = (1, 2, 4, 8, 16)


def fitted(X, k, seed):
    """The default estimator."""
    return DeepClusterCategorizer.from_recipe(
        "fast", n_clusters=k, random_state=seed
    ).fit(X)


def labels_over_k(fit, n_classes, seed):
    """Labels for each number of clusters."""
    est = fit()
    return [
        clustered(est, est.embedding_, times * n_classes, seed).tolist()
        for times in TIMES
    ]


def labels_without_k(fit, n_images, seed):
    """Labels for the number of clusters that follows from that of images."""
    est = fit()
    k = default_n_clusters(n_images)
    return clustered(est, est.embedding_, k, seed).tolist()


def main():
    options = parser(__doc__)
    options.add_argument("--figure", type=Path)
    options.add_argument("--first-seed", type=int, default=0, help="(default: 0)")
    args = options.parse_args()
    X, y = load(args.data, args.n)
    name, n_classes = name_of(args.data), len(np.unique(y))
    rows = Rows(args.rows)
    runs = []
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        # Fitted once, and only if a row is missing.
        fit = cache(partial(fitted, X, TIMES[-1] * n_classes, seed))
        key = f"{name}/{len(X)}/labels {{}}/{seed}"
        over_k = partial(labels_over_k, fit, n_classes, seed)
        without_k = partial(labels_without_k, fit, len(X), seed)
        runs.append(
            [
                *rows.get(key.format("over k"), over_k),
                rows.get(key.format("without k"), without_k),
            ]
        )
    lines, curves = [], {score: [] for score in ("purity", "NMI", "AMI")}
    numbers = [f"{times} × {n_classes}" for times in TIMES]
    numbers.append(f"{default_n_clusters(len(X))}, by the number of images")
    for index, number in enumerate(numbers):
        labels = [run[index] for run in runs]
        line = [number]
        for score, values in curves.items():
            found = [SCORES[score](y, each) for each in labels]
            values.append(float(np.median(found)))
            line.append(median_and_range(found))
        agreement = [
            adjusted_rand_score(labels[i], labels[j])
            for i in range(len(labels))
            for j in range(i)
        ]
        lines.append([*line, median_and_range(agreement) if agreement else ""])
    seeds = f"{args.seeds} seeds from {args.first_seed}"
    print(f"{machine()}\n\n{name}: {len(X):,} images, {seeds}\n")
    print(table(["k", *curves, "ARI between seeds"], lines))
    if args.figure:
        figure = Figure(figsize=(5, 3.5), layout="constrained")
        axes = figure.subplots()
        for score, values in curves.items():
            k = [times * n_classes for times in TIMES]
            axes.plot(k, values[: len(TIMES)], "o-", label=score)
        axes.set(xscale="log", xlabel="n_clusters", ylim=(0, 1), title=name)
        axes.legend()
        figure.savefig(args.figure, dpi=120)


if __name__ == "__main__":
    main()
