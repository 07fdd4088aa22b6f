"""The folder that the command line writes and reads."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skdeepcluster._files import BEGUN, replacing, replacing_together
from skdeepcluster._lock import locked
from skdeepcluster._results_reader import MODEL, NAMED_BY, ResultsReader
from skdeepcluster.archive._rows import new_memmap, unnamed_memmap, write_in_turn
from skdeepcluster.archive._sources import Sources
from skdeepcluster.archive._store import write_table

if TYPE_CHECKING:
    from skdeepcluster import DeepClusterCategorizer
    from skdeepcluster._names import Names
    from skdeepcluster.review._assignment import Assignment

_FIRST = [*NAMED_BY, "cluster", "distance"]  # columns of clusters.csv
_EXTENSION = ".skdeepcluster-extension"  # where extend keeps new images meanwhile


class Results(ResultsReader):
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
        super().__init__(folder)
        self.written: dict[str, str] = {}
        self._whole = folder  # also while files are written elsewhere
        self._began = time.time()

    @property
    def extension(self) -> Path:
        """A folder for new images, until they are among the others."""
        return self.folder / _EXTENSION

    @contextmanager
    def together(self) -> Iterator[None]:
        """Have files that are written within replace those of the folder together."""
        folder = self.folder
        try:
            with replacing_together(folder) as self.folder:
                yield
        finally:
            self.folder = folder
        if "clusters.csv" in self.written and "series.csv" not in self.written:
            (folder / "series.csv").unlink(missing_ok=True)  # of other categories

    def write_model(self, est: DeepClusterCategorizer, what: str) -> None:
        """Write ``model.safetensors``."""
        est.save(self._new(MODEL, what))

    def write_clusters(self, table: pd.DataFrame, what: str) -> None:
        """Write ``clusters.csv``: the columns of `_FIRST`, and then all others."""
        self.write_table("clusters.csv", _ordered(table, _FIRST), what)
        if self.folder == self._whole:
            (self.folder / "series.csv").unlink(missing_ok=True)  # of another run

    def write_table(self, name: str, table: pd.DataFrame, what: str) -> None:
        """Write a table."""
        write_table(self._new(name, what), table, float_format="%.5f")

    def write_found(
        self,
        names: pd.DataFrame,
        duplicates: pd.DataFrame,
        outliers: pd.DataFrame,
    ) -> None:
        """Write ``duplicates.csv`` and ``outliers.csv``.

        Parameters
        ----------
        names : DataFrame of n_images rows
            What images are called, and the folder that each comes from, if there are
            several.
        duplicates, outliers : DataFrame
            As the functions of `review` give them.
        """
        for name, table, what in (
            ("duplicates.csv", duplicates, "images that are copies of others"),
            ("outliers.csv", outliers, "the images that are least like any others"),
        ):
            theirs = names.iloc[table["image"]].reset_index(drop=True)
            rows = {"image": "row", "copy_of": "copy_of_row"}
            rest = table.rename(columns=rows).reset_index(drop=True)
            self.write_table(name, pd.concat([theirs, rest], axis="columns"), what)

    def write_embeddings(self, embedding: NDArray[np.float32] | None) -> None:
        """Write ``embeddings.npy``, a row for each row of ``clusters.csv``.

        None removes one that another run has left.
        """
        if embedding is None:
            (self.folder / "embeddings.npy").unlink(missing_ok=True)
            return
        what = "the embedding of each image of clusters.csv, float32"
        with (
            replacing(self._new("embeddings.npy", what)) as unfinished,
            open(unfinished, "wb") as file,
        ):
            np.save(file, embedding)

    def write_images(
        self,
        parts: Sequence[NDArray[Any]],
        archive: tuple[pd.DataFrame, pd.DataFrame] | None,
    ) -> NDArray[Any]:
        """Put images one after the other in an array on disk.

        Parameters
        ----------
        parts : sequence of ndarray
            They may not fit into memory together.
        archive : tuple of DataFrame or None
            What to write as ``index.csv`` and ``skipped.csv`` beside ``images.npy``;
            None if these images are not to be kept.

        Returns
        -------
        memmap
        """
        shape = (sum(map(len, parts)), *parts[0].shape[1:])
        dtype = np.result_type(*parts)
        if archive is None:
            images = unnamed_memmap(shape, dtype, self.folder)
            write_in_turn(parts, images)
            return images
        path = self._new("images.npy", "the images as they were read")
        with replacing(path) as unfinished:
            images = new_memmap(unfinished, shape, dtype)
            write_in_turn(parts, images)
            images.flush()
        index, skipped = archive
        write_table(self._new("index.csv", "the file of each image"), index)
        what = f"{len(skipped):,} file(s) not read, and why"
        write_table(self._new("skipped.csv", what), skipped)
        return images

    def remove_extension(self) -> None:
        """Remove the folder that new images were in."""
        shutil.rmtree(self.extension, ignore_errors=True)

    def write_sources(self, sources: Sources) -> None:
        """Write ``sources.csv``."""
        sources.write(self._new("sources.csv", "where the images come from"))

    def forget(self) -> None:
        """Remove what would not fit the results of another fit."""
        for name in ("changes.csv", "sources.csv"):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.folder / BEGUN, ignore_errors=True)
        self.remove_extension()

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
        self,
        images: NDArray[Any],
        assignment: Assignment,
        est: DeepClusterCategorizer,
        *,
        new: Collection[int] = (),
        excluded: Collection[int] = (),
        duplicates: pd.DataFrame | None = None,
        outliers: pd.DataFrame | None = None,
    ) -> None:
        """Write ``report.html``, with the clusters `new` first; see `write_report`.

        `excluded` are rows that are marked as not belonging to their cluster.
        """
        from skdeepcluster.review._report import write_page

        what = "the clusters, to inspect and name in a browser"
        write_page(
            self._new("report.html", what),
            images,
            assignment,
            est.cluster_centers_,
            names=est.names_,
            new=new,
            excluded=excluded,
            duplicates=duplicates,
            outliers=outliers,
        )

    def write_names(self, names: Names, labels: NDArray[np.int64]) -> None:
        """Have ``report.html``, if it is still there, begin with these names."""
        from skdeepcluster.review._page import rename
        from skdeepcluster.review._report import by_cluster

        page = self._whole / "report.html"
        if page.exists():
            target = self._new("report.html", "the clusters, now with the names")
            marked = by_cluster(names.excluded, labels)
            rename(page, target, names.categories, marked)

    def draw(
        self,
        images: NDArray[Any],
        assignment: Assignment,
        est: DeepClusterCategorizer,
        scores: Mapping[str, NDArray[np.float64]] | None,
    ) -> None:
        """Draw ``montage.png`` and, with scores of each epoch, ``history.png``."""
        import matplotlib
        import matplotlib.pyplot as plt

        from skdeepcluster.review import ClusterMontageDisplay, TrainingHistoryDisplay

        matplotlib.use("agg")  # nothing is shown, only written
        montage = ClusterMontageDisplay.from_predictions(
            images, assignment.labels, -assignment.distances
        )
        drawn: list[Any] = [
            ("montage.png", montage, "the most typical images of each cluster")
        ]
        if scores is not None:
            history = TrainingHistoryDisplay(est.history_, scores).plot()
            what = "loss, NMI and cluster sizes over the epochs"
            drawn.append(("history.png", history, what))
        for name, display, what in drawn:
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


@contextmanager
def locked_results(folder: Path) -> Iterator[None]:
    """Have a folder of results alone.

    Raises
    ------
    FileNotFoundError
        If it is not a folder.
    ValueError
        If another run writes to it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{folder} is not a folder; give one that skdeepcluster categorize wrote."
        )
    with locked(folder):
        yield


def _ordered(table: pd.DataFrame, first: list[str]) -> pd.DataFrame:
    more = [name for name in table.columns if name not in first]
    return table[first + more]
