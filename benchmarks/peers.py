"""The recipe `fast` beside K-means on the pixels and ClustPy's deep clustering.

    python benchmarks/peers.py --data medical_mnist6/data.npz --rows rows.jsonl

All see the same images, one after the other on the same machine; seconds are those of
the whole fit, start to labels, on the clock and of processor time: a virtual machine
may have to wait for its processors. ClustPy's methods get 50 epochs of pretraining and
50 of clustering (N2D has pretraining alone, and then UMAP with its paper's settings to
10 dimensions), their defaults otherwise, on pixels standardised over the set. UMAP
makes 10 dimensions of the pixels' 50 principal components, with 30 neighbours and a
minimal distance of 0; HDBSCAN finds its own number of clusters there, and what it calls
noise counts as one more. "supervised" is the ceiling: a small_cnn that learns from the
labels of 80 % of the images; its purity is the accuracy on the rest, and it has no
other score.
"""

import contextlib
import io
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from _common import (
    Rows,
    load,
    machine,
    median_and_range,
    name_of,
    parser,
    pixels_and_kmeans,
    standardized,
    table,
)
from _supervised import predictions
from matplotlib.figure import Figure
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    normalized_mutual_info_score,
)
from sklearn.model_selection import train_test_split

from skdeepcluster import DeepClusterCategorizer, cluster_purity_score

SCORES = {
    "purity": cluster_purity_score,
    "NMI": normalized_mutual_info_score,
    "AMI": adjusted_mutual_info_score,
    "ARI": adjusted_rand_score,
}
SECONDS = ("seconds", "CPU seconds")
METHODS = (
    "fast",
    "DEC",
    "DCN",
    "IDEC",
    "N2D",
    "UMAP, K-means",
    "UMAP, HDBSCAN",
    "supervised",
    "pixels, image",
    "pixels, image, PCA-50",
    "pixels, dataset",
    "pixels, dataset, PCA-50",
)


