"""How hard are the cardiac views? K-means on the pixels, and a supervised network.

    python benchmarks/cardiac_views.py

The views are meant to be hard for pixels and possible for a network: with 2,000
balanced views, K-means on the pixels with k = 104 stays below a purity of 0.85, and a
supervised small_cnn reaches an accuracy of 0.99 on subjects it has not seen.
"""

from __future__ import annotations

import argparse
import time

from _common import machine, median_and_range, pixels_and_kmeans, table
from _supervised import predictions
from sklearn.model_selection import GroupShuffleSplit

from skdeepcluster import cluster_purity_score
from skdeepcluster.datasets import CARDIAC_VIEWS, make_cardiac_views


def accuracy_on_unseen_subjects(X, y, subjects, seed):
    """Of a small_cnn trained on the labels of three quarters of the subjects."""
    split = GroupShuffleSplit(1, test_size=0.25, random_state=seed)
    train, test = next(split.split(X, y, subjects))
    predicted = predictions(X, y, train, seed)
    return float((predicted[test] == y[test]).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--k", type=int, default=8 * len(CARDIAC_VIEWS))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    results = {name: [] for name in ("dataset", "image", "supervised", "seconds")}
    for seed in range(options.seeds):
        start = time.perf_counter()
        X, y, subjects = make_cardiac_views(
            options.n, return_subjects=True, random_state=seed
        )
        results["seconds"].append((time.perf_counter() - start) * 1000 / options.n)
        for standardize in ("dataset", "image"):
            labels = pixels_and_kmeans(X, options.k, standardize, seed)
            results[standardize].append(cluster_purity_score(y, labels))
        accuracy = accuracy_on_unseen_subjects(X, y, subjects, seed)
        results["supervised"].append(accuracy)
    what = {
        "dataset": "K-means on pixels standardised over the set, purity",
        "image": "K-means on pixels z-scored image by image, purity",
        "supervised": "supervised small_cnn, accuracy on unseen subjects",
        "seconds": "drawing 1,000 views, seconds",
    }
    print(f"{machine()}\n")
    print(
        f"{options.n} balanced views of {X.shape[1]} × {X.shape[2]} pixels, "
        f"k = {options.k}, median (range) of {options.seeds} seeds\n"
    )
    rows = [[what[name], median_and_range(results[name])] for name in what]
    print(table(["what", "result"], rows))


if __name__ == "__main__":
    main()
