"""The paper's large setting: 192,272 images of 13 kinds, in its proportions.

    python benchmarks/paper_scale.py --folder FOLDER

The images are drawn by make_cardiac_views into a memory map in FOLDER. Then the recipe
`deepmcat` learns from it for 200 epochs, with a checkpoint there. After an interruption
the same command continues, with the drawing or with the learning. The time left is
printed after every epoch. It wants a GPU; --share 0.01 takes a hundredth of the images,
and --set batch_size=64 gives the recipe that parameter. Labels are used for the figures
only.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from _common import machine, pixels_and_kmeans, table
from sklearn.metrics import normalized_mutual_info_score
from table1 import parameter

from skdeepcluster import DeepClusterCategorizer, cluster_purity_score
from skdeepcluster.datasets import CARDIAC_VIEWS, make_cardiac_views

N_IMAGES = 192_272
K = 8 * len(CARDIAC_VIEWS)
CHUNK = 8192  # images drawn at a time
FEW = 5000  # images whose pixels are clustered beside


class TimeLeft:
    """Prints how long the epochs to come will take."""

    def setup(self, estimator, context):
        self.start, self.n_done = time.perf_counter(), 0

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context):
        if context.task_name != "epoch":
            return
        self.n_done += 1
        an_epoch = (time.perf_counter() - self.start) / self.n_done
        n_epochs = context.parent.max_subtasks
        left = an_epoch * (n_epochs - context.task_id - 1)
        print(
            f"epoch {context.task_id + 1} of {n_epochs}: {an_epoch:,.0f} s each, "
            f"{left / 3600:.2f} hours left",
            file=sys.stderr,
            flush=True,
        )


def drawn(folder, n, size):
    """Images and labels as memory maps, of which missing chunks are drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    images = opened(folder / f"images-{n}-{size}.npy", (n, size, size), np.uint8)
    labels = opened(folder / f"labels-{n}-{size}.npy", (n,), np.int8)
    for number, start in enumerate(range(0, n, CHUNK)):
        place = slice(start, min(start + CHUNK, n))
        if labels[place.stop - 1] < len(CARDIAC_VIEWS):  # the last one written
            continue
        images[place], y = make_cardiac_views(
            place.stop - start,
            class_weights="ukbb",
            image_size=size,
            random_state=number,
        )
        images.flush()
        labels[place] = y
        labels.flush()
        print(f"{place.stop:,} of {n:,} images drawn", file=sys.stderr, flush=True)
    return np.load(images.filename, mmap_mode="r"), np.asarray(labels)


def opened(path, shape, dtype):
    """A memory map; a new one is full of the largest number."""
    if not path.exists():
        unfinished = path.with_suffix(".unfinished")
        array = np.lib.format.open_memmap(unfinished, "w+", dtype, shape)
        array[:] = np.iinfo(dtype).max
        array.flush()
        unfinished.rename(path)
    return np.load(path, mmap_mode="r+")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--share", type=float, default=1, help="of the images")
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument(
        "--set", nargs="+", type=parameter, default=[], metavar="NAME=VALUE"
    )
    options = parser.parse_args()
    n = round(N_IMAGES * options.share)
    X, y = drawn(options.folder, n, options.size)
    est = DeepClusterCategorizer.from_recipe(
        "deepmcat",
        n_clusters=K,
        n_epochs=options.epochs,
        random_state=0,
        checkpoint=options.folder / "checkpoint",
        **dict(options.set),
    )
    start = time.perf_counter()
    est.set_callbacks(TimeLeft()).fit(X)
    seconds = time.perf_counter() - start
    few = np.random.default_rng(0).permutation(n)[:FEW]
    pixels = pixels_and_kmeans(X[few], K, "image", 0)
    lines = [
        ["the paper, on real images", "0.782", "0.605", "0.991"],
        [
            f"`deepmcat`, epoch {est.n_epochs_}",
            f"{est.history_['nmi_previous'][-1]:.3f}",
            *scores(y, est.last_epoch_labels_),
        ],
        ["`labels_`", "", *scores(y, est.labels_)],
        [f"pixels + K-means, {len(few):,} images", "", *scores(y[few], pixels)],
    ]
    print(f"{machine()}\n")
    print(
        f"{n:,} drawn images of {options.size} × {options.size} pixels, k = {K}, "
        f"{options.epochs} epochs, {dict(options.set)}; this run took {seconds:,.0f} "
        f"seconds, in {est.precision_}.\n"
    )
    print(table(["what", "NMI t vs t-1", "NMI t vs labels", "purity"], lines))


def scores(y, labels):
    """NMI and purity, as text."""
    nmi = normalized_mutual_info_score(y, labels)
    return f"{nmi:.3f}", f"{cluster_purity_score(y, labels):.3f}"


if __name__ == "__main__":
    main()
