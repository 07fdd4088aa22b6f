"""What the command and the processes that fit for it hand each other, as files."""

from __future__ import annotations

import json
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdeepcluster._files import replacing
from skdeepcluster._interruption import TERMINATED, current

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdeepcluster import DeepClusterCategorizer

# What the command line says in one line, and SIGTERM.
_EXPECTED = (ValueError, OSError, MemoryError, ImportError, SystemExit)


class Job(NamedTuple):
    """A fit that processes shall do."""

    parameters: dict[str, Any]
    """As `_parameters` writes them."""
    weights: str | None
    checkpoint: str
    is_shared_out: bool
    """Whether the user has shared out the cores, so that fits take no turns."""

    def estimator(self) -> DeepClusterCategorizer:
        """What is to be fitted."""
        from skdeepcluster import DeepClusterCategorizer
        from skdeepcluster._parameters import from_json

        est = DeepClusterCategorizer(**from_json(self.parameters))
        if self.weights is not None:
            est.set_params(backbone__weights=self.weights)
        return est.set_params(checkpoint=self.checkpoint)


class Failure(NamedTuple):
    """What a process ended with."""

    rank: int
    seconds: float
    """When, in those of `time.time`."""
    kind: str | None
    """The class of an error that is expected."""
    message: str
    """With the trace of any other."""

    def error(self) -> BaseException:
        """The error, as if it had been raised in this process."""
        if self.kind == SystemExit.__name__:
            return SystemExit(TERMINATED)
        kinds = {each.__name__: each for each in _EXPECTED}
        return kinds.get(self.kind or "", RuntimeError)(self.message)


class Handover:
    """A folder of the user alone, which lasts as long as the fit.

    Nothing in it is executed when it is read, and it names no file of an archive.

    Parameters
    ----------
    folder : path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stop = folder / "stop"
        """A file that is there once the fit shall end with its epoch."""

    def images(self, images: NDArray[Any]) -> Path:
        """A file from which each process can map the images.

        Those of an archive and of a ``.npy`` file are mapped from one. Others, such as
        those of a ``.npz`` file or without copies, are written to disk once more.
        """
        if isinstance(images, np.memmap) and images.filename is not None:
            return Path(images.filename)
        path = self.folder / "images.npy"
        np.save(path, images)
        return path

    def give(
        self,
        est: DeepClusterCategorizer,
        labels: NDArray[Any] | None,
        is_shared_out: bool,
    ) -> None:
        """Say what is to be done."""
        from skdeepcluster import Pretrained
        from skdeepcluster._parameters import to_json

        given = est.get_params(deep=False)
        weights = None
        if isinstance(est.backbone, Pretrained) and est.backbone.weights is not None:
            weights = str(est.backbone.weights)
        job = Job(to_json(given), weights, str(est.checkpoint), is_shared_out)
        self._write("job", job._asdict())
        if labels is not None:  # not what they are called
            _, numbers = np.unique(labels, return_inverse=True)
            np.save(self.folder / "labels.npy", numbers)

    def job(self) -> Job:
        """What is to be done."""
        return Job(**self._read("job"))

    def labels(self) -> NDArray[Any] | None:
        """The number of each image's category, if they are known."""
        path = self.folder / "labels.npy"
        return np.load(path) if path.exists() else None

    def give_back(self, est: DeepClusterCategorizer) -> None:
        """Say what was learnt."""
        est.save(self.folder / "model.safetensors")
        np.save(self.folder / "embedding.npy", np.asarray(est.embedding_))
        kept = [str(each.path) for each in current.kept or ()]
        self._write("learnt", {"noted": current.noted, "kept": kept})

    def fitted(self) -> DeepClusterCategorizer:
        """The estimator, as if it had been fitted in this process."""
        from skdeepcluster import DeepClusterCategorizer
        from skdeepcluster._checkpoint_file import CheckpointFile

        learnt = self._read("learnt")
        current.noted = learnt["noted"]
        paths = [Path(path) for path in learnt["kept"]]
        current.kept = [CheckpointFile(path.parent, path.stem) for path in paths]
        est = DeepClusterCategorizer.load(self.folder / "model.safetensors")
        est.embedding_ = np.load(self.folder / "embedding.npy")
        return est

    def fail(self, rank: int, error: BaseException) -> None:
        """Say why a process ends."""
        kind = next((each for each in _EXPECTED if isinstance(error, each)), None)
        message = str(error) or type(error).__name__
        if kind is None:
            message = "".join(traceback.format_exception(error))
        named = None if kind is None else kind.__name__
        found = Failure(rank, time.time(), named, message)
        self._write(f"failure-{rank}", found._asdict())

    def failures(self) -> list[Failure]:
        """Why processes have ended, the first one first."""
        names = [path.stem for path in self.folder.glob("failure-*.json")]
        found = [Failure(**self._read(name)) for name in names]
        return sorted(found, key=lambda failure: failure.seconds)

    def _write(self, name: str, value: dict[str, Any]) -> None:
        with replacing(self.folder / f"{name}.json") as unfinished:
            unfinished.write_text(json.dumps(value))

    def _read(self, name: str) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text())
        return read
