"""Killed at random moments: whether the same command ends as if nothing had been.

    python benchmarks/killing.py

`skdeepcluster categorize` sorts a folder of digits, once undisturbed, and then so many
times with a SIGKILL or, by turns, a SIGTERM at a moment that is drawn anew, from the
reading of the files to the writing of the results. The same command follows. So does
`skdeepcluster extend` with its results, once some clusters have names and some images
marks, and with a folder of other digits and of chessboards.

Then the disk is full, the folder of the checkpoint is or becomes read-only (on a small
tmpfs, which wants root on Linux), and checkpoints are truncated or have a flipped bit.

After each kill all that has a final name has to be whole.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from _common import Rows, load, machine, table
from PIL import Image

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster._files import BEGUN, READY
from skdeepcluster._results import _EXTENSION as EXTENSION

CHECKPOINT = "checkpoint"
LINES = {"skipped.csv": {1}, "sources.csv": {2, 3}}  # or one an image
ANY_LINES = {"duplicates.csv", "changes.csv"}
N_NEW = 60  # digits, and half as many chessboards
HEADER = [
    "case",
    "times",
    "the same tables at the end",
    "an error that says what is wrong",
    "half-written under a final name",
]


class Command:
    """A command, to be started again and again.

    Parameters
    ----------
    arguments : list
        Of it; ``OUT`` stands for the folder of results.
    begun : str
        What is in that folder once it reads files.
    phases : dict of str to str
        What it was doing if it was killed, by what is there, the first that is.
    counts : set of int
        How many images there may be in the results.
    before : path or None
        The folder of results to begin with.
    """

    def __init__(self, arguments, begun, phases, counts, before=None):
        self.arguments = arguments
        self.begun = begun
        self.phases = phases
        self.counts = counts
        self.before = before

    def prepare(self, out: Path) -> Path:
        """Make the folder of results what it is before the command."""
        if self.before is not None:
            shutil.copytree(self.before, out)
        return out

    def start(self, out: Path) -> subprocess.Popen:
        arguments = [out if each == "OUT" else each for each in self.arguments]
        return subprocess.Popen(
            [sys.executable, "-m", "skdeepcluster.cli", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, out: Path) -> tuple[int, str, str]:
        child = self.start(out)
        printed, error = child.communicate()
        return child.returncode, printed, error

    def until(self, out: Path, is_there=None) -> subprocess.Popen:
        """Start it, and wait until something is there, or until it reads files."""
        is_there = is_there or (out / self.begun).exists
        child = self.start(out)
        while child.poll() is None and not is_there():
            time.sleep(0.005)
        return child

    def phase(self, out: Path) -> str:
        """What it was doing, by what is there."""
        return next(told for name, told in self.phases.items() if any(out.glob(name)))

    def half_written(self, out: Path) -> list[str]:
        """Files that are not whole, by their final names."""
        wrong = []
        for path in out.iterdir():
            if path.is_dir() or path.name.startswith(".") or "unfinished" in path.name:
                continue
            try:
                self._check(path)
            except Exception as error:
                wrong.append(f"{path.name}: {error}")
        return wrong

    def _check(self, path: Path) -> None:
        if path.suffix == ".csv":
            with open(path, newline="") as file:
                rows = list(csv.reader(file, strict=True))
            expected = LINES.get(path.name, {1 + n for n in self.counts})
            assert len(rows) in expected or path.name in ANY_LINES, f"{len(rows)} lines"
            assert len({len(row) for row in rows}) == 1
        elif path.suffix == ".npy":
            assert len(np.load(path)) in self.counts
        elif path.suffix == ".png":
            Image.open(path).load()
        elif path.suffix == ".html":
            assert path.read_text().rstrip().endswith("</html>")
        else:
            DeepClusterCategorizer.load(path)


def tables(out):
    return {path.name: path.read_text() for path in out.glob("*.csv")}


def kill(command, out, number, moment, expected):
    """Kill the command at a moment after it has begun to read, and give it again."""
    command.prepare(out)
    child = command.until(out)
    time.sleep(moment)
    child.send_signal(number)
    child.communicate()
    told = {0, -signal.SIGKILL, 128 + signal.SIGTERM, -signal.SIGTERM}
    assert child.returncode in told, child.returncode
    when = command.phase(out) if child.returncode else "after it had ended"
    wrong = command.half_written(out)
    code, _, error = command.end(out)
    wrong += command.half_written(out)
    same = code == 0 and tables(out) == expected
    says = "" if code == 0 else error.strip().splitlines()[-1]
    return {"when": when, "same": same, "error": says, "wrong": wrong}


@contextmanager
def tmpfs(folder, size):
    """A small file system; gives what changes its options, or False."""
    folder.mkdir(parents=True)

    def mount(*options):
        done = subprocess.run(["mount", *options], capture_output=True, check=False)
        return done.returncode == 0

    try:
        is_there = mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    except FileNotFoundError:
        is_there = False
    try:
        yield is_there and (lambda option: mount("-o", f"remount,{option}", folder))
    finally:
        if is_there:
            subprocess.run(["umount", str(folder)], check=True)


def epochs_in(out):
    for path in (out / CHECKPOINT).glob("*.checkpoint"):
        try:
            size = int.from_bytes(path.read_bytes()[:8], "little")
            header = json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"]
        except (OSError, ValueError):
            continue  # replaced or removed meanwhile
        return len(json.loads(header["values"])["history"]["loss"])
    return 0


def with_a_full_checkpoint(command, out, expected):
    """There is room for one checkpoint, and not for the next beside it."""
    size = f"{25_000 + 3 * max(command.counts)}k"
    with tmpfs(out / CHECKPOINT, size) as remount:
        if not remount:
            return None
        child = command.start(out)
        for told in child.stderr:
            if "cannot be written" in told:
                break
        child.kill()
        child.communicate()
        code, printed, error = command.end(out)
    good = "continues from epoch 2" in printed and "No space left" in error
    same = code == 0 and good and tables(out) == expected
    return {"same": same, "error": "", "wrong": command.half_written(out)}


def with_a_full_disk(command, out, expected):
    """The results do not fit; once there is room, the same command goes on."""
    size = f"{26_000 + 7 * max(command.counts)}k"
    with tmpfs(out, size) as remount:
        if not remount:
            return None
        code, _, error = command.end(out)
        assert code == 2, code
        wrong = command.half_written(out)
        remount("size=200m")
        code, printed, _ = command.end(out)
        good = code == 0 and "continues from epoch 2" in printed
        wrong += command.half_written(out)
        same = good and tables(out) == expected
    says = error.strip().splitlines()[-1]
    says = says if "No space left" in says or "os error 28" in says else ""
    return {"same": same, "error": says, "wrong": wrong}


def with_a_folder_that_becomes_read_only(command, out, expected):
    with tmpfs(out / CHECKPOINT, "100m") as remount:
        if not remount:
            return None
        child = command.until(out, lambda: epochs_in(out) == 1)
        while not remount("ro") and child.poll() is None:  # busy while it is written
            time.sleep(0.005)
        _, error = child.communicate()
    same = child.returncode == 0 and "Read-only file system" in error
    same = same and tables(out) == expected
    return {"same": same, "error": "", "wrong": command.half_written(out)}


def with_a_read_only_folder(command, out, expected):
    with tmpfs(out / CHECKPOINT, "100m") as remount:
        if not remount:
            return None
        remount("ro")
        code, _, error = command.end(out)
    says = error.strip().splitlines()[-1]
    says = says if code == 2 and CHECKPOINT in says else ""
    return {"same": False, "error": says, "wrong": command.half_written(out)}


def with_a_damaged_checkpoint(command, out, expected, damage):
    child = command.until(out, lambda: epochs_in(out) >= 2)
    child.kill()
    child.communicate()
    (path,) = (out / CHECKPOINT).glob("*.checkpoint")
    content = bytearray(path.read_bytes())
    path.write_bytes(damage(content))
    code, _, error = command.end(out)
    same = code == 0 and "begins anew" in error and tables(out) == expected
    return {"same": same, "error": "", "wrong": command.half_written(out)}


def truncated(content):
    return content[: len(content) // 2]


def flipped(content):
    content[len(content) // 2] ^= 1
    return content


def line(case, found):
    """A row of the table."""
    wrong = [name for each in found for name in each["wrong"]]
    for name in wrong:
        print(f"# {case}: {name}", file=sys.stderr)
    counts = [
        len(found),
        sum(each["same"] for each in found),
        sum(bool(each["error"]) for each in found),
        len(wrong),
    ]
    return [case, *map(str, counts)]


CASES = {
    "no room for a second checkpoint": with_a_full_checkpoint,
    "no room for the results, and then more room": with_a_full_disk,
    "the checkpoint's folder becomes read-only": with_a_folder_that_becomes_read_only,
    "the checkpoint's folder is read-only": with_a_read_only_folder,
    "a truncated checkpoint": partial(with_a_damaged_checkpoint, damage=truncated),
    "a flipped bit": partial(with_a_damaged_checkpoint, damage=flipped),
}


def after_kills(name, command, temporary, rows, args, n_times):
    """Rows of the table, by signal and by what was killed."""
    out = command.prepare(temporary / f"undisturbed {name}")
    child = command.until(out)
    start = time.perf_counter()
    child.communicate()
    seconds = time.perf_counter() - start
    assert child.returncode == 0
    assert not command.half_written(out)
    expected = tables(out)
    found = {}
    for n in range(n_times):
        number = (signal.SIGKILL, signal.SIGTERM)[n % 2]
        moment = np.random.default_rng([args.seed, n]).uniform(0, seconds)
        out = temporary / f"out-{n}"
        given = (command, out, number, moment, expected)
        done = rows.get(f"{name} {number.name} {n}", partial(kill, *given))
        shutil.rmtree(out, ignore_errors=True)
        case = f"{name}, {number.name} {done['when']}"
        found.setdefault(case, []).append(done)
    return expected, [line(*each) for each in sorted(found.items())]


def of_cases(command, temporary, rows, expected):
    for number, (case, run) in enumerate(CASES.items()):
        given = (command, temporary / f"case-{number}", expected)
        done = rows.get(case, partial(run, *given))
        if done is None:
            yield [case, "0: no tmpfs can be mounted here", "", "", ""]
        else:
            yield line(case, [done])


def save(folder, images):
    folder.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image.astype(np.uint8)).save(folder / f"{number:05}.png")
    return folder


def categorizing(archive, n_images, n_epochs):
    arguments = ["categorize", archive, "-k", "20", "-o", "OUT"]
    arguments += ["--epochs", n_epochs, "--jobs", "1"]
    phases = {
        "model.safetensors*": "while results were written",
        "index.csv": "while it learnt",
        "*": "while files were read",
    }
    return Command(arguments, ".lock", phases, {n_images})


def extending(new, before, n_before, n_new):
    phases = {
        READY: "while files were moved",
        BEGUN: "while results were written",
        EXTENSION: "while files were read",
        "*": "when all was there",
    }
    counts = {n_before, n_before + n_new}
    arguments = ["extend", "OUT", new, "--jobs", "1"]
    return Command(arguments, EXTENSION, phases, counts, before)


def name_some(out):
    """Name half of the clusters, and mark an image of each, named or not."""
    with open(out / "clusters.csv", newline="") as file:
        clusters = [row["cluster"] for row in csv.DictReader(file)]
    lines = ["cluster,category,excluded"]
    for number in range(20):
        name = f"kind {number}" if number % 2 else ""
        lines.append(f"{number},{name},{clusters.index(str(number))}")
    names = out.with_name("names.csv")
    names.write_text("\n".join(lines))
    arguments = [sys.executable, "-m", "skdeepcluster.cli", "name", out, names]
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--times", type=int, default=200, help="kills (default: 200)")
    options.add_argument(
        "--extend", type=int, default=50, help="of extend (default: 50)"
    )
    options.add_argument("--no-cases", action="store_true", help="only kills")
    options.add_argument("--n", type=int, default=600, help="digits (default: 600)")
    options.add_argument("--epochs", type=int, default=8, help="(default: 8)")
    options.add_argument("--seed", type=int, default=0, help="(default: 0)")
    options.add_argument("--rows", type=Path, help="finished rows, to go on from")
    args = options.parse_args()
    rows = Rows(args.rows)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder)
        images, _ = load(Path("digits"), args.n + N_NEW)
        old, new = images[: args.n] * 15, images[args.n :] * 15
        boards = np.indices((N_NEW // 2, 8, 8))[1:].sum(0) % 2 * 200
        boards += np.random.default_rng(args.seed).integers(0, 40, boards.shape)
        new = np.concatenate([new, boards])
        archive = save(temporary / "archive", old)
        command = categorizing(archive, len(old), args.epochs)
        given = (temporary, rows, args)
        expected, lines = after_kills("categorize", command, *given, args.times)
        before = temporary / "undisturbed categorize"
        name_some(before)
        extend = extending(save(temporary / "new", new), before, len(old), len(new))
        lines += after_kills("extend", extend, *given, args.extend)[1]
        if not args.no_cases:
            lines += of_cases(command, temporary, rows, expected)
    print(f"{machine()}; {len(old)} digits, {args.epochs} epochs\n")
    print(table(HEADER, lines))


if __name__ == "__main__":
    main()
