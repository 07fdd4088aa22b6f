"""What is printed when a command has done its work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from skdeepcluster.metrics import cluster_purity_score

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from skdeepcluster import DeepClusterCategorizer
    from skdeepcluster._results import Results
    from skdeepcluster.cli._reading import Found


def say_clusters(
    est: DeepClusterCategorizer,
    seconds: float,
    n_epochs: int,
    labels: NDArray[Any] | None,
) -> None:
    """Print how many clusters were found, their sizes and how pure they are."""
    sizes = np.bincount(est.labels_)
    print(
        f"{est.n_clusters_} clusters of {sizes.min():,} to {sizes.max():,} images "
        f"(median {np.median(sizes):,.0f}), in {seconds:,.0f} s"
    )
    if est.n_epochs_ < n_epochs:
        print(f"Stopped after {est.n_epochs_} of {n_epochs} epochs.")
    if labels is None:
        return
    from sklearn.metrics import normalized_mutual_info_score

    purity = cluster_purity_score(labels, est.labels_)
    nmi = normalized_mutual_info_score(labels, est.labels_)
    _, counts = np.unique(labels, return_counts=True)
    print(
        f"against the {len(counts)} known categories: purity {purity:.3f}, NMI "
        f"{nmi:.3f}\n"
        f"Name each cluster after most of its images, and {purity:.1%} of all images "
        f"are named correctly;\none name for all would be right for "
        f"{counts.max() / counts.sum():.1%}."
    )


def say_categories(
    categories: ArrayLike, names: Mapping[int, str], n_clusters: int
) -> None:
    """Print how many images each category has."""
    counts = pd.Series(np.asarray(categories)).value_counts()
    n_named = counts.drop("", errors="ignore").sum()
    print(
        f"{len(names)} of {n_clusters} clusters are named, with "
        f"{n_named / counts.sum():.1%} of the images:\n"
    )
    for category, count in counts.items():
        print(f"{count:>12,}  {category or '(no category)'}")
    print()


def say_written(results: Results, found: Found | None = None) -> None:
    """Print which files were written, and what is in them."""
    written = dict(results.written)
    if found is not None and found.reader is not None:
        written |= {
            "images.npy": "the images as they were read, for the next run",
            "index.csv": "the file of each image",
            "skipped.csv": f"{found.n_skipped:,} file(s) not read, and why",
        }
    for name, what in written.items():
        print(f"  {results.folder / name!s:<40} {what}")
