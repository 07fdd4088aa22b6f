"""What the paper's largest run would cost: an epoch is measured, 200 are reckoned.

    python benchmarks/largest_run.py

192,272 images of 224 × 224 in uint8, generated where the network is; VGG-16 with batch
norm, batches of 256, k = 104. On a CPU take fewer and smaller ones: --n 512 --size 64.
"""

import argparse

import numpy as np
import torch
from _common import machine, table
from speed import Ceiling, counted

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster._assembly import alternation_of, inputs_of
from skdeepcluster._engine import runtime
from skdeepcluster._engine.recovery import Recovery

PAPER = {"images": 192_272, "epochs": 200, "k": 104, "batch": 256}


def alternation(n, size, batch_size, device):
    """The loop of the recipe `deepmcat`, on images that lie on the device."""
    est = DeepClusterCategorizer.from_recipe(
        "deepmcat",
        n_clusters=PAPER["k"],
        n_epochs=2,
        batch_size=batch_size,
        random_state=0,
        device=device,
    )
    few = np.random.default_rng(0).integers(0, 256, (PAPER["k"], size, size), np.uint8)
    rows = few.reshape(len(few), -1)
    inputs = inputs_of(est, rows, (size, size, 1))
    loop = alternation_of(est, rows, inputs, device)
    pixels = torch.empty(n, size * size, dtype=torch.uint8, device=device)
    for block in pixels.split(4096):
        block.random_(256)
    loop.images.rows = loop.images._resident = pixels
    return loop


def operations_an_image(size, batch_size, device):
    """Floating-point operations of each phase, as PyTorch counts them in a batch."""
    loop = alternation(batch_size, size, batch_size, device)
    epoch = loop.begin(0)
    embedding = counted(loop.memory.recall)
    training = counted(lambda: loop.train(epoch))
    return {
        "embed": embedding / batch_size,
        "cluster": 0,
        "train": training / batch_size,
    }


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--n", type=int, default=PAPER["images"])
    options.add_argument("--size", type=int, default=224)
    options.add_argument("--batch-size", type=int, default=PAPER["batch"])
    options.add_argument("--device", default="auto")
    args = options.parse_args()
    device = runtime.resolve_device(args.device)
    ceiling = Ceiling(device)
    with runtime.session(device, seed=0):
        operations = operations_an_image(args.size, args.batch_size, device)
        loop = alternation(args.n, args.size, args.batch_size, device)
        limit = [ceiling.product()]
        for epoch in Recovery(loop).epochs():  # the first warms up
            seconds = dict(zip(operations, epoch.seconds, strict=True))
            limit.append(ceiling.product())
    limit = np.median(limit)
    factor = PAPER["images"] / args.n
    lines = []
    whole = floors = 0.0
    for phase, needed in operations.items():
        floor = needed * args.n / limit
        whole, floors = whole + seconds[phase], floors + floor
        share = f"{floor / seconds[phase]:.0%}" if floor else ""
        lines.append([phase, f"{seconds[phase]:.2f}", f"{floor:.2f}", share])
    lines.append(["epoch", f"{whole:.2f}", f"{floors:.2f}", f"{floors / whole:.0%}"])
    hours = [each * factor * PAPER["epochs"] / 3600 for each in (whole, floors)]
    what = f"{PAPER['images']:,} images, {PAPER['epochs']} epochs, hours"
    lines.append([what, *(f"{each:.1f}" for each in hours), ""])
    print(
        f"{machine()}\n\n{args.n:,} images of {args.size} × {args.size}, batches of "
        f"{args.batch_size}, k = {PAPER['k']}; a product of matrices: "
        f"{limit / 1e12:.2f} TFLOP/s\n"
    )
    print(table(["", "seconds", "at the product's rate", "share"], lines))


if __name__ == "__main__":
    main()
