"""Does it learn? Purity against epochs, beside K-means on the pixels.

    python benchmarks/learning_curve.py --data PATH/medical_mnist6/data.npz

At each epoch given, the network of that epoch embeds the images as they are and
K-means finds k clusters, as the last step of fit does. Labels are used for purity
only.
"""

from __future__ import annotations

import time

import numpy as np
from _common import (
    Rows,
    clustered,
    load,
    machine,
    median_and_range,
    name_of,
    parser,
    pixels_and_kmeans,
    table,
)

from skdeepcluster import DeepClusterCategorizer, cluster_purity_score

EPOCHS = (0, 5, 10, 20, 30)


class Curve:
    """A callback that measures purity at some epochs."""

    def __init__(self, y):
        self.y, self.purity = y, {}

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
        # The network that an epoch's clusters are of has been trained for as many
        # epochs as that epoch's number, counted from 0.
        if context.task_name == "epoch" and context.task_id in EPOCHS:
            embedding = fitted_estimator.transform(X)
            labels = clustered(
                fitted_estimator,
                embedding,
                fitted_estimator.n_clusters,
                context.task_id,
            )
            self.purity[context.task_id] = cluster_purity_score(self.y, labels)


def ours(X, y, k, standardize, batch_size, seed):
    est = DeepClusterCategorizer.from_recipe(
        "fast",
        n_clusters=k,
        standardize=standardize,
        batch_size=batch_size,
        n_epochs=EPOCHS[-1],
        random_state=seed,
    )
    curve = Curve(y)
    start = time.perf_counter()
    est.set_callbacks(curve).fit(X)
    curve.purity[EPOCHS[-1]] = cluster_purity_score(y, est.labels_)
    seconds = sum(
        est.history_[f"{phase}_seconds"].sum()
        for phase in ("embed", "cluster", "train")
    )
    return {
        "purity": [curve.purity[epoch] for epoch in EPOCHS],
        "seconds": seconds,
        "with_measuring": time.perf_counter() - start,
    }


def main():
    options = parser(__doc__)
    options.add_argument("--k", type=int, default=48)
    options = options.parse_args()
    X, y = load(options.data, options.n)
    rows = Rows(options.rows)
    seeds = range(options.seeds)
    lines = []
    for standardize, batch_size in (("dataset", 64), ("image", 64), ("dataset", 256)):
        pixels = [
            rows.get(
                f"pixels {standardize} {seed}",
                lambda s=standardize, seed=seed: cluster_purity_score(
                    y, pixels_and_kmeans(X, options.k, s, seed)
                ),
            )
            for seed in seeds
        ]
        runs = [
            rows.get(
                f"ours {standardize} {batch_size} {seed}",
                lambda s=standardize, b=batch_size, seed=seed: ours(
                    X, y, options.k, s, b, seed
                ),
            )
            for seed in seeds
        ]
        curves = np.array([run["purity"] for run in runs])
        lines.append(
            [
                standardize,
                str(batch_size),
                median_and_range(pixels),
                *(median_and_range(list(column)) for column in curves.T),
                f"{np.median([run['seconds'] for run in runs]):.0f}",
            ]
        )
    print(f"{machine()}\n")
    print(
        f"{name_of(options.data)}: {len(X)} images of {X.shape[1]} × {X.shape[2]}, "
        f"k = {options.k}, purity, median (range) of {options.seeds} seeds\n"
    )
    header = ["standardised over", "batch size", "pixels + K-means"]
    header += [f"epoch {epoch}" for epoch in EPOCHS]
    print(table([*header, "seconds"], lines))


if __name__ == "__main__":
    main()
