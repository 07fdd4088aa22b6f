"""Replacing a file, or several of a folder, whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Folders within the one whose files are replaced. They are removed and emptied, so
# that nobody else may have such names.
BEGUN = ".skdeepcluster-unfinished"
READY = ".skdeepcluster-replacement"


@contextmanager
def replacing(
    path: str | os.PathLike[str], *, is_private: bool = False
) -> Iterator[Path]:
    """Write another file, which takes the place of `path` if nothing fails.

    A reader sees the old file or the new one, even after a power failure. If an error
    is raised, the old file stays, and no other is left beside it. The new file has the
    permissions of the old one; where `path` is a link, it stays one.

    Parameters
    ----------
    path : str or path
        The file to replace, which need not exist.
    is_private : bool
        Whether nobody but the user may read a file that does not exist yet.

    Yields
    ------
    Path
        Where to write, in the same folder.

    Raises
    ------
    FileNotFoundError
        If there is no folder to write into.
    """
    if not Path(path).parent.is_dir():
        folder = Path(path).parent
        raise FileNotFoundError(f"There is no folder {folder} to write into.")
    target = Path(os.path.realpath(path))
    mode = 0o600 if is_private else None
    if target.exists():
        mode = stat.S_IMODE(target.stat().st_mode)
    # With the number of the process, for two may write at once.
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.unfinished")
    try:
        if mode is not None:  # before there is anything to read
            unfinished.touch()
            unfinished.chmod(mode | stat.S_IRUSR | stat.S_IWUSR)
        yield unfinished
        _to_disk(unfinished)
        if mode is not None:  # also where a library has written another, and renamed it
            unfinished.chmod(mode)
        os.replace(unfinished, target)
        _to_disk(target.parent)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def replacing_together(folder: Path) -> Iterator[Path]:
    """Write several files, which take the places of those in `folder` together.

    Until all are written, the old ones stay. From then on the new ones hold: after an
    interruption, :func:`finish_replacing` puts those in place that are not there yet.

    Parameters
    ----------
    folder : path
        The folder; its other files stay.

    Yields
    ------
    Path
        Where to write, in a folder within.
    """
    finish_replacing(folder)
    begun = folder / BEGUN
    shutil.rmtree(begun, ignore_errors=True)  # of a run that was killed
    begun.mkdir()
    try:
        yield begun
        for path in begun.iterdir():
            _to_disk(path)
        _to_disk(begun)
        os.replace(begun, folder / READY)
        _to_disk(folder)
    finally:
        shutil.rmtree(begun, ignore_errors=True)
    finish_replacing(folder)


def reserve(file: int) -> None:
    """Take the room on the disk that an opened file has the size of.

    Writing to a memory map without it would end the process, not raise an error.

    Raises
    ------
    OSError
        If there is too little.
    """
    size = os.fstat(file).st_size
    if not size or not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        # Some file systems and C libraries cannot.
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise


def finish_replacing(folder: Path) -> None:
    """Put the files in place that an interrupted :func:`replacing_together` has left.

    Parameters
    ----------
    folder : path
        The folder, which need not exist.
    """
    ready = folder / READY
    if not ready.is_dir():
        return
    for path in sorted(ready.iterdir()):
        with suppress(FileNotFoundError):  # another process is faster
            if (folder / path.name).exists():
                shutil.copymode(folder / path.name, path)
            os.replace(path, folder / path.name)
    _to_disk(folder)
    with suppress(FileNotFoundError):
        ready.rmdir()


def _to_disk(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power failure."""
    if path.is_dir() and os.name == "nt":  # no folder can be opened there
        return
    opened = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(opened)
    except OSError as error:
        # Some file systems, of shared folders for example, cannot do so with folders.
        cannot = {errno.EBADF, errno.EINVAL, errno.EOPNOTSUPP}
        if not path.is_dir() or error.errno not in cannot:
            raise
    finally:
        os.close(opened)
