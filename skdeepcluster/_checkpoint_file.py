"""The file of a fit in progress: replaced whole, and read only if intact."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from skdeepcluster import _warnings
from skdeepcluster._engine.runtime import first_line
from skdeepcluster._files import replacing
from skdeepcluster._fingerprint import content_of
from skdeepcluster._lock import alone, to_the_last

_FORMAT = "skdeepcluster checkpoint"
_VERSION = 1
_SUFFIX = ".checkpoint"
_MARK = ".running"
_OURS = re.compile(r"[0-9a-f]{32}\.checkpoint(\.\d+\.unfinished)?")
_MARKS = re.compile(r"[0-9a-f]{32}\.running")

WRONG = (KeyError, TypeError, ValueError, RuntimeError, AttributeError)
"""What contents that are not as they should be lead to."""
UNREADABLE = (OSError, SafetensorError, *WRONG)
UNWRITABLE = (OSError, SafetensorError)


class Contents(NamedTuple):
    """What a file holds: plain values, two documents, and tensors."""

    values: dict[str, Any]
    surroundings: dict[str, Any]
    tensors: dict[str, Tensor]
    checksum: str


class CheckpointFile:
    """The file of one fit, and what lies beside it.

    Parameters
    ----------
    folder : path
    fingerprint : str
        Identifies the fit; 32 hexadecimal digits.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.path = folder / f"{fingerprint}{_SUFFIX}"
        self.mark = folder / f"{fingerprint}{_MARK}"
        """Path of the lock that a fit holds while it runs."""

    def seed(self) -> int | None:
        """The seed that the fit began with, if the file has one."""
        with suppress(*UNREADABLE), safe_open(self.path, framework="pt") as file:
            return int((file.metadata() or {})["seed"]) % 2**31
        return None

    def read(self) -> Contents:
        """The contents of an intact file.

        Raises
        ------
        OSError, KeyError, RuntimeError, TypeError, ValueError, SafetensorError
            If it is missing, damaged, or of another version.
        """
        with safe_open(self.path, framework="pt") as file:
            header = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header.get("format") != _FORMAT or header.get("version") != str(_VERSION):
            raise ValueError("it is of another version")
        checksum = header.pop("checksum")
        if checksum != _checksum(header, tensors):
            raise ValueError("its checksum is wrong")
        values, surroundings = map(
            json.loads, (header["values"], header["surroundings"])
        )
        return Contents(values, surroundings, tensors, checksum)

    def write(
        self,
        seed: int | None,
        values: Mapping[str, Any],
        surroundings: Mapping[str, Any],
        tensors: Mapping[str, Tensor],
    ) -> None:
        """Replace the file.

        Raises
        ------
        OSError, SafetensorError
            If it cannot be written; what was there before stays.
        """
        header = {
            "format": _FORMAT,
            "version": str(_VERSION),
            "seed": str(seed),
            "values": json.dumps(values),
            "surroundings": json.dumps(surroundings),
        }
        header["checksum"] = _checksum(header, tensors)
        with FileLock(_lock_of(self.path)):
            self._remove_unfinished()
            with replacing(self.path) as unfinished:
                save_file(dict(tensors), unfinished, metadata=header)

    def remove(self) -> None:
        """Remove the file of a fit that has ended; a failure is warned of."""
        try:
            with to_the_last(_lock_of(self.path)):
                self.path.unlink(missing_ok=True)
                self._remove_unfinished()
        except OSError as error:
            reason = first_line(error)
            _warnings.warn(_warnings.checkpoint_not_removed(self.path, reason))

    def _remove_unfinished(self) -> None:
        """Remove partial files of processes that were killed while writing."""
        for path in self.path.parent.glob(f"{self.path.name}.*"):
            path.unlink(missing_ok=True)


def left_in(folder: Path) -> list[Path]:
    """Checkpoints in a folder, and partly written ones, in the order of their names."""
    return sorted(path for path in folder.glob("*") if _OURS.fullmatch(path.name))


def remove_all(folder: Path) -> list[Path]:
    """Remove what :func:`left_in` finds, and give it.

    Marks of fits whose process has ended go, too.
    """
    removed = left_in(folder)
    for path in removed:
        with to_the_last(_lock_of(path)):
            path.unlink(missing_ok=True)
    for path in folder.glob(f"*{_MARK}"):
        if _MARKS.fullmatch(path.name):
            with alone(path, patience=0):  # which removes it, if nobody has it
                pass
    return removed


def _checksum(header: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    found = zlib.crc32(json.dumps(sorted(header.items())).encode())
    for name in sorted(tensors):
        found = zlib.crc32(name.encode(), found)
        found = zlib.crc32(content_of(tensors[name]).data, found)
    return f"{found:08x}"


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name.partition('.')[0]}.lock")
