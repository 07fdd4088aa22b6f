"""The files of an archive, and what they are called in tables."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from filelock import FileLock

from skdeepcluster.archive._file import Unreadable
from skdeepcluster.archive._scan import File, scan
from skdeepcluster.archive._store import write_table


@dataclass(frozen=True)
class Files:
    """What a folder holds."""

    root: Path
    kept: list[File]
    """In order; later steps call them by their place in it."""
    fingerprints: list[str]
    """Of those that are kept."""
    passed_over: list[tuple[str, Unreadable]]
    names: dict[str, str]
    """For each path, also of those passed over, what it is called in tables."""

    def __len__(self) -> int:
        """Of all, whatever becomes of them."""
        return len(self.kept) + len(self.passed_over)

    def location(self, number: int) -> str:
        """Where a file is opened, by a process that may be in another folder."""
        return os.path.join(os.path.abspath(self.root), self.kept[number].path)


def find_files(
    root: Path, leave_out: Path, path_key: str | os.PathLike[str] | None
) -> Files:
    """The files below `root`; a `path_key` calls them by numbers, not by paths."""
    files, passed_over = scan(root, leave_out)
    paths = [file.path for file in files] + [path for path, _ in passed_over]
    names = {path: path for path in paths}
    if path_key is not None:
        names = numbers_for(sorted(paths), Path(path_key))
    fingerprints = [file.fingerprint(names[file.path]) for file in files]
    return Files(root, files, fingerprints, passed_over, names)


def numbers_for(paths: list[str], key: Path) -> dict[str, str]:
    """A number for each path, that of an earlier run where the file has one."""
    # Two runs may share the table, and must not give one number to two paths.
    with FileLock(key.with_name(f".{key.name}.lock")):
        return _numbers_for(paths, key)


def _numbers_for(paths: list[str], key: Path) -> dict[str, str]:
    known = read_key(key) if key.exists() and key.stat().st_size else {}
    start = 1 + max((int(number) for number in known.values()), default=0)
    new = [path for path in paths if path not in known]
    known |= {path: f"{start + place:07d}" for place, path in enumerate(new)}
    if new or not key.exists():
        rows = sorted((number, path) for path, number in known.items())
        table = pd.DataFrame(rows, columns=["number", "path"])
        write_table(key, table, is_private=True)
    return known


def read_key(key: Path) -> dict[str, str]:
    """The number of each path."""
    columns: list[str] = []
    with contextlib.suppress(ValueError):  # pandas' own words name no file
        table = pd.read_csv(
            key, dtype=str, keep_default_na=False, encoding_errors="surrogateescape"
        )
        columns = list(table.columns)
    if columns != ["number", "path"]:
        raise ValueError(
            f"path_key={os.fspath(key)} exists already and is not such a table; "
            "give another name."
        )
    known = dict(zip(table["path"], table["number"], strict=True))
    numbers = set(known.values())
    if len(numbers) < len(table) or not all(map(str.isdecimal, numbers)):
        raise ValueError(f"path_key={os.fspath(key)} is spoilt: give another name.")
    return known
