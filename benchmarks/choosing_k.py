"""Purity, NMI and AMI over the number of clusters, and how alike two seeds are.

    python benchmarks/choosing_k.py --data mnist_test10k/data.npz --figure k.png

With the defaults the network does not depend on n_clusters, so a network a seed is
trained, and its embedding clustered as the last step of `fit` does.
"""

from functools import partial
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

TIMES = (1, 2, 4, 8, 16)


def labels_over_k(X, n_classes, seed):
    """Labels for each number of clusters."""
    ours = DeepClusterCategorizer.from_recipe(
        "fast", n_clusters=TIMES[-1] * n_classes, random_state=seed
    )
    embedding = ours.fit(X).embedding_
    return [
        clustered(ours, embedding, times * n_classes, seed).tolist() for times in TIMES
    ]


def main():
    options = parser(__doc__)
    options.add_argument("--figure", type=Path)
    options.add_argument("--first-seed", type=int, default=0, help="(default: 0)")
    args = options.parse_args()
    X, y = load(args.data, args.n)
    name, n_classes = name_of(args.data), len(np.unique(y))
    rows = Rows(args.rows)
    runs = [
        rows.get(
            f"{name}/{len(X)}/labels over k/{seed}",
            partial(labels_over_k, X, n_classes, seed),
        )
        for seed in range(args.first_seed, args.first_seed + args.seeds)
    ]
    lines, curves = [], {score: [] for score in ("purity", "NMI", "AMI")}
    for index, times in enumerate(TIMES):
        labels = [run[index] for run in runs]
        line = [f"{times} × {n_classes}"]
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
            axes.plot([times * n_classes for times in TIMES], values, "o-", label=score)
        axes.set(xscale="log", xlabel="n_clusters", ylim=(0, 1), title=name)
        axes.legend()
        figure.savefig(args.figure, dpi=120)


if __name__ == "__main__":
    main()
