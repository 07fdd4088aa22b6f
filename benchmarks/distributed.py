"""Two processes of one core each against one of two cores: does it pay?

    python benchmarks/distributed.py --data medical_mnist6/data.npz --n 3000

Each line is a fit of the defaults, with `--epochs` epochs, by processes that torchrun
started: images trained on a second (both views count as one), the seconds of all that
is not training, the share of training that is spent in messages, how many and how large
these are in a step, and the largest peak of memory of a process. Then the gradients of
a step by `DistributedDataParallel`, which sends some while it computes others, against
one message at the end. At last a model on paper of eight GPUs, from the messages that
were counted.

    python benchmarks/distributed.py --data medical_mnist6/data.npz --n 600 --kills 10

Two processes of one core each, of which one is killed at a random moment, started with
``--max-restarts=3`` and a checkpoint: do they end with the clusters of an uninterrupted
fit?

    python benchmarks/distributed.py --data usps9298/data.npz --n 1000 --seeds 3

The purity of fits of one, two and three processes with the same seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from _common import load, machine, name_of, table
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode

from skdeepcluster import cluster_purity_score

SETTINGS = {  # processes, threads of each
    "1 process, 1 core": (1, 1),
    "1 process, 2 cores": (1, 2),
    "2 processes, 1 core each": (2, 1),
}
# Of eight GPUs: what one link bears, the time a message takes at least, and what a GPU
# computes. Assumed, and not measured.
BANDWIDTH, LATENCY, SPEED = 200e9, 20e-6, 100e12


class Messages:
    """Seconds, number and bytes of the sums that processes make."""

    def __init__(self):
        self.seconds, self.n, self.bytes = 0.0, 0, 0
        self.reduce = dist.all_reduce
        dist.all_reduce = self

    def __call__(self, values, *args, **kwargs):
        start = time.perf_counter()
        found = self.reduce(values, *args, **kwargs)
        self.seconds += time.perf_counter() - start
        self.n += 1
        self.bytes += values.numel() * values.element_size()
        return found


def fit(options):
    """As one of several processes: fit, and write figures as JSON."""
    from skdeepcluster import DeepClusterCategorizer
    from skdeepcluster._engine.alternation import Alternation

    X = np.load(options.as_rank, mmap_mode="r")
    rank = os.environ["RANK"]
    options.out.joinpath(f"{rank}.pid").write_text(str(os.getpid()))
    messages, trained = Messages(), {"seconds": 0.0, "n": 0, "bytes": 0}
    train = Alternation.train

    def watched(self, epoch):
        before = messages.seconds, messages.n, messages.bytes
        train(self, epoch)
        trained["seconds"] += messages.seconds - before[0]
        trained["n"] += messages.n - before[1]
        trained["bytes"] += messages.bytes - before[2]

    Alternation.train = watched
    est = DeepClusterCategorizer(
        options.k,
        n_epochs=options.epochs,
        random_state=options.seed,
        image_size=options.size,
        checkpoint=options.checkpoint,
    )
    start = time.perf_counter()
    est.fit(X)
    seconds = time.perf_counter() - start
    training = float(est.history_["train_seconds"].sum())
    n_steps = options.epochs * -(-len(X) // est.batch_size)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10  # MiB
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        est.network_(torch.zeros(1, 1, options.size, options.size))
    found = {
        "rate": options.epochs * len(X) / training,
        "others": seconds - training,
        "share": trained["seconds"] / training,
        "n": trained["n"] / n_steps,
        "bytes": trained["bytes"] / n_steps,
        "peak": peak,
        "precision": est.precision_,
        "flops": counter.get_total_flops(),
    }
    found["labels"] = est.labels_.tolist()
    options.out.joinpath(f"{rank}.json").write_text(json.dumps(found))


def steps(options):
    """As one of two processes: steps with gradients in one message, or by DDP."""
    from skdeepcluster._engine.backbones import build

    dist.init_process_group("gloo")
    torch.manual_seed(0)
    body = build("small_cnn", in_channels=1, size=(options.size,) * 2).body
    network = nn.Sequential(body, nn.Linear(512, 512)).train()
    pixels = torch.randn(64, 1, options.size, options.size)
    found = {}
    for name in ("one message", "DDP"):
        learnt = DistributedDataParallel(network) if name == "DDP" else network
        seconds = []
        for _ in range(40):
            start = time.perf_counter()
            learnt.zero_grad()
            learnt(pixels).square().mean().backward()
            if name == "one message":
                gradients = [each.grad for each in learnt.parameters()]
                flat = torch.cat([each.flatten() for each in gradients])
                dist.all_reduce(flat)
                parts = flat.split([each.numel() for each in gradients])
                for gradient, part in zip(gradients, parts, strict=True):
                    gradient.copy_(part.view_as(gradient))
            seconds.append(time.perf_counter() - start)
        found[name] = float(np.median(seconds[10:]))
    rank = os.environ["RANK"]
    options.out.joinpath(f"{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def run(n_processes, n_threads, *given, kill=None):
    """The figures of each process.

    Parameters
    ----------
    n_processes, n_threads : int
    *given : object
        Arguments of this script.
    kill : tuple of (int, float) or None
        Number of a process to kill, and the seconds after which it is.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(n_threads)}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += [f"--nproc-per-node={n_processes}", "--max-restarts=3"]
        command += [__file__, "--out", out, *map(str, given)]
        told = {"env": environment, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, **told) as ranks:
            if kill is not None:
                rank, seconds = kill
                pid = out.joinpath(f"{rank}.pid")
                while not pid.exists():
                    time.sleep(0.01)
                time.sleep(seconds)
                with suppress(ProcessLookupError):  # it has ended
                    os.kill(int(pid.read_text()), signal.SIGKILL)
            _, errors = ranks.communicate()
        if ranks.returncode:
            raise RuntimeError(errors.decode())
        return [json.loads(each.read_text()) for each in sorted(out.glob("*.json"))]


