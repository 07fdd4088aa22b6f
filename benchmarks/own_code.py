"""What two pieces of our own code are worth beside what they stand for.

    python benchmarks/own_code.py

`Spread`, the fully connected layer of a VGG for the few cells of a small last map,
beside torchvision's 7 × 7 cells of copies: seconds of a training step. And K-means of
faiss, which runs on the CPU, beside Lloyd's loop in PyTorch, which a GPU and macOS
need: seconds of 20 iterations. By turns, medians.
"""

import argparse
import functools
import time

import numpy as np
import torch
from _common import machine, table

from skdeepcluster._engine import backbones, layers, runtime
from skdeepcluster._engine.descent import Descent, constant
from skdeepcluster._engine.kmeans import kmeans, lloyd
from skdeepcluster.objectives import ClusterClassification, Stage

CPU = torch.device("cpu")
SETS = ((3_000, 512, 48), (3_000, 512, 104), (12_000, 512, 48), (100_000, 512, 104))


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def by_turns(works, n_times):
    """Median seconds of each, once each left out to warm up."""
    times = [[seconds(work) for work in works] for _ in range(n_times + 1)]
    return np.median(times[1:], axis=0)


def training_step(size, batch_size, n_cells):
    """A step of a VGG-16-BN, and its number of weights; `n_cells` are a side's."""
    before, layers.Spread.grid = layers.Spread.grid, n_cells
    backbone = backbones.build("vgg16_bn", in_channels=1, size=(size, size))
    layers.Spread.grid = before
    backbone.to(CPU)
    descent = Descent(
        backbone,
        n_epochs=1,
        batch_size=batch_size,
        learning_rate=1e-4,
        momentum=0.9,
        weight_decay=1e-5,
        schedule=constant,
        warmup_epochs=0,
    )
    objective = ClusterClassification()
    descent.enter(objective, 104, CPU)
    descent.begin(0, Stage(objective), torch.zeros(104, backbone.n_features))
    torch.nn.ModuleList([backbone.body, backbone.neck]).train()
    pixels = torch.randn(batch_size, 1, size, size)
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(104, (batch_size,))

    def step(precision):
        with runtime.autocast(CPU, precision):
            logits = descent.head(backbone.neck(backbone.body(pixels)))
        descent.step(objective.loss(logits.float(), labels, 1))

    return step, sum(weight.numel() for weight in backbone.body.parameters())


def spread(n_times):
    lines = []
    for size, batch_size in ((32, 64), (64, 64)):
        ours, n_ours = training_step(size, batch_size, layers.Spread.grid)
        theirs, n_theirs = training_step(size, batch_size, 0)
        for precision in runtime.PRECISIONS:
            steps = [functools.partial(step, precision) for step in (ours, theirs)]
            with_, without = by_turns(steps, n_times)
            line = [f"{size} px, batches of {batch_size}, {precision}"]
            line += [f"{with_:.3f}", f"{without:.3f}", f"{without / with_:.2f}"]
            lines.append([*line, f"{n_ours / 1e6:.0f} / {n_theirs / 1e6:.0f}"])
    header = ["VGG-16-BN, a training step", "with Spread, s", "without, s", "times"]
    print(f"{table([*header, 'million weights'], lines)}\n", flush=True)


def two_engines(n_times):
    lines = []
    for n, d, k in SETS:
        torch.manual_seed(0)
        points = torch.randn(k, d)[torch.randint(k, (n,))] + 2 * torch.randn(n, d)
        points = torch.nn.functional.normalize(points, dim=1)
        works = [
            functools.partial(engine, points, k, n_iter=20, seed=0)
            for engine in (kmeans, lloyd)
        ]
        of_faiss, of_lloyd = by_turns(works, n_times)
        line = [f"{n:,} points, d = {d}, k = {k}", f"{of_faiss:.3f}"]
        lines.append([*line, f"{of_lloyd:.3f}", f"{of_lloyd / of_faiss:.1f}"])
    header = ["K-means, 20 iterations", "faiss, s", "Lloyd's loop, s", "times"]
    print(table(header, lines))


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=5, help="of a measurement")
    args = options.parse_args()
    print(f"{machine()}\n")
    spread(args.repeats)
    two_engines(args.repeats)


if __name__ == "__main__":
    main()
