"""How fast the loop is: beside the loop as the field runs it, and beside the machine.

    python benchmarks/speed.py --data medical_mnist6/data.npz --n 1024

Both loops have the same network (VGG-16 with batch norm), images, batches and k, and
take turns; the field's decodes image files in each, ours has decoded arrays, which on a
GPU have been copied there before. The share of the machine is that of the
floating-point operations, which PyTorch counts, in what a large product of matrices
reaches right before and after each measurement, in bfloat16 where the machine is built
for it: on a machine that is shared, that limit changes by the second.
"""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import reference_loop
import torch
from _common import load, machine, name_of, parser, table
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster._assembly import alternation_of
from skdeepcluster._engine import runtime
from skdeepcluster._engine.embedding import embed

PHASES = ("embed", "cluster", "train")


class Ceiling:
    """What the machine can do, measured whenever it is asked."""

    def __init__(self, device):
        self.device = device
        self.dtype = runtime.PRECISIONS[runtime.resolve_precision("auto", device)]
        side = 8192 if device.type == "cuda" else 2048
        self.factor = torch.randn(side, side, device=device)
        self.block = torch.zeros(2, 2**27, dtype=torch.uint8, device=device)
        self.n_products = 16 if device.type == "cuda" else 8
        self.product()

    def seconds(self, work):
        start = runtime.clock(self.device)
        work()
        return runtime.clock(self.device) - start

    def product(self, dtype=None):
        """Operations a second of a product of large matrices."""
        factor = self.factor.to(dtype or self.dtype)
        times = [self.seconds(lambda: factor @ factor) for _ in range(self.n_products)]
        return 2 * len(factor) ** 3 / np.median(times)

    def copy(self):
        """Bytes a second, read and written."""
        to, of = self.block
        times = [self.seconds(lambda: to.copy_(of)) for _ in range(8)]
        return self.block.nbytes / min(times)

    def share(self, work, operations, n_times):
        """Seconds and share of the product's rate, median of so many times."""
        work()
        seconds, shares = [], []
        for _ in range(n_times):
            before = self.product()
            seconds.append(self.seconds(work))
            limit = (before + self.product()) / 2
            shares.append(operations / seconds[-1] / limit)
        return float(np.median(seconds)), float(np.median(shares))


def counted(work):
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def estimator(args, n_epochs, **parameters):
    return DeepClusterCategorizer.from_recipe(
        "deepmcat",
        n_clusters=args.k,
        batch_size=args.batch_size,
        image_size=args.size,
        n_epochs=n_epochs,
        random_state=0,
        device=args.device,
        **parameters,
    )


def beside_the_field(args, X, device):
    """Images a second of both loops, phase by phase."""
    ours = {phase: [] for phase in PHASES}
    theirs = {phase: [] for phase in PHASES}
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for index, image in enumerate(X):
            paths.append(Path(folder, f"{index}.png"))
            Image.fromarray(image).save(paths[-1])
        body, head = (part.to(device) for part in reference_loop.network(args.k))
        run = (args.size, body, head, args.k, args.batch_size, device, args.workers)
        reference_loop.epoch(paths[: 2 * args.batch_size], *run)  # to warm up
        decoding = reference_loop.decoding(paths, args.size)
        for _ in range(args.epochs):
            for phase, seconds in reference_loop.epoch(paths, *run).items():
                theirs[phase].append(seconds)
            # The first epoch warms up.
            history = estimator(args, 2).fit(X).history_
            for phase in PHASES:
                ours[phase].append(history[f"{phase}_seconds"][-1])
    lines = []
    for phase in ("decode", "augment"):
        line = [f"{phase}, one process", f"{len(X) / decoding[phase]:,.0f}"]
        lines.append([*line, "part of the others", ""])
    ours["whole epoch"] = [sum(times) for times in zip(*ours.values(), strict=True)]
    theirs["whole epoch"] = [sum(times) for times in zip(*theirs.values(), strict=True)]
    for phase in ours:
        our, their = np.median(ours[phase]), np.median(theirs[phase])
        rates = [f"{len(X) / seconds:,.0f}" for seconds in (their, our)]
        lines.append([phase, *rates, f"{their / our:.1f}"])
    header = ["images a second", "the field's loop", "skdeepcluster", "times"]
    print(f"{table(header, lines)}\n", flush=True)
    rest = np.median(ours["cluster"]) / np.median(ours["whole epoch"])
    print(f"K-means and labels take {rest:.1%} of an epoch.\n", flush=True)


