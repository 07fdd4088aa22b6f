"""Reading a messy archive: what is read, what is not, and how fast.

    python benchmarks/archive.py --archive archive

`archive` holds files and MANIFEST.csv: `path` and `decode`, which is "ok" for what
pydicom, nibabel or Pillow reads, else why not. The peer is a plain loop of
`pydicom.dcmread(file).pixel_array`, which neither scales nor stores.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import tempfile
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import pydicom
from _common import machine, table

from skdeepcluster.archive import load_archive

SYNTAXES = "one_image_9_syntaxes"


def against_manifest(root, manifest):
    start = time.perf_counter()
    archive = load_archive(root, frames="all", image_size=64)
    seconds = time.perf_counter() - start
    read = set(archive.index["path"])
    notes = dict(zip(archive.index["path"], archive.index["note"], strict=True))
    reasons = dict(zip(archive.skipped["path"], archive.skipped["reason"], strict=True))
    good = [path for path, decode in manifest.items() if decode == "ok"]
    bad = [path for path, decode in manifest.items() if decode != "ok"]
    print(f"{len(manifest)} files, {len(archive.images):,} images, {seconds:.1f} s\n")
    rows = []
    for name, paths in (("readable", good), ("unreadable", bad)):
        n_read = len(read.intersection(paths))
        n_skipped = len(set(reasons).intersection(paths) - read)
        neither = len(paths) - n_read - n_skipped
        rows.append([name, *map(str, (len(paths), n_read, n_skipped, neither))])
    what = "files of the manifest"
    print(table([what, "number", "read", "skipped, with a reason", "neither"], rows))
    print("\nUnreadable by the manifest, and read:\n")
    for path in sorted(read.intersection(bad)):
        print(f"- {path}: {notes[path] or 'no assumption'}")
    print("\nReasons:\n")
    for kind, rows in archive.skipped.groupby("kind"):
        print(f"- {kind}: {len(rows)}")
        for reason, count in rows["reason"].value_counts().items():
            print(f"  - {count} × {reason}")
    print()


def one_image(root):
    folder = root / SYNTAXES
    if not folder.is_dir():
        return
    archive = load_archive(folder, frames="all", window=None, image_size=384)
    reference = archive.images[0]
    rows = []
    for path, image in zip(archive.index["path"], archive.images, strict=True):
        syntax = pydicom.dcmread(folder / path).file_meta.TransferSyntaxUID.name
        difference = np.abs(image - reference).max() / np.ptp(reference)
        rows.append([path, syntax, f"{difference:.5f}"])
    what = "largest difference / range"
    print(table(["the one image", "transfer syntax", what], rows) + "\n")


def repeat(root, paths, target, at_least):
    """The files under new names, in as many folders as it takes."""
    n_copies = -(-at_least // len(paths))
    for copy in range(n_copies):
        folder = target / f"copy-{copy:03}"
        folder.mkdir(parents=True)
        for number, path in enumerate(paths):
            shutil.copyfile(root / path, folder / f"{number:05}")
    return n_copies * len(paths)


def plain_loop(paths):
    n_images = 0
    for path in paths:
        data = pydicom.dcmread(path)
        array = data.pixel_array
        n_images += int(data.get("NumberOfFrames") or 1) if array.ndim > 2 else 1
    return n_images


def speed(root, manifest, at_least, repeats):
    good = []
    for path, decode in manifest.items():
        try:
            if decode == "ok":
                plain_loop([root / path])
                good.append(path)
        except Exception:  # the loop reads DICOM only
            continue
    with tempfile.TemporaryDirectory() as temporary:
        folder, store = Path(temporary, "archive"), Path(temporary, "store")
        n_files = repeat(root, good, folder, at_least)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        for path in paths:  # both find the files in the system's cache
            path.read_bytes()
        seconds, images = defaultdict(list), {}

        def measure(name, function):
            start = time.perf_counter()
            images[name] = function()
            seconds[name].append(time.perf_counter() - start)

        def load(frames, new=True):
            if new:
                shutil.rmtree(store, ignore_errors=True)
            archive = load_archive(folder, store, frames=frames)
            assert archive.skipped.empty
            return len(archive.images)

        for _ in range(repeats):  # in turn, for the machine is not always as fast
            measure("plain loop of dcmread(f).pixel_array", lambda: plain_loop(paths))
            measure('load_archive, frames="all"', lambda: load("all"))
            measure("the same again, nothing new", lambda: load("all", new=False))
            measure('load_archive, frames="first"', lambda: load("first"))
    loop = seconds["plain loop of dcmread(f).pixel_array"]
    rows = []
    for name, taken in seconds.items():
        middle = float(np.median(taken))
        ratios = [one / other for one, other in zip(loop, taken, strict=True)]
        row = [name, f"{n_files:,}", f"{images[name]:,}"]
        row.append(f"{middle:.1f} ({min(taken):.1f}-{max(taken):.1f})")
        row += [f"{images[name] / middle:.0f}", f"{n_files / middle:.0f}"]
        row.append(f"{np.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")
        rows.append(row)
    header = ["what", "files", "images", "seconds", "images/s", "files/s", "× the loop"]
    print(table(header, rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--archive", type=Path, required=True)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with open(options.archive / "MANIFEST.csv", newline="", encoding="utf-8") as file:
        manifest = {row["path"]: row["decode"] for row in csv.DictReader(file)}
    warnings.simplefilter("ignore")
    print(f"{machine()}, {os.cpu_count()} processes; pydicom {pydicom.__version__}\n")
    against_manifest(options.archive, manifest)
    one_image(options.archive)
    speed(options.archive, manifest, options.files, options.repeats)


if __name__ == "__main__":
    main()
