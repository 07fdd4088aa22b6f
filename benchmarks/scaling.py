"""Time and memory against the number of images, on memory maps that it generates.

    python benchmarks/scaling.py --folder . --rows rows.jsonl

Each run has a process of its own, whose anonymous memory (RssAnon: pages of the mapped
file do not count) is read ten times a second. "embed" embeds the images with a random
network, clusters and predicts them; "train" does an epoch before, as the paper does.
"""

import argparse
import json
import resource
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
from _common import Rows, machine, table

RUNS = (
    *(("embed", n, 64, 1000) for n in (10**3, 10**4, 10**5, 10**6)),
    ("train", 200_000, 224, 104),
)


def generate(path, n, size):
    """Blobs of noise, blockwise."""
    random = np.random.default_rng(0)
    images = np.lib.format.open_memmap(path, "w+", np.uint8, (n, size, size))
    kinds = random.integers(0, 200, (500, size, size), dtype=np.uint8)
    for start in range(0, n, 1000):
        block = images[start : start + 1000]
        block[:] = kinds[random.integers(500, size=len(block))]
        block += random.integers(0, 56, block.shape, dtype=np.uint8)
    images.flush()


def anonymous():
    """RssAnon in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return 1024 * int(line.split()[1])
    raise OSError("no RssAnon: this needs Linux")


def one_run(path, what, k):
    """Seconds and memory of a run, in a process of its own."""
    from skdeepcluster import DeepClusterCategorizer

    images = np.load(path, mmap_mode="r")
    est = DeepClusterCategorizer.from_recipe(
        "deepmcat",
        n_clusters=k,
        backbone="small_cnn",
        image_size=64,
        n_epochs=int(what == "train"),
        random_state=0,
    )
    est.fit(images[:1000])  # to warm up
    peak, done = [0], threading.Event()
    base = anonymous()

    def watch():
        while not done.wait(0.1):
            peak[0] = max(peak[0], anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    est.fit(images)
    fitted = time.perf_counter()
    agree = np.array_equal(est.predict(images), est.labels_)
    end = time.perf_counter()
    done.set()
    watcher.join()
    return {
        "fit": fitted - start,
        "predict": end - fitted,
        "base": base,
        "peak": peak[0],
        "resident": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "agree": bool(agree),
    }


def in_a_process(path, what, k):
    command = [sys.executable, __file__, "--one", str(path), what, str(k)]
    return json.loads(subprocess.run(command, check=True, stdout=-1).stdout)


def measured(folder, what, n, size, k):
    path = folder / f"{n}-{size}.npy"
    generate(path, n, size)
    try:
        return in_a_process(path, what, k)
    finally:
        path.unlink()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", type=Path, default=Path(), help="with 11 GB free")
    options.add_argument("--rows", type=Path)
    options.add_argument("--most", type=int, default=10**6, help="images")
    options.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = options.parse_args()
    if args.one:
        path, what, k = args.one
        json.dump(one_run(path, what, int(k)), sys.stdout)
        return
    rows = Rows(args.rows)
    lines, curve = [], []
    for what, n, size, k in RUNS:
        if n > args.most:
            continue
        row = rows.get(
            f"{what}/{n}/{size}", partial(measured, args.folder, what, n, size, k)
        )
        gigabytes = [
            f"{row[each] / 2**30:.2f}" for each in ("base", "peak", "resident")
        ]
        seconds = [f"{row[each]:.1f}" for each in ("fit", "predict")]
        lines.append([what, f"{n:,}", f"{size} × {size}", *seconds, *gigabytes])
        lines[-1].append("yes" if row["agree"] else "no")
        if what == "embed":
            curve.append(
                (n, row["fit"] + row["predict"], max(1, row["peak"] - row["base"]))
            )
    print(f"{machine()}\n")
    header = ["", "images", "pixels", "fit, s", "predict, s", "GiB before"]
    header += ["peak RssAnon, GiB", "with mapped pages, GiB", "predict agrees"]
    print(table(header, lines))
    if len(curve) > 1:
        n, seconds, memory = np.log(curve).T
        slope, _ = np.polyfit(n, seconds, 1)
        last = [(of[-1] - of[-2]) / (n[-1] - n[-2]) for of in (seconds, memory)]
        print(
            f"\nLog-log slope of seconds against images: {slope:.2f}; of the last "
            f"decade {last[0]:.2f}, and of the memory added there {last[1]:.2f}"
        )


if __name__ == "__main__":
    main()
