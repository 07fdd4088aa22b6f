"""The paper's Table 1 and Figure 2, beside K-means on the pixels.

    python benchmarks/table1.py --data PATH/medical_mnist6/data.npz --recipe deepmcat \
        --k 48 --rows rows.jsonl --figures FOLDER

Three settings, as in Kart et al. (2021): (i) as many images of each class, (ii) the
whole set, (iii) a long tail of 43 : 12 : 4 : 4 : 4 : 4 for six classes in the order of
their labels (in general 4 for all further ones; a class that has less gives all).
"t vs t-1" is the NMI of the last two assignments, and the paper's columns are those of
the last epoch's assignment. Labels are used for the figures only. Settings that are
done are kept in --rows, and drawn into --figures; one that was interrupted begins anew.
--seconds ends a run after that time, at the end of an epoch; --set batch_size=64 gives
the recipe that parameter. With --epochs 1000 the figure is the paper's Figure 3.
"""

from __future__ import annotations

import argparse
import ast
import time
from pathlib import Path

import numpy as np
from _common import Rows, machine, name_of, pixels_and_kmeans, table
from sklearn.metrics import normalized_mutual_info_score

from skdeepcluster import DeepClusterCategorizer, cluster_purity_score
from skdeepcluster.metrics import pseudo_label_monitor
from skdeepcluster.review import TrainingHistoryDisplay

SETTINGS = ("balanced", "whole", "long tail")
TAIL = (43, 12, 4)
RAREST = 150


class TimeLimit:
    """Asks to stop after the epoch in which the time is up."""

    def __init__(self, seconds):
        self.seconds = seconds

    def setup(self, estimator, context):
        self.start = time.perf_counter()

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context): ...

    def on_fit_task_end(self, estimator, context):
        return time.perf_counter() - self.start > self.seconds


def subset(y, setting, n):
    """Indices of the images of a setting, some n of them where n is given.

    More than n only for the rarest class of the long tail to have its least number.
    """
    random = np.random.default_rng(0)
    order = random.permutation(len(y))
    if setting == "whole":
        return order[:n]
    members = [order[y[order] == label] for label in np.unique(y)]
    if setting == "balanced":
        shares = np.ones(len(members))
    else:
        shares = np.array([*TAIL, *[TAIL[-1]] * len(members)][: len(members)])
    available = min(len(m) / s for m, s in zip(members, shares, strict=True))
    unit = min(available, (n or len(y)) / shares.sum())
    if setting == "long tail" and unit * shares.min() < RAREST:
        unit = RAREST / shares.min()  # where a class has less, it gives all it has
    counts = np.floor(unit * shares).astype(int)
    chosen = np.concatenate([m[:c] for m, c in zip(members, counts, strict=True)])
    return random.permutation(chosen)


def parameter(text):
    """A name and a value of "name=value", which may go without quotation marks."""
    name, value = text.split("=", 1)
    try:
        return name, ast.literal_eval(value)
    except ValueError:
        return name, value


def fit(X, y, options):
    parameters = {"n_clusters": options.k, "random_state": options.seed}
    parameters.update(options.set)
    if options.epochs is not None:
        parameters["n_epochs"] = options.epochs
    est = DeepClusterCategorizer.from_recipe(options.recipe, **parameters)
    monitor = pseudo_label_monitor()
    callbacks = [monitor]
    if options.seconds is not None:
        callbacks.append(TimeLimit(options.seconds))
    start = time.perf_counter()
    est.set_callbacks(*callbacks).fit(X, y)
    seconds = time.perf_counter() - start
    return est, TrainingHistoryDisplay.from_estimator(est, monitor=monitor), seconds


