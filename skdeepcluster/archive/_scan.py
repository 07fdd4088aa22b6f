"""Which files a folder holds."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

from skdeepcluster.archive._file import Unreadable


class File(NamedTuple):
    """A file of an archive."""

    path: str
    """Relative to the root, with slashes."""
    state: str
    """Size, times and number of the file, and of the one with its pixels."""

    def fingerprint(self, name: str) -> str:
        """Another one if the file changes; `name` is what it is called in tables."""
        parts = f"{self.state} ".encode() + os.fsencode(name)
        return hashlib.blake2b(parts, digest_size=8).hexdigest()


def scan(
    root: Path, leave_out: Path | None = None
) -> tuple[list[File], list[tuple[str, Unreadable]]]:
    """The files below `root`, in order, and what is passed over.

    Parameters
    ----------
    root : path
        A folder. Links to files are followed, links to folders are not.
    leave_out : path or None
        A folder below `root` that is not looked into.

    Returns
    -------
    files : list of File
        Sorted by path.
    skipped : list of (str, Unreadable)
        Hidden files, folders that cannot be opened, and what is not a file.
    """
    files: list[File] = []
    skipped: list[tuple[str, Unreadable]] = []
    left_out = leave_out.resolve() if leave_out is not None else None

    start = len(os.path.join(root, ""))

    def relative(path: str) -> str:
        return path[start:].replace(os.sep, "/")

    def skip(path: str, reason: Unreadable) -> None:
        skipped.append((relative(path), reason))

    def closed(error: OSError) -> None:
        reason = Unreadable("inaccessible", "The folder cannot be opened.")
        skip(error.filename, reason)

    left = [os.fspath(root)]
    while left:
        # One level at a time: os.walk calls itself, and folders may be nested deeply.
        parent, folders, names = next(os.walk(left.pop(), onerror=closed), ("", [], []))
        for name in folders:
            path = os.path.join(parent, name)
            reason = _why_not_into(path, name)
            if reason is not None:
                skip(path, reason)
            elif left_out is None or Path(path).resolve() != left_out:
                left.append(path)
        for name in names:
            path = os.path.join(parent, name)
            state = _state_of(path, name)
            if isinstance(state, Unreadable):
                skip(path, state)
            else:
                files.append(File(relative(path), state))
    return sorted(files), skipped


def _why_not_into(path: str, name: str) -> Unreadable | None:
    if name.startswith("."):
        return Unreadable("hidden", "A hidden folder.")
    if os.path.islink(path):
        return Unreadable("not an image", "A link to a folder.")
    return None


def _state_of(path: str, name: str) -> str | Unreadable:
    if name.startswith("."):
        return Unreadable("hidden", "A hidden file.")
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return Unreadable("inaccessible", "Not a regular file.")
        state = _state(status)
        if (pixels := pixels_of(path)) is not None:
            state += " " + _state(os.stat(pixels))
    except PermissionError:
        return Unreadable("inaccessible", "No permission to read it.")
    except OSError:
        reason = "A link to nowhere." if os.path.islink(path) else "It is gone."
        return Unreadable("inaccessible", reason)
    return state


def pixels_of(path: str) -> str | None:
    """The .img file beside a .hdr file.

    Parameters
    ----------
    path : str
        Of a file.

    Returns
    -------
    str or None
    """
    stem, suffix = os.path.splitext(path)
    if suffix.lower() == ".hdr":
        for end in (".img", ".IMG"):
            if os.path.isfile(stem + end):
                return stem + end
    return None


def _state(status: os.stat_result) -> str:
    # A file that replaces another may keep its size and the time of its content. The
    # number of the device is not that of the file: each mount of a network has another.
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