def clusters(method, X, k, seed, **parameters):
    """The labels that a method gives."""
    if method.startswith("fast"):
        ours = DeepClusterCategorizer.from_recipe(
            "fast", n_clusters=k, random_state=seed, **parameters
        )
        return ours.fit(X).labels_
    if method.startswith("pixels"):
        _, standardize, *pca = method.split(", ")
        return pixels_and_kmeans(X, k, standardize, seed, 50 if pca else None)
    if method.startswith("UMAP"):
        return umap_clusters(method, X, k, seed)
    import clustpy.deep

    more = {"clustering_epochs": 50}
    if method == "N2D":
        import umap

        # Its default, t-SNE to as many dimensions as clusters, takes at most 3.
        manifold = {"n_components": 10, "n_neighbors": 20, "min_dist": 0.0}
        more = {"manifold_class": umap.UMAP, "manifold_params": manifold}
    peer = getattr(clustpy.deep, method)(
        n_clusters=k, pretrain_epochs=50, random_state=seed, **more
    )
    silent = io.StringIO()  # it prints, and has a progress bar
    with (
        contextlib.redirect_stdout(silent),
        contextlib.redirect_stderr(silent),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        return peer.fit(standardized(X, "dataset")).labels_


def umap_clusters(method, X, k, seed):
    """Clusters of what UMAP makes of the pixels."""
    import umap

    pixels = standardized(X, "dataset")
    n_components = min(50, pixels.shape[1], len(pixels))
    components = PCA(n_components, random_state=seed).fit_transform(pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one thread, for a random_state
        embedding = umap.UMAP(
            n_neighbors=30, n_components=10, min_dist=0.0, random_state=seed
        ).fit_transform(components)
    if method == "UMAP, HDBSCAN":
        return HDBSCAN(copy=True).fit_predict(embedding)
    return KMeans(k, n_init=1, random_state=seed).fit_predict(embedding)


def accuracy(X, y, seed):
    """Of a network that learns from four fifths of the labels, on the rest."""
    train, test = train_test_split(
        np.arange(len(y)), test_size=0.2, stratify=y, random_state=seed
    )
    _, classes = np.unique(y, return_inverse=True)
    found = predictions(X, classes, train, seed)
    return {"purity": float((found[test] == classes[test]).mean())}


def scores(X, y, k, method, seed, **parameters):
    """What the labels are worth, and how long they took."""
    start, start_cpu = time.perf_counter(), time.process_time()
    if method == "supervised":
        found = dict.fromkeys(SCORES, float("nan")) | accuracy(X, y, seed)
    else:
        labels = clusters(method, X, k, seed, **parameters)
        found = {name: float(score(y, labels)) for name, score in SCORES.items()}
        found["clusters"] = len(np.unique(labels))
    found["seconds"] = time.perf_counter() - start
    found["CPU seconds"] = time.process_time() - start_cpu
    return found


def measured(rows, name, X, y, k, method, seed, **parameters):
    """The scores of a run, which is done unless its row is there."""
    key = f"{name}/{len(X)}/{k}/{method}/{seed}"
    return rows.get(key, partial(scores, X, y, k, method, seed, **parameters))


def line(first, done, names):
    """A line of a table: the scores of all seeds, and the medians of their seconds."""
    values = [median_and_range([row[name] for row in done]) for name in names]
    seconds = [f"{np.median([row[each] for row in done]):.0f}" for each in SECONDS]
    return [first, *values, *seconds]


def called(method, done):
    """A method's name in a table; with the number of clusters where it chose that."""
    if method != "UMAP, HDBSCAN":
        return method
    counts = sorted(row["clusters"] for row in done)
    return f"{method} ({counts[0]} to {counts[-1]} clusters)"


def compare(rows, name, X, y, k, methods, seeds, n_epochs):
    """Print a table; the rows of each method."""
    found = {}
    for seed in seeds:
        for method in methods:
            row = measured(rows, name, X, y, k, method, seed)
            found.setdefault(method, []).append(row)
    for epochs in n_epochs:
        method = f"fast, {epochs} epochs"
        found[method] = [measured(rows, name, X, y, k, method, 0, n_epochs=epochs)]
    header = ["method", *SCORES, *SECONDS]
    lines = [line(called(method, done), done, SCORES) for method, done in found.items()]
    print(f"{name}: {len(X):,} images of {' × '.join(map(str, X.shape[1:]))}, k = {k}")
    print(f"\n{table(header, lines)}\n", flush=True)
    return found


def draw(found, path):
    """Purity against time."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    ours = []
    for method, done in found.items():
        point = [
            np.median([row[what] for row in done]) for what in ("seconds", "purity")
        ]
        if method.startswith("fast"):
            ours.append(point)
        else:
            axes.plot(*point, "o", label=method)
    axes.plot(*zip(*sorted(ours), strict=True), "k.-", label="fast, more epochs")
    axes.set(xscale="log", xlabel="seconds", ylabel="purity")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)


def main():
    options = parser(__doc__)
    options.add_argument(
        "--k", type=int, nargs="+", default=[8, 1], help="times the classes"
    )
    options.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    options.add_argument(
        "--n-epochs", type=int, nargs="*", default=[], help="also `fast` that long"
    )
    options.add_argument("--figure", type=Path, help="purity against time, for --k[0]")
    options.add_argument("--first-seed", type=int, default=0, help="(default: 0)")
    args = options.parse_args()
    X, y = load(args.data, args.n)
    rows = Rows(args.rows)
    print(f"{machine()}\n")
    for times in args.k:
        found = compare(
            rows,
            name_of(args.data),
            X,
            y,
            times * len(np.unique(y)),
            args.methods,
            range(args.first_seed, args.first_seed + args.seeds),
            args.n_epochs if times == args.k[0] else (),
        )
        if args.figure and times == args.k[0]:
            draw(found, args.figure)


if __name__ == "__main__":
    main()
