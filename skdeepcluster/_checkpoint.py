"""A fit in progress on disk, to resume after its process has ended."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np
import sklearn
import torch
from numpy.typing import NDArray

import skdeepcluster
from skdeepcluster import _warnings
from skdeepcluster._checkpoint_file import (
    UNREADABLE,
    UNWRITABLE,
    WRONG,
    CheckpointFile,
    Contents,
    left_in,
    remove_all,
)
from skdeepcluster._engine.epoch import Epoch
from skdeepcluster._engine.ranks import ALONE, Ranks
from skdeepcluster._engine.recovery import check_finite
from skdeepcluster._engine.runtime import first_line, resolve_precision
from skdeepcluster._engine.state import State, restore, state_of
from skdeepcluster._fingerprint import fingerprint_of
from skdeepcluster._interruption import TERMINATED, current
from skdeepcluster._lock import alone

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer
    from skdeepcluster._learning import Learning

_LIBRARIES = ("scipy", "torchvision", "timm")  # as far as there are any
_SECONDS = 600  # between two checkpoints within an epoch
_ABANDONED = 3600  # seconds after which no fit is writing to a file any more

_seen: set[Path] = set()  # folders whose leftovers were reported


def remove_checkpoints(folder: str | os.PathLike[str]) -> list[Path]:
    """Remove the checkpoints that unfinished fits left in a folder.

    Parameters
    ----------
    folder : str or path
        The parameter `checkpoint` of an estimator.

    Returns
    -------
    list of Path
        The removed files. A fit that is running writes its own again after its next
        epoch.

    Examples
    --------
    >>> import tempfile
    >>> from skdeepcluster import remove_checkpoints
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     remove_checkpoints(folder)
    []
    """
    return remove_all(Path(folder))


@contextmanager
def checkpoint_of(
    est: DeepClusterCategorizer,
    rows: NDArray[Any],
    shape: tuple[int, ...],
    device: torch.device,
    seed: int,
    ranks: Ranks,
) -> Iterator[Checkpoint | None]:
    """The checkpoint of a fit, if it is to have one.

    Yields
    ------
    Checkpoint or None
        None also if another process is in the middle of the same fit.
    """
    if est.checkpoint is None:
        yield None
        return
    precision = resolve_precision(est.precision, device)
    fingerprint = fingerprint_of(est, rows, shape, precision, seed)
    kept = Checkpoint(est.checkpoint, ranks.told(fingerprint), ranks, seed)
    # Without this, fits that are to differ by chance alone would become one.
    mine = alone(kept.file.mark) if ranks.is_first else nullcontext()
    with mine as is_alone:
        if is_alone is False:
            _warnings.warn(_warnings.checkpoint_in_use(kept.file.path))
        yield kept if ranks.told(is_alone) else None


class Checkpoint:
    """The file of one fit.

    Of several processes, the first writes it, and all read it.

    Parameters
    ----------
    folder : path
        Created if needed.
    fingerprint : str
        Identifies the fit.
    ranks : Ranks
    seed : int or None
        Of the fit, unless the file has another: that of a fit without a random state.

    Raises
    ------
    OSError
        If the folder cannot be created or written to.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        fingerprint: str,
        ranks: Ranks = ALONE,
        seed: int | None = None,
    ) -> None:
        self.ranks = ranks
        self._seed = seed
        self.file = CheckpointFile(Path(folder), fingerprint)
        self._written = time.monotonic()
        self._failed = False
        if not ranks.is_first:  # which writes
            return
        Path(folder).mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(
                f"checkpoint={os.fspath(folder)!r} cannot be written to; choose "
                "another folder."
            )
        self._say_what_is_left()

    def first_seed(self) -> int | None:
        """The seed that the fit began with."""
        kept = self.file.seed()
        self._seed = self.ranks.told(self._seed if kept is None else kept)
        return self._seed

    def resume(self, learning: Learning) -> None:
        """Resume the fit where it was interrupted, if it was.

        Raises
        ------
        ValueError
            If the file is intact, but does not belong to this fit, or processes read
            different files.
        """
        read = self._read_or_warn()
        ranks = self.ranks
        if not ranks.agree(read and read.checksum):
            raise ValueError(
                "The processes of this fit do not read the same file "
                f"{self.file.path}; choose a folder for checkpoint that all of them "
                "share."
            )
        if read is None:
            return
        values, kept_in, tensors, _ = read
        if "memory" in tensors:
            share = ranks.share(len(learning.loop.images))
            tensors["memory"] = tensors["memory"][share.rows]
        surroundings = _surroundings(learning.loop.images.device, ranks)
        differing = [
            name for name, value in surroundings.items() if kept_in.get(name) != value
        ]
        try:
            learning.history.put_back(values["history"], tensors.get("history"))
            if current.kept is not None:
                current.noted = values["noted"]
            learning.doubts.collapsed, learning.doubts.n_halvings = values["warned"]
            learning.epoch = restore(learning.loop, State(tensors, values["loop"]))
        except WRONG as error:
            raise ValueError(
                f"{self.file.path} does not belong to this fit ({first_line(error)}); "
                "remove it, or choose another folder."
            ) from error
        if differing:
            _warnings.warn(_warnings.gone_on_elsewhere(differing))

    def write(self, learning: Learning, epoch: Epoch) -> None:
        """Write the state of the fit; if that fails, warn once and go on.

        Raises
        ------
        ValueError
            If the objective keeps something other than tensors and plain values.
        """
        self._write(learning, epoch)
        self._written = time.monotonic()

    def _write(self, learning: Learning, epoch: Epoch) -> None:
        state, history = state_of(learning.loop, epoch), learning.history
        if unknown := state.values["unknown"]:
            raise ValueError(
                f"A checkpoint cannot hold {', '.join(unknown)}; keep tensors, numbers "
                "or text there, or set checkpoint=None."
            )
        tensors = dict(state.tensors)
        if (rows := tensors.pop("memory", None)) is not None:
            whole = self.ranks.to_first(rows, len(learning.loop.images))
            if whole is not None:
                tensors["memory"] = whole
        if not self.ranks.is_first:
            return
        if history.labels is not None:
            tensors["history"] = torch.from_numpy(history.labels)
        # Copies, for some share their memory, which safetensors refuses.
        plain = torch.contiguous_format
        tensors = {
            name: tensor.cpu().clone(memory_format=plain)
            for name, tensor in tensors.items()
        }
        values = {
            "loop": state.values,
            "history": history.values,
            "warned": [learning.doubts.collapsed, learning.doubts.n_halvings],
            "noted": current.noted,
        }
        surroundings = _surroundings(learning.loop.images.device, self.ranks)
        try:
            self.file.write(self._seed, values, surroundings, tensors)
        except UNWRITABLE as error:
            if not self._failed:
                self._failed = True
                reason = first_line(error)
                _warnings.warn(_warnings.checkpoint_not_written(self.file.path, reason))

    def after_step(self, learning: Learning, epoch: Epoch) -> None:
        """Write if it is time to, and end the process if asked to."""
        current.is_training = True
        if current.between_steps is not None:
            current.between_steps()
        is_time = time.monotonic() - self._written > _SECONDS
        if self.ranks.any(current.terminated or is_time):
            check_finite(learning.loop, epoch)  # which is not looked at in each step
            self.after_epoch(learning, epoch)

    def after_epoch(self, learning: Learning, epoch: Epoch) -> None:
        """Write, and end the process if asked to."""
        current.is_training = True  # an epoch of one step has not said so
        self.write(learning, epoch)
        self.leave()

    def leave(self) -> None:
        """Leave SIGTERM to its handler, and end the process if it has come before."""
        current.is_training = False
        if self.ranks.any(current.terminated):
            raise SystemExit(TERMINATED)

    def end(self) -> None:
        """Remove the file, or let the command line do so once results are written."""
        if not self.ranks.is_first:
            return
        if current.kept is None:
            self.file.remove()
        else:
            current.kept.append(self.file)

    def _read_or_warn(self) -> Contents | None:
        """The contents of the file, if there is one that can be read."""
        try:
            return self.file.read()
        except FileNotFoundError:
            pass
        except UNREADABLE as error:
            _warnings.warn(
                _warnings.checkpoint_not_read(self.file.path, first_line(error))
            )
        return None

    def _say_what_is_left(self) -> None:
        """Warn once of checkpoints that other fits have left."""
        folder = self.file.path.parent.resolve()
        if folder in _seen:
            return
        _seen.add(folder)
        sizes = []
        for path in left_in(folder):
            with suppress(FileNotFoundError):  # of a fit that has ended meanwhile
                found = path.stat()
                is_old = time.time() - found.st_mtime > _ABANDONED
                if is_old and not path.name.startswith(self.file.path.name):
                    sizes.append(found.st_size)
        if sizes:
            _warnings.warn(_warnings.unfinished_fits(folder, len(sizes), sum(sizes)))


def _surroundings(device: torch.device, ranks: Ranks) -> dict[str, Any]:
    """What the rounding of sums depends on."""
    return {
        "device": device.type if ranks.size > 1 else str(device),
        "processes": ranks.size,
        "threads": torch.get_num_threads(),
        "CPU": [platform.machine(), torch.backends.cpu.get_cpu_capability()],
        "versions": [
            skdeepcluster.__version__,
            *(each.__version__ for each in (torch, faiss, sklearn, np)),
            *map(_version_of, _LIBRARIES),
        ],
    }


def _version_of(library: str) -> str | None:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(library)
    return None
