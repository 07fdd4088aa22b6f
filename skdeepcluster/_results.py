"""The folder that the command line writes and reads."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skdeepcluster._files import replacing
from skdeepcluster.archive._store import write_table

if TYPE_CHECKING:
    from skdeepcluster import DeepClusterCategorizer
    from skdeepcluster.review._assignment import Assignment

_MODEL = "model.safetensors"
_FIRST = ["image", "frame", "slice", "cluster", "distance"]  # columns of clusters.csv


class Results:
    """A model, tables, pictures and the page of one archive.

    Parameters
    ----------
    folder : path
        Created when the first file is written.

    Attributes
    ----------
    written : dict of str to str
        Names of the files that were written, and what is in them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: dict[str, str] = {}
        self._began = time.time()

    def write_model(self, est: DeepClusterCategorizer, what: str) -> None:
        """Write ``model.safetensors``."""
        est.save(self._new(_MODEL, what))

    def read_clusters(self, labels: NDArray[Any]) -> pd.DataFrame:
        """Read ``clusters.csv``, which must hold these clusters.

        Raises
        ------
        ValueError
            If it holds other clusters.
        """
        path = self.folder / "clusters.csv"
        dtypes: Mapping[str, Any] = {"image": str, "frame": "Int64", "slice": "Int64"}
        table = pd.read_csv(
            path,
            dtype=dtypes,
            keep_default_na=False,  # a file may be called NA
            na_values={"frame": "", "slice": ""},
            encoding_errors="surrogateescape",
        )
        clusters: Any = table.get("cluster", [])
        if not np.array_equal(clusters, labels):
            raise ValueError(
                f"{path} does not hold the clusters of the model beside it; run "
                "skdeepcluster categorize again."
            )
        return table

    def write_clusters(self, table: pd.DataFrame, what: str) -> None:
        """Write ``clusters.csv``: the columns of `_FIRST`, and then all others."""
        more = [name for name in table.columns if name not in _FIRST]
        path = self._new("clusters.csv", what)
        write_table(path, table[_FIRST + more], float_format="%.5f")
        (self.folder / "series.csv").unlink(missing_ok=True)  # of another run

    def read_series(self, n_images: int) -> pd.Series[int]:
        """Read which series each image is of, from ``index.csv``.

        Raises
        ------
        ValueError
            If it has another number of images.
        """
        path = self.folder / "index.csv"
        series = pd.read_csv(
            path, usecols=["series"], dtype="Int64", encoding_errors="surrogateescape"
        )["series"]
        if len(series) != n_images:
            raise ValueError(
                f"{path} has {len(series)} images, but clusters.csv has {n_images}; "
                "run skdeepcluster categorize again."
            )
        return series

    def write_series(
        self, categories: ArrayLike, series: pd.Series[int] | None
    ) -> None:
        """Write ``series.csv``, the vote of each series, where there are any."""
        from skdeepcluster.review import series_vote

        if series is None:
            return
        votes = series_vote(categories, series)
        if len(votes):
            what = "the most frequent category of each series of index.csv"
            write_table(self._new("series.csv", what), votes, float_format="%.5f")

    def write_page(
        self, images: NDArray[Any], assignment: Assignment, centers: NDArray[Any]
    ) -> None:
        """Write ``report.html``."""
        from skdeepcluster.review._report import write_page

        what = "the clusters, to inspect and name in a browser"
        write_page(self._new("report.html", what), images, assignment, centers)

    def draw(
        self,
        images: NDArray[Any],
        assignment: Assignment,
        est: DeepClusterCategorizer,
        scores: Mapping[str, NDArray[np.float64]],
    ) -> None:
        """Draw ``montage.png``, and ``history.png`` with scores of each epoch."""
        import matplotlib
        import matplotlib.pyplot as plt

        from skdeepcluster.review import ClusterMontageDisplay, TrainingHistoryDisplay

        matplotlib.use("agg")  # nothing is shown, only written
        montage = ClusterMontageDisplay.from_predictions(
            images, assignment.labels, -assignment.distances
        )
        history = TrainingHistoryDisplay(est.history_, scores).plot()
        for name, display, what in (
            ("montage.png", montage, "the most typical images of each cluster"),
            ("history.png", history, "loss, NMI and cluster sizes over the epochs"),
        ):
            with replacing(self._new(name, what)) as unfinished:
                display.figure_.savefig(unfinished, format="png")
            plt.close(display.figure_)

    def remove_unfinished(self) -> None:
        """Remove partial files of runs that were killed while writing."""
        for name in self.written:
            for path in self.folder.glob(f"{name}.*.unfinished"):
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < self._began:  # of no running process
                        path.unlink()

    def _new(self, name: str, what: str) -> Path:
        """The path of a file that is about to be written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.written[name] = what
        return self.folder / name


def load_model(path: Path) -> DeepClusterCategorizer:
    """Load the model of a folder of results, or a model file."""
    from skdeepcluster import DeepClusterCategorizer

    file = path / _MODEL if path.is_dir() else path
    if not file.exists():
        raise FileNotFoundError(
            f"There is no model {file}; use one that skdeepcluster categorize wrote."
        )
    return DeepClusterCategorizer.load(file)