def measure(X, y, name, options):
    est, display, seconds = fit(X, y, options)
    if options.figures is not None:
        options.figures.mkdir(parents=True, exist_ok=True)
        file = options.figures / f"{options.recipe}-{name.replace(' ', '-')}.png"
        display.figure_.savefig(file)
    history = est.history_
    return {
        "n": len(X),
        "n_epochs": est.n_epochs_,
        "nmi_previous": float(history["nmi_previous"][-1]),
        "last_nmi": normalized_mutual_info_score(y, est.last_epoch_labels_),
        "last_purity": cluster_purity_score(y, est.last_epoch_labels_),
        "nmi": normalized_mutual_info_score(y, est.labels_),
        "purity": cluster_purity_score(y, est.labels_),
        "seconds": seconds,
        "precision": est.precision_,
        "loss": history["loss"].tolist(),
        "nmi_previous_curve": history["nmi_previous"].tolist(),
        **{f"{name}_curve": curve.tolist() for name, curve in display.scores.items()},
    }


def pixels(X, y, options):
    found = {}
    for standardize in ("image", "dataset"):
        labels = pixels_and_kmeans(X, options.k, standardize, options.seed)
        found[standardize] = (
            normalized_mutual_info_score(y, labels),
            cluster_purity_score(y, labels),
        )
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="an .npz file")
    parser.add_argument("--recipe", default="deepmcat")
    parser.add_argument("--k", type=int, required=True)
    parser.add_argument("--epochs", type=int, help="(default: the recipe's)")
    parser.add_argument(
        "--set", nargs="+", type=parameter, default=[], metavar="NAME=VALUE"
    )
    parser.add_argument("--n", type=int, help="some so many images (default: all)")
    parser.add_argument("--seconds", type=float, help="a limit for each setting")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=SETTINGS)
    parser.add_argument("--rows", type=Path, help="finished rows, to go on from")
    parser.add_argument("--figures", type=Path, help="folder for the figures")
    options = parser.parse_args()
    rows = Rows(options.rows)
    data_name = name_of(options.data)
    with np.load(options.data) as data:
        images, labels = data["images"], data["labels"]
    lines, curves = [], []
    what = "".join(f", {name}={value}" for name, value in options.set)
    what = f"`{options.recipe}`{what}"
    for name in options.settings:
        chosen = subset(labels, name, options.n)
        X, y = images[chosen], labels[chosen]
        base = rows.get(
            f"pixels {data_name} {name} {len(X)} {options.k} {options.seed}",
            lambda X=X, y=y: pixels(X, y, options),
        )
        for standardize, (nmi, purity) in base.items():
            method = f"pixels + K-means, standardised over the {standardize}"
            figures = ["", f"{nmi:.3f}", f"{purity:.3f}", "", "", ""]
            lines.append([name, f"{len(X):,}", method, *figures])
        key = f"{what} {data_name} {name} {len(X)} {options.k}"
        run = rows.get(
            f"{key} {options.epochs} {options.seconds} {options.seed}",
            lambda X=X, y=y, name=name: measure(X, y, name, options),
        )
        figures = ["nmi_previous", "last_nmi", "last_purity", "nmi", "purity"]
        lines.append(
            [
                name,
                f"{run['n']:,}",
                f"{what}, {run['n_epochs']} epochs",
                *(f"{run[figure]:.3f}" for figure in figures),
                f"{run['seconds']:.0f}",
            ]
        )
        step = max(1, run["n_epochs"] // 10)
        shown = range(0, run["n_epochs"], step)
        curves.append([name, "epoch", *(str(epoch + 1) for epoch in shown)])
        for curve in ("loss", "nmi_previous_curve", "nmi_curve", "purity_curve"):
            values = (f"{run[curve][epoch]:.3f}" for epoch in shown)
            curves.append(["", curve.removesuffix("_curve"), *values])
    print(f"{machine()}\n")
    print(
        f"{data_name}, {images.shape[1]} × {images.shape[2]}, "
        f"k = {options.k}, seed {options.seed}. Of the last epoch's assignment, as in "
        "the paper's Table 1, and of `labels_`:\n"
    )
    header = ["setting", "images", "what", "NMI t vs t-1", "NMI t vs labels", "purity"]
    print(table([*header, "NMI of labels_", "purity of labels_", "seconds"], lines))
    print("\nOver the epochs (Figure 2):\n")
    for line in curves:
        print("    " + "  ".join(f"{cell:>12}" for cell in line))


if __name__ == "__main__":
    main()