def kills(options, given):
    """Fits of which one process is killed."""
    start = time.perf_counter()
    (whole, _) = run(2, 1, *given)
    seconds = time.perf_counter() - start
    random, same = np.random.default_rng(0), 0
    for number in range(options.kills):
        with tempfile.TemporaryDirectory() as folder:
            when = random.integers(2), random.uniform(0, 0.7 * seconds)
            found = run(2, 1, *given, "--checkpoint", folder, kill=when)
            equal = all(each["labels"] == whole["labels"] for each in found)
            same += equal
            print(f"# {number + 1}: {when} {equal}", file=sys.stderr, flush=True)
    print(f"{machine()}\n\n{options.kills} fits of {seconds:.0f} s, one process killed")
    print(f"in each: {same} ended with the clusters of the uninterrupted fit")


def purities(options, given, y):
    """Fits of one, two and three processes."""
    lines = []
    for n in (1, 2, 3):
        labels = [
            run(n, 1, *given, "--seed", seed)[0]["labels"]
            for seed in range(options.seeds)
        ]
        found = [cluster_purity_score(y, each) for each in labels]
        lines.append([f"{n}", *(f"{purity:.3f}" for purity in found)])
    print(f"{machine()}\n\n{name_of(options.data)}: {len(y):,} images\n")
    seeds = [f"purity, seed {seed}" for seed in range(options.seeds)]
    print(table(["processes", *seeds], lines))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="an .npz file, views or digits")
    parser.add_argument("--n", type=int, default=3000, help="images (default: 3000)")
    parser.add_argument("--k", type=int, default=48, help="clusters (default: 48)")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--size", type=int, default=32, help="in pixels (default: 32)")
    parser.add_argument("--kills", type=int, default=0, help="fits to interrupt")
    parser.add_argument("--seeds", type=int, default=0, help="to compare purities")
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--checkpoint", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--as-rank", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--steps", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.steps:
        return steps(options)
    if options.as_rank is not None:
        return fit(options)
    X, y = load(options.data, options.n)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "X.npy")
        np.save(path, X)
        given = ["--as-rank", path, "--k", options.k, "--epochs", options.epochs]
        given += ["--size", options.size]
        if options.seeds:
            return purities(options, given, y)
        if options.kills:
            return kills(options, given)
        for name, (n_processes, n_threads) in SETTINGS.items():
            found = run(n_processes, n_threads, *given)
            first, peak = found[0], max(each["peak"] for each in found)
            line = [name, f"{first['rate']:,.0f}", f"{first['others']:.1f}"]
            line += [f"{first['share']:.1%}", f"{first['n']:.0f}"]
            lines.append([*line, f"{first['bytes'] / 2**20:.1f}", f"{peak:,.0f}"])
    of_steps = run(2, 1, "--steps", "--size", options.size)[0]
    print(f"{machine()}, {first['precision']}, {options.epochs} epochs\n")
    print(f"{len(X):,} images at {options.size} × {options.size} pixels\n")
    heads = ["", "images/s", "other seconds", "in messages", "messages a step"]
    print(table([*heads, "MiB a step", "MiB of a process"], lines))
    told = ", ".join(f"{name} {1e3 * s:.1f} ms" for name, s in of_steps.items())
    print(f"\nForward, backward and gradients of a step of 64 images, float32: {told}")
    n, size = 8, first["bytes"]
    sent = 2 * (n - 1) / n * size / BANDWIDTH + first["n"] * LATENCY
    flops = 128 * 2 * 3 * first["flops"]  # images, views, forward and backward
    print(
        f"\nOn paper, {n} GPUs with {BANDWIDTH / 1e9:.0f} GB/s, {LATENCY * 1e6:.0f} µs "
        f"a message and {SPEED / 1e12:.0f} TFLOP/s: messages take {1e3 * sent:.2f} ms "
        f"a step, and computing a batch of {n} × 128 images takes "
        f"{1e3 * flops / SPEED:.2f} ms."
    )
    return None


if __name__ == "__main__":
    main()
