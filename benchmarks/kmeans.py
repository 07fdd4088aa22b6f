"""K-means where the features are, beside faiss and scikit-learn.

    python benchmarks/kmeans.py --rows rows.jsonl

Points of length 1 around 300 directions; all start from equal centroids. Each takes as
many iterations as the others, so that the time to faiss's final inertia is that of all
iterations wherever the inertia is the same. On the CPU ours is faiss's, with no point
left out; on a GPU, and on macOS, it is a loop of our own, which has a line of its own,
beside faiss's on the GPU where faiss-gpu is installed (whose transfers count; ours is
measured where the features are), else on the CPU, as scikit-learn's always is.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import faiss
import numpy as np
import torch
from _common import Rows, machine, table
from sklearn.cluster import KMeans

from skdeepcluster._engine import runtime
from skdeepcluster._engine.kmeans import assign, kmeans, lloyd


def points(n, d):
    random = np.random.default_rng(0)
    directions = random.normal(size=(300, d)).astype(np.float32)
    found = np.empty((n, d), np.float32)
    for start in range(0, n, 10_000):
        rows = found[start : start + 10_000]
        rows[:] = random.standard_normal(rows.shape, np.float32) * 2
        rows += directions[random.integers(300, size=len(rows))]
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def ours(X, init, n_iter, device, algorithm=kmeans):
    """Where the features are."""
    X, init = (torch.from_numpy(each).to(device) for each in (X, init))
    if device.type == "cuda":  # to warm up
        algorithm(X, len(init), n_iter=1, seed=0, init=init)
    start = runtime.clock(device)
    centroids = algorithm(X, len(init), n_iter=n_iter, seed=0, init=init)
    return runtime.clock(device) - start, n_iter, centroids.cpu().numpy()


def faiss_alone(X, init, n_iter, device):
    clustering = faiss.Kmeans(
        *init.shape[::-1],
        niter=n_iter,
        min_points_per_centroid=1,
        max_points_per_centroid=len(X),
        gpu=device.type == "cuda" and hasattr(faiss, "StandardGpuResources"),
    )
    start = time.perf_counter()
    clustering.train(X, init_centroids=init)
    return time.perf_counter() - start, n_iter, clustering.centroids


def scikit_learn(X, init, n_iter, device):
    clustering = KMeans(
        len(init), init=init, n_init=1, max_iter=n_iter, tol=0, algorithm="lloyd"
    )
    start = time.perf_counter()
    clustering.fit(X)
    seconds = time.perf_counter() - start
    return seconds, clustering.n_iter_, clustering.cluster_centers_


METHODS = {
    "skdeepcluster": ours,
    "skdeepcluster, without faiss": partial(ours, algorithm=lloyd),
    "faiss.Kmeans": faiss_alone,
    "sklearn.cluster.KMeans": scikit_learn,
}


def measured(X, k, n_iter, method, device):
    init = X[np.random.default_rng(1).permutation(len(X))[:k]]
    seconds, done, centroids = METHODS[method](X, init, n_iter, device)
    _, distances = assign(torch.from_numpy(X), torch.from_numpy(centroids))
    inertia = float(distances.double().square().sum())
    return {"seconds": seconds, "iterations": done, "inertia": inertia}


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--n", type=int, default=100_000)
    options.add_argument("--d", type=int, nargs="+", default=[512, 4096])
    options.add_argument("--k", type=int, nargs="+", default=[104, 10_000])
    options.add_argument("--iterations", type=int, default=20)
    options.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    options.add_argument("--device", default="auto")
    options.add_argument("--rows", type=Path)
    args = options.parse_args()
    device = runtime.resolve_device(args.device)
    rows = Rows(args.rows)
    lines = []
    for d in args.d:
        X = points(args.n, d)
        for k in args.k:
            side = 4096
            factor = torch.randn(side, side, device=device)
            factor @ factor  # to warm up
            start = runtime.clock(device)
            for _ in range(3):
                factor @ factor
            limit = 6 * side**3 / (runtime.clock(device) - start)
            floor = 2 * args.n * d * k / limit
            lines.append([f"{d:,}", f"{k:,}", "the products alone", f"{floor:.3f}"])
            lines[-1] += ["", ""]
            for method in args.methods:
                key = f"{device.type}/{args.n}/{d}/{k}/{args.iterations}/{method}"
                row = rows.get(
                    key, partial(measured, X, k, args.iterations, method, device)
                )
                each = row["seconds"] / row["iterations"]
                lines.append([f"{d:,}", f"{k:,}", method, f"{each:.3f}"])
                lines[-1] += [f"{row['seconds']:.1f}", f"{row['inertia']:.1f}"]
    print(f"{machine()}\n\n{args.n:,} points, {args.iterations} iterations\n")
    header = ["d", "k", "", "seconds an iteration", "seconds", "inertia"]
    print(table(header, lines))


if __name__ == "__main__":
    main()
