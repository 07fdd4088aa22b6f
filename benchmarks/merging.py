"""Clusters merged down to as many as there are classes, beside K-means with that many.

    python benchmarks/merging.py --data mnist_test10k/data.npz --rows rows.jsonl

`fast` finds 8 clusters a category, which `merge_clusters` merges; K-means with k =
classes gets the same embedding.
"""

from functools import partial

import numpy as np
from _common import Rows, load, machine, median_and_range, name_of, parser, table
from peers import SCORES
from sklearn.cluster import KMeans

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.review import merge_clusters


def scores(X, y, seed):
    n_classes = len(np.unique(y))
    est = DeepClusterCategorizer.from_recipe(
        "fast", n_clusters=8 * n_classes, random_state=seed
    )
    embedding = est.fit_transform(X)
    found = {"merged": merge_clusters(est, n_classes)[est.labels_]}
    for n_init in (1, 10):
        peer = KMeans(n_classes, n_init=n_init, random_state=seed)
        found[f"K-means, {n_init} start(s)"] = peer.fit_predict(embedding)
    return {
        method: {name: float(score(y, labels)) for name, score in SCORES.items()}
        for method, labels in found.items()
    }


def main():
    args = parser(__doc__).parse_args()
    X, y = load(args.data, args.n)
    name, rows = name_of(args.data), Rows(args.rows)
    done = [
        rows.get(f"{name}/{len(X)}/merged/{seed}", partial(scores, X, y, seed))
        for seed in range(args.seeds)
    ]
    print(f"{machine()}\n\n{name}: {len(X):,} images, {len(np.unique(y))} classes\n")
    lines = [
        [
            method,
            *(
                median_and_range([row[method][score] for row in done])
                for score in SCORES
            ),
        ]
        for method in done[0]
    ]
    print(table(["method", *SCORES], lines))


if __name__ == "__main__":
    main()
