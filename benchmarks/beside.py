"""Beside other work: one fit alone, and two at once, by how OpenMP's threads wait.

    python benchmarks/beside.py --data digits

Seconds until all have ended, each in a Python of its own: median and range of so many
runs, in turn. `categorize` waits passively unless OMP_WAIT_POLICY is set; set to
nothing, it is what OpenMP does by default. A fit says what it took without imports.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _common import Rows, load, machine, name_of, parser, table

POLICIES = {"by default": "", "PASSIVE": "PASSIVE"}
FIT = """
import sys, time
import numpy as np
from skdeepcluster import DeepClusterCategorizer
images = np.load(sys.argv[1])
est = DeepClusterCategorizer(48, n_epochs=int(sys.argv[2]), random_state=0)
start = time.perf_counter()
est.fit(images)
print(time.perf_counter() - start)
"""


def seconds_of(arguments, policy):
    """Until the last has ended, and what each prints."""
    environment = os.environ | {"OMP_WAIT_POLICY": policy}
    start = time.perf_counter()
    children = [
        subprocess.Popen(
            [sys.executable, *map(str, each)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for each in arguments
    ]
    printed = [child.communicate()[0] for child in children]
    taken = time.perf_counter() - start
    assert not any(child.returncode for child in children)
    return taken, printed


def of_fit(folder, n_epochs, policy, n_at_once):
    arguments = ["-c", FIT, folder / "images.npy", n_epochs]
    _, printed = seconds_of([arguments] * n_at_once, policy)
    return max(map(float, printed))


def of_command(folder, n_epochs, policy, n_at_once):
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = ["-m", "skdeepcluster.cli", "categorize", folder / "images.npy"]
        command += ["-k", 48, "--epochs", n_epochs, "-o"]
        arguments = [[*command, Path(out, str(n))] for n in range(n_at_once)]
        return seconds_of(arguments, policy)[0]


def main():
    options = parser(__doc__.splitlines()[0])
    options.add_argument("--epochs", type=int, default=4, help="(default: 4)")
    options.add_argument("--runs", type=int, default=3, help="(default: 3)")
    args = options.parse_args()
    rows = Rows(args.rows)
    images, _ = load(args.data, args.n)
    whats = {"fit": of_fit, "categorize": of_command}
    found = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        np.save(folder / "images.npy", images)
        for run in range(args.runs):  # in turn, for the machine is not always as fast
            for what, measure in whats.items():
                for policy, value in POLICIES.items():
                    for n_at_once in (1, 2):
                        given = (folder, args.epochs, value, n_at_once)
                        taken = rows.get(
                            f"{what} {policy} {n_at_once} {run}",
                            lambda measure=measure, given=given: measure(*given),
                        )
                        found.setdefault((what, policy, n_at_once), []).append(taken)

    def told(values):
        low, middle, high = min(values), statistics.median(values), max(values)
        return f"{middle:.1f} ({low:.1f}-{high:.1f})"

    lines = []
    for what in whats:
        for policy in POLICIES:
            alone, both = (found[what, policy, n] for n in (1, 2))
            ratio = statistics.median(both) / statistics.median(alone)
            lines.append([what, policy, told(alone), told(both), f"{ratio:.2f}"])
    print(f"{machine()}; {len(images)} images of {name_of(args.data)}, ", end="")
    print(f"{args.epochs} epochs, {args.runs} runs\n")
    header = ["", "threads wait", "alone, s", "two at once, s", "× alone"]
    print(table(header, lines))


if __name__ == "__main__":
    main()
