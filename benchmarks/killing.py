"""Killed at random moments: whether the same command ends as if nothing had been.

    python benchmarks/killing.py

`skdeepcluster categorize` sorts a folder of digits, once undisturbed, and then so many
times with a SIGKILL or, by turns, a SIGTERM at a moment that is drawn anew, from the
reading of the files to the writing of the results. The same command follows. Then the
disk is full, the folder of the checkpoint is or becomes read-only (on a small tmpfs,
which wants root on Linux), and checkpoints are truncated or have a flipped bit.

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

CHECKPOINT = "checkpoint"
LINES = {"skipped.csv": 1, "sources.csv": 2, "duplicates.csv": None}  # or one an image
HEADER = [
    "case",
    "times",
    "the same clusters at the end",
    "an error that says what is wrong",
    "half-written under a final name",
]


class Command:
    """The command on one archive, to be started again and again."""

    def __init__(self, archive: Path, n_epochs: int) -> None:
        self.archive = archive
        self.n_images = len(list(archive.iterdir()))
        self.n_epochs = n_epochs

    def start(self, out: Path) -> subprocess.Popen:
        arguments = ["categorize", self.archive, "-k", "20", "-o", out]
        arguments += ["--epochs", self.n_epochs, "--jobs", "1"]
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

    def until(self, out: Path, is_there) -> subprocess.Popen:
        """Start it, and wait until something is there."""
        child = self.start(out)
        while child.poll() is None and not is_there():
            time.sleep(0.005)
        return child

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
            expected = LINES.get(path.name, 1 + self.n_images)
            assert expected in (len(rows), None), f"{len(rows)} lines"
            assert len({len(row) for row in rows}) == 1
        elif path.suffix == ".npy":
            assert len(np.load(path)) == self.n_images
        elif path.suffix == ".png":
            Image.open(path).load()
        elif path.suffix == ".html":
            assert path.read_text().rstrip().endswith("</html>")
        else:
            DeepClusterCategorizer.load(path)


def clusters(out):
    with open(out / "clusters.csv", newline="") as file:
        return [row["cluster"] for row in csv.DictReader(file)]


def phase(out):
    """What a command was doing, by what is there."""
    if not (out / "index.csv").exists():
        return "while files were read"
    if any(out.glob("model.safetensors*")):
        return "while results were written"
    return "while it learnt"


def kill(command, out, number, moment, expected):
    """Kill the command at a moment after it has begun to read, and give it again."""
    child = command.until(out, lambda: (out / ".lock").exists())
    time.sleep(moment)
    child.send_signal(number)
    child.communicate()
    told = {0, -signal.SIGKILL, 128 + signal.SIGTERM, -signal.SIGTERM}
    assert child.returncode in told, child.returncode
    when = phase(out) if child.returncode else "after it had ended"
    wrong = command.half_written(out)
    code, _, error = command.end(out)
    wrong += command.half_written(out)
    same = code == 0 and clusters(out) == expected
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
    size = f"{25_000 + 3 * command.n_images}k"
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
    same = code == 0 and good and clusters(out) == expected
    return {"same": same, "error": "", "wrong": command.half_written(out)}


def with_a_full_disk(command, out, expected):
    """The results do not fit; once there is room, the same command goes on."""
    size = f"{26_000 + 7 * command.n_images}k"
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
        same = good and clusters(out) == expected
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
    same = same and clusters(out) == expected
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
    same = code == 0 and "begins anew" in error and clusters(out) == expected
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


def after_kills(command, temporary, rows, args, seconds, expected):
    """Rows of the table, by signal and by what was killed."""
    found = {}
    for n in range(args.times):
        number = (signal.SIGKILL, signal.SIGTERM)[n % 2]
        moment = np.random.default_rng([args.seed, n]).uniform(0, seconds)
        out = temporary / f"out-{n}"
        given = (command, out, number, moment, expected)
        done = rows.get(f"{number.name} {n}", partial(kill, *given))
        shutil.rmtree(out, ignore_errors=True)
        found.setdefault(f"{number.name} {done['when']}", []).append(done)
    return [line(*each) for each in sorted(found.items())]


def of_cases(command, temporary, rows, expected):
    for number, (case, run) in enumerate(CASES.items()):
        given = (command, temporary / f"case-{number}", expected)
        done = rows.get(case, partial(run, *given))
        if done is None:
            yield [case, "0: no tmpfs can be mounted here", "", "", ""]
        else:
            yield line(case, [done])


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--times", type=int, default=200, help="kills (default: 200)")
    options.add_argument("--n", type=int, default=600, help="digits (default: 600)")
    options.add_argument("--epochs", type=int, default=8, help="(default: 8)")
    options.add_argument("--seed", type=int, default=0, help="(default: 0)")
    options.add_argument("--rows", type=Path, help="finished rows, to go on from")
    args = options.parse_args()
    rows = Rows(args.rows)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder)
        images, _ = load(Path("digits"), args.n)
        archive = temporary / "archive"
        archive.mkdir()
        for number, image in enumerate(images):
            picture = Image.fromarray((image * 15).astype(np.uint8))
            picture.save(archive / f"{number:05}.png")
        command, out = Command(archive, args.epochs), temporary / "undisturbed"
        child = command.until(out, lambda: (out / ".lock").exists())
        start = time.perf_counter()
        child.communicate()
        seconds = time.perf_counter() - start
        assert child.returncode == 0
        assert not command.half_written(out)
        expected = clusters(out)
        lines = after_kills(command, temporary, rows, args, seconds, expected)
        lines += of_cases(command, temporary, rows, expected)
    print(f"{machine()}; {len(images)} digits, {args.epochs} epochs\n")
    print(table(HEADER, lines))


if __name__ == "__main__":
    main()
