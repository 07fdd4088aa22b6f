"""How long one waits: for help, for an import, for the first and for one prediction.

    python benchmarks/startup.py

Best of so many runs, each of the first four in a Python of its own, beside what the
libraries that it needs take to be imported: the limit of the line above.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _common import machine, table

from skdeepcluster import DeepClusterCategorizer

IMPORT = "import skdeepcluster"
LIBRARIES = "import torch, sklearn.base, sklearn.callback, safetensors.torch"
FIRST = """
import sys, numpy as np
from skdeepcluster import DeepClusterCategorizer
est = DeepClusterCategorizer.load(sys.argv[1])
est.predict(np.load(sys.argv[2]))
"""


def seconds(*arguments):
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - start


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=5)
    args = options.parse_args()

    def best(*arguments):
        return min(seconds(*arguments) for _ in range(args.runs))

    images = np.random.default_rng(0).integers(0, 256, (500, 64, 64), dtype=np.uint8)
    est = DeepClusterCategorizer.from_recipe("fast", n_clusters=48, n_epochs=1)
    est.fit(images)
    with tempfile.TemporaryDirectory() as folder:
        model, one = Path(folder, "model.safetensors"), Path(folder, "one.npy")
        est.save(model)
        np.save(one, images[:1])
        bare = best("-c", "")
        lines = [
            ["python, nothing imported", bare, ""],
            ["import skdeepcluster", best("-c", IMPORT) - bare, "0.2"],
            ["skdeepcluster --help", best("-m", "skdeepcluster.cli", "--help"), "0.5"],
            ["import to first prediction", best("-c", FIRST, model, one), "3.5"],
            ["of which the libraries' imports", best("-c", LIBRARIES), ""],
        ]
    est.predict(images[:1])
    times = []
    for _ in range(50):
        start = time.perf_counter()
        est.predict(images[:1])
        times.append(time.perf_counter() - start)
    lines.append(["one more image, median of 50", float(np.median(times)), "0.02"])
    print(f"{machine()}, best of {args.runs}\n")
    rows = [[what, f"{value:.3f}", aim] for what, value, aim in lines]
    print(table(["", "seconds", "aim"], rows))


if __name__ == "__main__":
    main()