def beside_the_machine(args, X, device, ceiling):
    """What of the machine's own rate a training epoch and an embedding pass reach."""
    rows = np.resize(X, (args.batches * args.batch_size, *X.shape[1:]))
    est = estimator(args, 1).fit(rows[: max(args.k, args.batch_size)])
    lines = []
    with runtime.session(device, seed=0):
        flat = rows.reshape(len(rows), -1)
        loop = alternation_of(est, flat, est.model_.inputs, device)
        epoch = loop.begin(0)
        for phase, work in (
            ("training", lambda: loop.train(replace(epoch, n_steps=0))),
            ("embedding", loop.memory.recall),
        ):
            operations = counted(work)
            seconds, share = ceiling.share(work, operations, args.repeats)
            rate = operations / seconds / 1e12
            line = [phase, f"{operations / len(rows) / 1e9:.2f}", f"{rate:.2f}"]
            lines.append([*line, f"{len(rows) / seconds:,.0f}", f"{share:.0%}"])
    header = ["", "GFLOP an image", "TFLOP/s", "images a second", "of the ceiling"]
    print(f"{table(header, lines)}\n", flush=True)


def predictions(X, device, ceiling, repeats):
    """`predict` and `transform` of a small network beside its embedding pass."""
    X = np.resize(X, (20_000, *X.shape[1:]))
    est = DeepClusterCategorizer.from_recipe(
        "fast", n_clusters=48, n_epochs=1, random_state=0, device=device
    ).fit(X[:1000])
    images = est.model_.inputs.images(X.reshape(len(X), -1), device)

    def embedding():
        with runtime.session(device):
            embed(
                est.network_,
                images,
                batch_size=est.batch_size,
                precision=est.precision_,
            )

    found = {"embedding pass": [], "transform": [], "predict": []}
    for _ in range(repeats):
        limit = ceiling.seconds(embedding)
        for name, work in (
            ("embedding pass", embedding),
            ("transform", lambda: est.transform(X)),
            ("predict", lambda: est.predict(X)),
        ):
            seconds = ceiling.seconds(work)
            found[name].append((seconds, limit / seconds))
    lines = [
        [
            name,
            f"{len(X) / np.median(times, 0)[0]:,.0f}",
            f"{np.median(times, 0)[1]:.0%}",
        ]
        for name, times in found.items()
    ]
    print(table(["small_cnn, `fast`", "images a second", "of the pass before"], lines))


def main():
    options = parser(__doc__)
    options.set_defaults(n=1024)
    options.add_argument("--k", type=int, default=48)
    options.add_argument("--size", type=int, default=64, help="pixels")
    options.add_argument("--batch-size", type=int, default=128)
    options.add_argument("--epochs", type=int, default=2, help="of each loop")
    options.add_argument(
        "--batches", type=int, default=4, help="a measurement; on a GPU take 400"
    )
    options.add_argument("--repeats", type=int, default=5, help="of a measurement")
    options.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="of the DataLoader"
    )
    options.add_argument("--device", default="auto")
    args = options.parse_args()
    device = runtime.resolve_device(args.device)
    X, _ = load(args.data, args.n)
    ceiling = Ceiling(device)
    rates = ", ".join(
        f"{ceiling.product(dtype) / 1e12:.2f} in {str(dtype).removeprefix('torch.')}"
        for dtype in sorted({ceiling.dtype, torch.float32}, key=str)
    )
    print(
        f"{machine()}\n\n{name_of(args.data)}: {len(X):,} images, VGG-16-BN at "
        f"{args.size} px, batches of {args.batch_size}, k = {args.k}\n\n"
        f"Products of matrices, TFLOP/s: {rates}; a copy: "
        f"{ceiling.copy() / 1e9:.0f} GB/s.\n",
        flush=True,
    )
    beside_the_machine(args, X, device, ceiling)
    beside_the_field(args, X, device)
    predictions(X, device, ceiling, args.repeats)


if __name__ == "__main__":
    main()
