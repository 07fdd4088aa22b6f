"""Accuracy on all images after a few labels, beside what else the labels can do.

    python benchmarks/labels.py --data medical_mnist6/data.npz --n 12001

`fast` finds 8 clusters a category; the first labels go to the images that `query` asks
for, one in each cluster, the next ones to those that it asks for then. Every method
gets the same labels, but for the line that draws as many at random.
"""

from functools import partial

import numpy as np
from _common import (
    Rows,
    load,
    machine,
    median_and_range,
    name_of,
    parser,
    standardized,
    table,
)
from _supervised import predictions
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelSpreading

from skdeepcluster import ClusterMajorityClassifier, DeepClusterCategorizer

UNLABELED = -1


def accuracies(X, y, k, per_cluster, seed):
    """By method, one for each number of labels per cluster."""
    est = DeepClusterCategorizer.from_recipe("fast", n_clusters=k, random_state=seed)
    embedding = est.fit_transform(X)
    pixels = PCA(50, random_state=seed).fit_transform(standardized(X, "dataset"))
    ours = ClusterMajorityClassifier(FrozenEstimator(est), unlabeled=UNLABELED)
    shuffled = np.random.default_rng(seed).permutation(len(y))
    few = np.full(len(y), UNLABELED)
    ours.fit(X, few)
    found = {}

    def note(method, predicted):
        found.setdefault(method, []).append(float((predicted == y).mean()))

    for times in per_cluster:
        asked = ours.query(times * k - (few != UNLABELED).sum())
        few[asked] = y[asked]
        labelled = np.flatnonzero(few != UNLABELED)
        note("clusters", ours.fit(X, few).predict(X))
        random = np.full(len(y), UNLABELED)
        random[shuffled[: len(labelled)]] = y[shuffled[: len(labelled)]]
        note("clusters, labels at random", clone(ours).fit(X, random).predict(X))
        for what, rows in (("embedding", embedding), ("pixels, PCA-50", pixels)):
            spreading = LabelSpreading(kernel="knn", n_neighbors=10, max_iter=100)
            note(f"label spreading, {what}", spreading.fit(rows, few).predict(rows))
            regression = make_pipeline(StandardScaler(), LogisticRegression())
            regression.fit(rows[labelled], y[labelled])
            note(f"logistic regression, {what}", regression.predict(rows))
        # As many steps for few labels as for many.
        epochs = max(30, 600 * 64 // len(labelled))
        note("supervised small_cnn", predictions(X, y, labelled, seed, epochs))
    return found


def main():
    options = parser(__doc__)
    options.add_argument(
        "--labels", type=int, nargs="+", default=[1, 2, 5, 10], help="a cluster"
    )
    args = options.parse_args()
    X, y = load(args.data, args.n)
    y = np.unique(y, return_inverse=True)[1]
    k = 8 * (y.max() + 1)
    name = name_of(args.data)
    rows = Rows(args.rows)
    done = [
        rows.get(
            f"{name}/{len(X)}/{k}/labels {args.labels}/{seed}",
            partial(accuracies, X, y, k, args.labels, seed),
        )
        for seed in range(args.seeds)
    ]
    print(f"{machine()}\n\n{name}: {len(X):,} images, k = {k}, accuracy on all\n")
    lines = [
        [method, *(median_and_range(list(each)) for each in zip(*values, strict=True))]
        for method, values in ((m, [row[m] for row in done]) for m in done[0])
    ]
    print(table(["labels", *(f"{times * k:,}" for times in args.labels)], lines))


if __name__ == "__main__":
    main()
