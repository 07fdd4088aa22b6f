"""What hostile files cost: those that take for ever to read, among good ones.

    python benchmarks/hostile.py --good 10000 --hostile 200

Good files are DICOM images of 128 × 128 pixels. A hostile one has 300,000 empty items
in a sequence, 2.4 MB, which pydicom reads for ten seconds. The bound is 1.2 times the
time of the good ones alone, and the hostile ones' timeouts divided by the processes.
`--other` is a checkout of another version, with which the good ones are read, too; with
`--other-hostile` so many of the hostile ones among them.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pydicom
from _common import machine, table
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

RUN = """
import json, resource, sys, time
from skdeepcluster.archive import load_archive
folder, store, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
start = time.perf_counter()
archive = load_archive(folder, store, image_size=64, **options)
seconds = time.perf_counter() - start
kinds = archive.skipped["kind"].value_counts().to_dict()
print(json.dumps([seconds, len(archive.images), kinds]))
"""

FIRST = """
import sys, time
from skdeepcluster.archive import ImageReader
start = time.perf_counter()
reader = ImageReader(64)
seconds = []
for _ in range(20):
    start = time.perf_counter()
    reader.transform([sys.argv[1]])
    seconds.append(time.perf_counter() - start)
print(seconds[0], sorted(seconds[1:])[9])
"""


def image(generator):
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = MRImageStorage
    data.SOPInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.Rows = data.Columns = 128
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelRepresentation = 0
    data.PixelData = generator.integers(0, 4096, (128, 128), np.uint16).tobytes()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, data, enforce_file_format=True)
    return buffer.getvalue()


def with_empty_items(whole, n_items=300_000):
    """A sequence of nothing, before the element of group 0028."""
    place = whole.index(struct.pack("<HH", 0x0028, 0x0002))
    begin = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return whole[:place] + begin + item * n_items + end + whole[place:]


def write(folder, n_good, n_hostile):
    """The hostile ones lie among the good ones, and are one file with many names."""
    generator = np.random.default_rng(0)
    hostile = folder.parent / "hostile"
    hostile.write_bytes(with_empty_items(image(generator)))
    folder.mkdir()
    for number in range(n_good):
        (folder / f"{number:06}").write_bytes(image(generator))
    for number in range(n_hostile):
        name = f"{number * n_good // n_hostile:06}-hostile"
        os.link(hostile, folder / name)


def run(code, *arguments, path=None):
    env = dict(os.environ)
    if path is not None:
        env["PYTHONPATH"] = str(path)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env=env
    ).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--good", type=int, default=10_000)
    parser.add_argument("--hostile", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=float, default=1)
    parser.add_argument("--other", type=Path, help="a checkout to compare with")
    parser.add_argument("--other-hostile", type=int, default=0)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)

        def measure(what, n_hostile, given, path=None):
            folder = root / f"{n_hostile}"
            if not folder.exists():
                write(folder, options.good, n_hostile)
            for file in folder.iterdir():  # all find them in the system's cache
                file.read_bytes()
            store = root / f"store-{len(rows)}"
            given = json.dumps({"n_jobs": options.jobs} | given)
            found = json.loads(run(RUN, folder, store, given, path=path))
            seconds, n_images, kinds = found
            told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
            counts = [f"{options.good:,}", str(n_hostile), f"{n_images:,}"]
            rows.append([what, *counts, told or "none", f"{seconds:.1f}"])
            print(f"# {rows[-1]}", file=sys.stderr, flush=True)
            return seconds

        limits = {"timeout": options.timeout}
        alone = measure("this version", 0, limits)
        if options.other is not None:
            measure("the other", 0, {}, options.other)
            if options.other_hostile:
                measure("the other", options.other_hostile, {}, options.other)
        among = measure("this version", options.hostile, limits)
        first = run(FIRST, root / "0" / "000000").split()
    print(f"{machine()}, {options.jobs} processes, timeout={options.timeout:g}\n")
    header = ["what", "good files", "hostile ones", "images", "skipped", "seconds"]
    print(table(header, rows))
    waiting = options.hostile * options.timeout / options.jobs
    print(
        f"\nBound: 1.2 × {alone:.1f} + {waiting:.1f} = {1.2 * alone + waiting:.1f} s. "
        f"Found: {among:.1f} s, {among / (1.2 * alone + waiting):.2f} of it."
    )
    milliseconds = [1000 * float(seconds) for seconds in first]
    print(
        "One image by ImageReader: {:.0f} ms the first time, then {:.1f} ms.".format(
            *milliseconds
        )
    )


if __name__ == "__main__":
    main()
