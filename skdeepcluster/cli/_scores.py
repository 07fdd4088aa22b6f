"""How well each epoch's clusters agree with known categories."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import normalized_mutual_info_score

from skdeepcluster._interruption import current
from skdeepcluster.metrics import cluster_purity_score

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NAMES = ("nmi", "purity")


class Scores:
    """NMI and purity of each epoch, which are also kept in a fit's checkpoint.

    scikit-learn's ScoringMonitor does not know the epochs before an interruption.

    Parameters
    ----------
    labels : ndarray of shape (n_images,)
        Known categories.
    """

    def __init__(self, labels: NDArray[Any]) -> None:
        _, numbers = np.unique(labels, return_inverse=True)
        self._labels = numbers.astype(np.int64)
        self._digest = zlib.crc32(self._labels.data)

    def of_epochs(self, n_epochs: int) -> dict[str, NDArray[np.float64]]:
        """Scores by name, of shape (n_epochs,); NaN for epochs without categories."""
        noted = self._noted(n_epochs)
        return {name: np.array(noted[name]) for name in _NAMES}

    def setup(self, estimator: Any, context: Any) -> None: ...

    def teardown(self, estimator: Any, context: Any) -> None: ...

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> None:
        if context.task_name != "epoch":
            return
        clusters = fitted_estimator.labels_
        noted = self._noted(context.task_id)
        nmi = float(normalized_mutual_info_score(self._labels, clusters))
        noted["nmi"].append(nmi)
        noted["purity"].append(cluster_purity_score(self._labels, clusters))

    def _noted(self, n_epochs: int) -> dict[str, list[float]]:
        """The scores of earlier epochs; NaN if those had none or other categories."""
        if current.noted.get("categories") != [self._digest]:
            current.noted = {"categories": [self._digest]}
            for name in _NAMES:
                current.noted[name] = []
        for name in _NAMES:
            row = current.noted[name]
            row += [math.nan] * (n_epochs - len(row))
        return current.noted
