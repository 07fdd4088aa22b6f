"""What the benchmarks share: images from a path, rows that survive a restart."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skdeepcluster._assembly import n_epochs_of
from skdeepcluster._engine.clustering import INITS, Clusterer
from skdeepcluster._parameters import part_of
from skdeepcluster.datasets import make_cardiac_views


def parser(description: str) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="an .npz file with images and labels, or views, or digits",
    )
    parser.add_argument("--n", type=int, default=3000, help="images (default: 3000)")
    parser.add_argument("--seeds", type=int, default=3, help="runs (default: 3)")
    parser.add_argument(
        "--rows", type=Path, help="finished rows, to go on from after an interruption"
    )
    return parser


def load(path: Path, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The first n images of one fixed permutation, and their labels."""
    if str(path) == "views":
        return make_cardiac_views(n, class_weights="ukbb", random_state=0)
    if str(path) == "digits":
        digits = load_digits()
        images, labels = digits.images, digits.target
    else:
        with np.load(path) as data:
            images, labels = data["images"], data["labels"]
    chosen = np.random.default_rng(0).permutation(len(labels))[:n]
    return images[chosen], labels[chosen]


def name_of(path: Path) -> str:
    """What a set is called: the folder of its file, or its word."""
    return path.resolve().parent.name if path.suffix else str(path)


def standardized(X, standardize):
    """Pixels as rows, standardised as the estimator would."""
    rows = X.reshape(len(X), -1).astype(np.float32)
    if standardize == "image":
        return (rows - rows.mean(1, keepdims=True)) / (
            rows.std(1, keepdims=True) + 1e-6
        )
    return (rows - rows.mean()) / rows.std()


def pixels_and_kmeans(X, k, standardize, seed, n_components=None):
    """Clusters of the pixels themselves, or of their first principal components."""
    rows = standardized(X, standardize)
    if n_components is not None:
        rows = PCA(n_components, random_state=seed).fit_transform(rows)
    return KMeans(k, n_init=1, random_state=seed).fit_predict(rows)


def clustered(est, embedding, k, seed):
    """Labels of k clusters of an embedding, found as the last step of fit does."""
    n_epochs = max(1, n_epochs_of(est, len(embedding)))
    stage = part_of(est, "objective").stage(n_epochs - 1, n_epochs)
    with torch.random.fork_rng():  # or it would change what a fit under way learns
        torch.manual_seed(seed)
        found = Clusterer(k, est.kmeans_n_iter).cluster(
            torch.from_numpy(embedding),
            spherical=stage.objective.spherical,
            init=INITS[est.final_init],
        )
    return found.labels.numpy()


class Rows:
    """Results by key, each written as soon as it is there."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.done = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                row = json.loads(line)
                self.done[row["key"]] = row["value"]

    def get(self, key: str, compute):
        """The stored value of `key`, or what `compute` gives."""
        if key not in self.done:
            self.done[key] = compute()
            print(f"# {key}: {self.done[key]}", file=sys.stderr, flush=True)
            if self.path is not None:
                with self.path.open("a") as file:
                    row = {"key": key, "value": self.done[key]}
                    file.write(json.dumps(row) + "\n")
        return self.done[key]


def machine() -> str:
    """Machine and versions, for the record."""
    import sklearn

    if torch.cuda.is_available():
        chip = torch.cuda.get_device_name()
    else:
        can = torch.cpu.get_capabilities()
        units = {"amx_bf16": " with AMX", "avx512_bf16": " with AVX-512 for bfloat16"}
        found = [words for unit, words in units.items() if can.get(unit)]
        chip = f"{os.cpu_count()} CPU cores{''.join(found[:1])}"
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {chip}, Python "
        f"{platform.python_version()}, torch {torch.__version__.split('+')[0]}, "
        f"scikit-learn {sklearn.__version__}"
    )


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def median_and_range(values: list[float]) -> str:
    """Such as ``0.981 (0.979-0.984)``."""
    low, middle, high = min(values), float(np.median(values)), max(values)
    if len(values) == 1:
        return f"{middle:.3f}"
    return f"{middle:.3f} ({low:.3f}-{high:.3f})"
