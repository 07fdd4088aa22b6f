"""A network that was trained elsewhere against one that learns from scratch.

    python benchmarks/backbones.py --data medical_mnist6/data.npz \
        --other usps9298/data.npz

Without weights from outside, a ResNet-18 that learns the labels of every second kind of
the set stands in for what people have. It is applied to the images of the other kinds,
and to another set. With weights of your own, it is measured on all images of a set,
such as colour photographs:

    python benchmarks/backbones.py --data photographs.npz \
        --backbone timm:NAME --weights FILE --image-size 224

Purity and NMI at 8 clusters a kind, and the seconds of a fit. The learning rate of the
fine-tuned network is 0.01, and else that of the defaults.
"""

import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from _common import (
    Rows,
    load,
    machine,
    median_and_range,
    name_of,
    parser,
    pixels_and_kmeans,
    table,
)
from sklearn.metrics import normalized_mutual_info_score

from skdeepcluster import (
    Augmentation,
    DeepClusterCategorizer,
    Pretrained,
    cluster_purity_score,
)
from skdeepcluster._engine.augment import random_views
from skdeepcluster._engine.images import Inputs
from skdeepcluster._engine.pretrained import network_of, pixel_scale, settings_of

STAND_IN = "torchvision:resnet18"
VIEW = Augmentation(rotation=15, crop_scale=(0.5, 1), shading=0.4).get_params()
METHODS = {
    "pixels": None,
    "from scratch": {},
    "frozen features": {"trainable": "none"},
    "head": {"trainable": "head"},
    "fine-tuned": {"trainable": "all"},
}


def trained(X, y, size, n_epochs, seed):
    """The state dict of a ResNet-18 that has learnt these labels."""
    torch.manual_seed(seed)
    shape = (*X.shape[1:], 1)[:3]
    rows = X.reshape(len(X), -1)
    scale = pixel_scale(rows, shape, settings_of(STAND_IN))
    inputs = Inputs(shape, (size, size), "dataset", *scale)
    images = inputs.images(rows, torch.device("cpu"))
    initial = torchvision.models.resnet18().state_dict()
    network, n_features = network_of(STAND_IN, (size, size), initial)
    head = torch.nn.Linear(n_features, int(y.max()) + 1)
    labels = torch.from_numpy(y).long()
    both = torch.nn.Sequential(network, head).train()
    optimizer = torch.optim.SGD(both.parameters(), 0.02, 0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_epochs)
    for _ in range(n_epochs):
        right = 0
        batches = [b for b in torch.randperm(len(X)).split(64) if len(b) > 1]
        for batch, pixels in zip(batches, images.batches(batches), strict=True):
            logits = both(random_views(pixels, **VIEW))
            loss = F.cross_entropy(logits, labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            right += int((logits.argmax(1) == labels[batch]).sum())
        schedule.step()
    print(f"# trained on {len(X):,} images, accuracy {right / len(X):.3f}", flush=True)
    return network.module.state_dict()


def measured(X, y, method, weights, args, seed):
    """Purity, NMI and seconds."""
    k = 8 * len(np.unique(y))
    start = time.perf_counter()
    if method == "pixels":
        labels = pixels_and_kmeans(X, k, "dataset", seed, min(50, len(X)))
    else:
        est = DeepClusterCategorizer(k, random_state=seed)
        if method != "from scratch":
            network = Pretrained(args.backbone, weights=weights(), **METHODS[method])
            est.set_params(backbone=network, image_size=args.image_size)
            start = time.perf_counter()
        if method == "fine-tuned":
            est.set_params(learning_rate=0.01)
        labels = est.set_params(**args.parameters).fit_predict(X)
    seconds = time.perf_counter() - start
    return [
        cluster_purity_score(y, labels),
        float(normalized_mutual_info_score(y, labels)),
        seconds,
    ]


def report(name, X, y, weights, args, rows, key):
    """Measure all methods on a set, and print its table."""
    lines = []
    for method in args.methods:
        done = [
            rows.get(
                f"{key}/{name}/{len(X)}/{method}/{args.image_size}/{seed}",
                partial(measured, X, y, method, partial(weights, seed), args, seed),
            )
            for seed in range(args.seeds)
        ]
        purity, nmi, seconds = zip(*done, strict=True)
        found = [median_and_range(list(each)) for each in (purity, nmi)]
        lines.append([method, *found, f"{np.median(seconds):.0f}"])
    colour = "colour" if X.shape[3:] == (3,) else "grey"
    n_kinds = len(np.unique(y))
    print(f"\n{name}: {len(X):,} {colour} images of {n_kinds} kinds\n")
    print(table(["method", "purity", "NMI", "seconds"], lines), flush=True)


def main():
    options = parser(__doc__)
    options.add_argument("--other", type=Path, help="another set, as --data is given")
    options.add_argument("--backbone", default=STAND_IN, help="with --weights")
    options.add_argument("--weights", type=Path, help="a file of your own")
    options.add_argument("--image-size", type=int, default=64, help="default: 64")
    options.add_argument(
        "--label-epochs", type=int, default=20, help="of the stand-in (default: 20)"
    )
    options.add_argument("--epochs", type=int, help="of all others (default: theirs)")
    options.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    args = options.parse_args()
    args.parameters = {} if args.epochs is None else {"n_epochs": args.epochs}
    rows = Rows(args.rows)
    X, y = load(args.data, args.n)
    y = np.unique(y, return_inverse=True)[1]
    name = name_of(args.data)
    print(f"{machine()}, torchvision {torchvision.__version__.split('+')[0]}")
    if args.weights is not None:
        key = f"{args.backbone} of {args.weights.name}"
        report(name, X, y, lambda seed: args.weights, args, rows, key)
        return
    states = {}
    learnt = y % 2 == 0  # every second kind

    def weights(seed):
        if seed not in states:
            kinds = (X[learnt], y[learnt] // 2, args.image_size)
            states[seed] = trained(*kinds, args.label_epochs, seed)
        return states[seed]

    key = f"labels of {name}, {args.label_epochs} epochs"
    report(f"{name}, other kinds", X[~learnt], y[~learnt], weights, args, rows, key)
    if args.other is not None:
        others = load(args.other, args.n)
        report(name_of(args.other), *others, weights, args, rows, key)
    if X.shape[3:] != (3,):
        print(
            "\nColour: not measured here. With a set in colour, and weights of yours:\n"
            "python benchmarks/backbones.py --data SET.npz --backbone timm:NAME "
            "--weights FILE --image-size 224"
        )


if __name__ == "__main__":
    main()
