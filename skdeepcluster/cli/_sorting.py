"""Fitting, and writing what was found."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn import callback

from skdeepcluster._image_size import seen_at
from skdeepcluster._results import Results
from skdeepcluster.cli._saying import say_clusters, say_written
from skdeepcluster.metrics import pseudo_label_monitor
from skdeepcluster.review._assignment import Assignment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdeepcluster import DeepClusterCategorizer
    from skdeepcluster.cli._reading import Found


def sort(
    est: DeepClusterCategorizer,
    output: Path,
    found: Found,
    labels: NDArray[Any] | None,
) -> None:
    """Fit, write the results as soon as they are there, and say what was found."""
    results = Results(output)
    height, width = found.images.shape[1:3]
    told = f"{len(found.images):,} images of {height} × {width} pixels"
    if est.image_size == "auto":
        side = seen_at(height, width)
        told += f", which the network sees at {side} × {side}"
    print(told, flush=True)

    monitor = None if labels is None else pseudo_label_monitor()
    callbacks = [
        callback.ProgressBar(),
        _StopWhenInterrupted(),
        *([monitor] if monitor else []),
    ]
    start = time.perf_counter()
    est.set_callbacks(*callbacks).fit(found.images, labels)
    seconds = time.perf_counter() - start
    est.reader_ = found.reader
    results.write_model(est, "the model, for new images")
    assignment = Assignment.of(est, found.images, est.embedding_)
    table = found.names.assign(cluster=assignment.labels, distance=assignment.distances)
    results.write_clusters(table, "the cluster of each image, and its distance from it")
    results.write_page(found.images, assignment, est.cluster_centers_)
    results.draw(found.images, assignment, est, monitor)
    say_clusters(est, seconds, labels)
    print()
    say_written(results, found)


class _StopWhenInterrupted:
    """Ctrl-C ends learning after the epoch, and results are written; twice, at once."""

    def setup(self, estimator: Any, context: Any) -> None:
        self.asked = False
        self.before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self.ask)

    def teardown(self, estimator: Any, context: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self.before)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        return self.asked

    def ask(self, *_: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        print(
            "\nStopping after this epoch, to keep what was learnt; once more to quit.",
            file=sys.stderr,
        )
