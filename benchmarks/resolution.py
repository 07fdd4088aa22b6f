"""What more pixels are worth: the network sees images at 32 and at 64 pixels.

    python benchmarks/resolution.py --data views128 --rows rows.jsonl

"views128" are `make_cardiac_views` of 128 × 128 pixels. Purity and NMI are those of 8
clusters a category and of one; one fit serves both, for the network does not depend on
the number of clusters. Seconds are those of the fit.
"""

import time
from functools import partial

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
from sklearn.metrics import normalized_mutual_info_score

from skdeepcluster import DeepClusterCategorizer, cluster_purity_score
from skdeepcluster.datasets import make_cardiac_views

SIZES = (32, 64)


def scores(X, y, size, seed):
    """Seconds of a fit, and purity and NMI at 8 and at 1 clusters a category."""
    n_classes = len(np.unique(y))
    est = DeepClusterCategorizer(8 * n_classes, image_size=size, random_state=seed)
    start = time.perf_counter()
    est.fit(X)
    found = {"seconds": time.perf_counter() - start}
    for times in (8, 1):
        labels = clustered(est, est.embedding_, times * n_classes, seed)
        found[f"purity, {times} ×"] = cluster_purity_score(y, labels)
        found[f"NMI, {times} ×"] = float(normalized_mutual_info_score(y, labels))
    return found


def main():
    options = parser(__doc__)
    options.add_argument("--first-seed", type=int, default=0, help="(default: 0)")
    options.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    args = options.parse_args()
    if str(args.data) == "views128":
        X, y = make_cardiac_views(args.n, image_size=128, random_state=0)
    else:
        X, y = load(args.data, args.n)
    name, rows, lines = name_of(args.data), Rows(args.rows), []
    for size in args.sizes:
        done = [
            rows.get(
                f"{name}/{len(X)}/seen at {size}/{seed}",
                partial(scores, X, y, size, seed),
            )
            for seed in range(args.first_seed, args.first_seed + args.seeds)
        ]
        line = [median_and_range([each[key] for each in done]) for key in done[0]][1:]
        seconds = f"{np.median([each['seconds'] for each in done]):,.0f}"
        lines.append([str(size), *line, seconds])
    height, width = X.shape[1:3]
    seeds = f"{args.seeds} seeds from {args.first_seed}"
    print(f"{machine()}\n\n{name}: {len(X):,} images of {height} × {width}, {seeds}\n")
    keys = [key for key in done[0] if key != "seconds"]
    print(table(["seen at", *keys, "seconds"], lines))


if __name__ == "__main__":
    main()
