"""Why the paper's learning rate does harm in small sets: the first 200 updates.

    python benchmarks/stability.py --data PATH/medical_mnist6/data.npz --k 48 \
        --rows rows.jsonl --figure figures/stability.svg

VGG-16 with batch norm, embedded by its second fully connected layer, at the paper's
0.05, and the recipe `deepmcat` with its rate in proportion to the batches. After each
update are kept: the loss; the mean squared length of the features that the linear layer
of the classifier gets; the norm of the gradient of the network; and the curvature of
the loss in the weights of that layer, that is, the largest eigenvalue of its Hessian
for the batch. Gradient descent at a rate r leaves a quadratic valley that is steeper
than 2 / r, or 2 (1 + m) / r with momentum m. Labels are used only for the purity of the
clusters of each epoch.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch
from _common import Rows, load, machine, name_of, table

from skdeepcluster import DeepClusterCategorizer, cluster_purity_score
from skdeepcluster._assembly import alternation_of, inputs_of
from skdeepcluster._engine import runtime
from skdeepcluster._engine.clustering import DivergenceError

FIGURES = ("loss", "features", "gradient", "curvature")
SHOWN = (1, 10, 50, 100, 200)
SETTINGS = {
    "fully connected layer, 0.05": {
        "embedding_layer": "fc",
        "objective__standardize": False,
        "objective__dropout": 0.0,
    },
    "`deepmcat`, 0.05 / 256 an image": {},
}


def curvature(features, logits, n_iter=30):
    """The largest eigenvalue of the Hessian of the loss in the classifier's weights."""
    shares = logits.softmax(1)
    weights = torch.ones(logits.shape[1], features.shape[1])
    weights[::2] *= -1  # all equal changes no share
    largest = 0.0
    for _ in range(n_iter):
        weights = weights / weights.norm()
        change = features @ weights.T
        change = shares * (change - (shares * change).sum(1, keepdim=True))
        weights = change.T @ features / len(features)
        largest = float(weights.norm())
    return largest


class Watch:
    """Keeps figures of each update; to be called after it."""

    def __init__(self, loop):
        self.loop = loop
        self.kept = {name: [] for name in FIGURES}

    def look(self, head, inputs, logits):
        self.features, self.logits = inputs[0].detach(), logits.detach()

    def __call__(self, labels):
        features, logits = self.features.float(), self.logits.float()
        loss = torch.nn.functional.cross_entropy(logits, labels)
        gradients = [p.grad.norm() for p in self.loop.backbone.body.parameters()]
        figures = (
            loss,
            features.square().sum(1).mean(),
            torch.stack(gradients).norm(),
            curvature(features, logits),
        )
        for name, figure in zip(FIGURES, figures, strict=True):
            self.kept[name].append(float(figure))


def measure(X, y, options, size, setting):
    """Figures of the first updates, and purities of the first clusterings."""
    est = DeepClusterCategorizer.from_recipe(
        "deepmcat",
        n_clusters=options.k,
        image_size=size,
        batch_size=options.batch_size,
        learning_rate=0.05 if setting else 0.05 * options.batch_size / 256,
        standardize="dataset",
        random_state=0,
        **setting,
    )
    device = torch.device("cpu")
    rows = X.reshape(len(X), -1)
    with runtime.session(device, 0):
        inputs = inputs_of(est, rows, (*X.shape[1:3], 1))
        loop = alternation_of(est, rows, inputs, device)
        watch = Watch(loop)
        step = loop.descent.step
        purities = []

        def watched(loss):
            step(loss)
            n_done = len(watch.kept["loss"]) - before
            batch = loop.descent.batches(epoch.drawn)[n_done]
            watch(epoch.clustering.labels[batch])
            if len(watch.kept["loss"]) == options.updates:
                raise StopIteration

        loop.descent.step = watched
        try:
            for number in itertools.count():
                before = len(watch.kept["loss"])
                epoch = loop.begin(number)
                labels = epoch.clustering.labels.numpy()
                purities.append(cluster_purity_score(y, labels))
                *_, linear = loop.descent.head.modules()
                hook = linear.register_forward_hook(watch.look)
                loop.train(epoch)
                hook.remove()
        except (StopIteration, DivergenceError):
            pass
    return {**watch.kept, "purities": purities}


def draw(found, path):
    import matplotlib.pyplot as plt

    names = ("loss", "curvature", "features", "gradient")
    titles = (
        "loss (nats)",
        "curvature in the classifier's weights",
        "squared length of the features",
        "norm of the network's gradient",
    )
    figure, axes = plt.subplots(2, 2, figsize=(8, 5.5), layout="constrained")
    for axis, name, title in zip(axes.flat, names, titles, strict=True):
        for (n, size, setting), kept in found.items():
            colour = "C3" if SETTINGS[setting] else "C0"
            style = "-" if size == min(key[1] for key in found) else "--"
            label = f"{setting.replace('`', '')}, {n:,} images, {size} px"
            values = kept[name]
            axis.plot(
                range(1, len(values) + 1), values, style, c=colour, lw=0.8, label=label
            )
        axis.set(title=title, xlabel="update", yscale="log")
    axes[0, 1].axhline(2 * 1.9 / 0.05, color="C3", ls=":", lw=1)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=7)
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="an .npz file")
    parser.add_argument("--k", type=int, required=True)
    parser.add_argument("--n", type=int, nargs="+", default=[3000, 12_001])
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--updates", type=int, default=200)
    parser.add_argument("--rows", type=Path, help="finished rows, to go on from")
    parser.add_argument("--figure", type=Path, help="file for the figure")
    options = parser.parse_args()
    rows = Rows(options.rows)
    found = {}
    for n, size, name in itertools.product(options.n, options.sizes, SETTINGS):
        X, y = load(options.data, n)
        key = f"{name_of(options.data)} {len(X)} {size} {name} {options.batch_size}"
        found[len(X), size, name] = rows.get(
            f"{key} {options.k} {options.updates}",
            lambda X=X, y=y, size=size, name=name: measure(
                X, y, options, size, SETTINGS[name]
            ),
        )
    lines = []
    for (n, size, name), kept in found.items():
        for figure in FIGURES:
            values = kept[figure]
            shown = [
                f"{values[at - 1]:,.3g}" if at <= len(values) else ""
                for at in SHOWN
                if at <= options.updates
            ]
            peak = float(np.nanmax(values))
            lines.append([f"{n:,}", f"{size}", name, figure, *shown, f"{peak:,.3g}"])
        purities = [f"{purity:.3f}" for purity in kept["purities"]]
        lines.append([f"{n:,}", f"{size}", name, "purity of each epoch's clusters"])
        lines[-1] += [", ".join(purities), *[""] * (len(shown))]
    print(f"{machine()}\n")
    print(
        f"{name_of(options.data)}, k = {options.k}, batches of {options.batch_size}, "
        "one seed. With momentum 0.9, a rate of 0.05 bears a curvature of 76, and one "
        "of 0.0125 304.\n"
    )
    at = [f"update {at}" for at in SHOWN if at <= options.updates]
    print(table(["images", "px", "setting", "figure", *at, "largest"], lines))
    if options.figure is not None:
        draw(found, options.figure)


if __name__ == "__main__":
    main()
