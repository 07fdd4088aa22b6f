"""Spoilt files, many of them: what becomes of each.

    python benchmarks/fuzz.py --n 200000 --archive archive --keep bad

Files are those of the tests in `tests/fuzz`, and of the folder `--archive`, if it is
given. Each is read twice, for all of its images and for one. The same numbers give the
same files: what stays in the folder `--keep` has its number in its name, and
`--first 1234 --n 1` makes it again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from _common import machine, table

sys.path.append(str(Path(__file__).parents[1] / "tests" / "fuzz"))

from fuzzing import read_all, spoilt
from seeds import found_in, own, shipped

from skdeepcluster.archive._options import Limits


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=20_000, help="files (20,000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--archive", type=Path, help="a folder with more files")
    parser.add_argument("--max-bytes", type=int, default=100_000, help="of one in it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--timeout", type=float, default=10)
    parser.add_argument("--max-memory", type=float, default=2, help="GiB (2)")
    parser.add_argument("--keep", type=Path, help="folder for those that ran over")
    options = parser.parse_args()
    seeds = [*own(), *shipped()]
    if options.archive is not None:
        seeds += found_in(options.archive, options.max_bytes)
    limits = Limits(options.timeout, options.max_memory)
    start, counts, bad = time.perf_counter(), Counter(), []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) if options.keep is None else options.keep
        folder.mkdir(exist_ok=True)
        for first in range(options.first, options.first + options.n, 1000):
            n = min(1000, options.first + options.n - first)
            found = read_all(folder, spoilt(seeds, n, first), options.jobs, limits)
            counts += found[0]
            bad += found[1]
            seconds = time.perf_counter() - start
            print(f"# {first + n} {seconds:.0f} s", file=sys.stderr, flush=True)
    print(f"{machine()}, {options.jobs} processes, {limits}\n")
    print(f"{options.n:,} files made of {len(seeds)}, read twice in {seconds:.0f} s:\n")
    rows = [[text, f"{count:,}"] for text, count in counts.most_common()]
    print(table(["what became of them", "files"], rows))
    print(f"\n{len(bad)} crashed their worker or ran over, and were skipped:\n")
    for path in bad:
        print(f"- {path.name}")


if __name__ == "__main__":
    main()
