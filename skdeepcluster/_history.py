"""What is recorded of each epoch."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import normalized_mutual_info_score
from torch import Tensor

from skdeepcluster._engine.epoch import Epoch
from skdeepcluster.metrics import cluster_purity_score

FIGURES = {
    "loss": (-math.inf, math.inf),
    "nmi_previous": (0, 1),
    "purity_previous": (0, 1),
    "inertia": (0, math.inf),
    "smallest_cluster": (0, math.inf),
    "median_cluster": (0, math.inf),
    "largest_cluster": (0, math.inf),
    "learning_rate": (0, math.inf),
    "embed_seconds": (0, math.inf),
    "cluster_seconds": (0, math.inf),
    "train_seconds": (0, math.inf),
}
"""What is recorded, and its range; NaN of a previous epoch where there is none."""


class History:
    """Figures of the epochs done, and the assignment of the last."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {name: [] for name in FIGURES}
        self.labels: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.values["loss"])

    def append(self, epoch: Epoch) -> None:
        """Record an epoch."""
        clustering = epoch.clustering
        n_clusters = len(clustering.centroids)
        sizes = clustering.labels.bincount(minlength=n_clusters).cpu().numpy()
        labels = clustering.labels.cpu().numpy()
        nmi = purity = math.nan
        if self.labels is not None:
            nmi = float(normalized_mutual_info_score(self.labels, labels))
            purity = cluster_purity_score(self.labels, labels)
        embed_seconds, cluster_seconds, train_seconds = epoch.seconds
        found = {
            "loss": epoch.loss,
            "nmi_previous": nmi,
            "purity_previous": purity,
            "inertia": float(clustering.distances.double().square().sum()),
            "smallest_cluster": int(sizes.min()),
            "median_cluster": float(np.median(sizes)),
            "largest_cluster": int(sizes.max()),
            "learning_rate": epoch.learning_rate,
            "embed_seconds": embed_seconds,
            "cluster_seconds": cluster_seconds,
            "train_seconds": train_seconds,
        }
        for name, values in self.values.items():
            values.append(found[name])
        self.labels = labels

    def put_back(self, values: dict[str, list[float]], labels: Tensor | None) -> None:
        """Go on from what was recorded."""
        if set(values) != set(self.values):
            raise ValueError("other figures were recorded")
        self.values = values
        self.labels = None if labels is None else labels.numpy().copy()

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """An array of shape (n_epochs,) for each figure."""
        return {name: np.array(values) for name, values in self.values.items()}
