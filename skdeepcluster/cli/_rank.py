"""One of the processes that fit together for a command."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from skdeepcluster._interruption import TERMINATED
from skdeepcluster.cli._handover import Handover
from skdeepcluster.cli._signals import terminable

_SECONDS = 1.0  # between two looks whether the command is still there


def main(folder: str, stores: str, images: str, parent: str) -> None:
    """Fit, and hand back what the first process has learnt.

    Parameters
    ----------
    folder : str
        Of a `Handover`.
    stores : str
        A folder in which the processes find each other.
    images : str
        A ``.npy`` file.
    parent : str
        The number of the command's process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command hears it
    threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    handover = Handover(Path(folder))
    rank, size = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
    code = 0
    try:
        with terminable():
            _fit(handover, Path(stores), Path(images), rank, size)
    except BaseException as error:
        handover.fail(rank, error)
        code = TERMINATED if isinstance(error, SystemExit) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    # All is handed back. A thread of PyTorch that needs Python while that ends would
    # abort the process, and the command would take it for killed.
    os._exit(code)


def _fit(handover: Handover, stores: Path, images: Path, rank: int, size: int) -> None:
    import numpy as np
    from torch import distributed
    from torch.distributed import FileStore  # type: ignore[attr-defined]

    from skdeepcluster._engine.ranks import join
    from skdeepcluster.cli._fitting import fit
    from skdeepcluster.cli._turns import TakeTurns

    # The store that torchrun's variables name would listen on all networks.
    join(FileStore(str(stores / "ranks"), size), rank, size)
    job = handover.job()
    est = job.estimator()
    turns = TakeTurns(job.is_shared_out)
    pixels = np.load(images, mmap_mode="r")
    fit(est, pixels, handover.labels(), _StopWhenTold(handover.stop), turns)
    if rank == 0:
        handover.give_back(est)
    distributed.destroy_process_group()


def _end_with(parent: int) -> None:
    """End when the command was killed, or another one would find two at work."""
    while os.getppid() == parent:
        time.sleep(_SECONDS)
    os._exit(1)


class _StopWhenTold:
    """End learning after the epoch in which a file appears."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def setup(self, estimator: Any, context: Any) -> None: ...

    def teardown(self, estimator: Any, context: Any) -> None: ...

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        return self._path.exists()
