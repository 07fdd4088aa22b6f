"""A fit in several processes of this machine, started by PyTorch's launcher."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import spawn
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib

from skdeepcluster._interruption import TERMINATED
from skdeepcluster.cli._handover import Handover
from skdeepcluster.cli._signals import StopWhenInterrupted, handled

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

    from skdeepcluster import DeepClusterCategorizer

HANDED_OVER = ".processes"
"""A folder in OUT, which only a killed run leaves."""
_SECONDS = 600  # for a step and a checkpoint; PyTorch before 2.12 kills after 30
_AT_ONCE = 10.0  # seconds, well below those after which PyTorch kills the others

# As `archive` starts processes: what is imported is what is imported here.
_CODE = (
    "import sys; sys.path[:] = sys.argv[5:]; "
    "from skdeepcluster.cli._rank import main; main(*sys.argv[1:5])"
)


def n_processes(asked: int | None, device: str) -> int:
    """In how many processes to fit: as many as asked for, or one per GPU.

    Raises
    ------
    ValueError
        If it cannot be as many.
    """
    import torch

    if asked is not None and asked < 1:
        raise ValueError(f"--processes {asked} is none; give 1 or more.")
    on_gpus = device in ("auto", "cuda") and torch.cuda.is_available()
    n_gpus = torch.cuda.device_count() if on_gpus else 0
    can = torch.distributed.is_available()
    if asked is None and not (can and torch.distributed.is_nccl_available()):
        return 1
    n = max(1, n_gpus) if asked is None else asked
    if n > 1 and device.startswith("cuda:"):
        raise ValueError(
            f"--processes {n} cannot share --device {device}: each has a GPU of its "
            "own; give --device auto, or --processes 1."
        )
    if n_gpus and n > n_gpus:
        raise ValueError(
            f"--processes {n} are more than the {n_gpus} GPU(s), of which each process "
            "has one; give fewer, or --device cpu."
        )
    if n > 1 and device.startswith("mps"):
        raise ValueError(
            f"--processes {n} cannot work on --device {device}, where PyTorch sends "
            "nothing between processes; give --device cpu, or --processes 1."
        )
    if n > 1 and not can:
        raise ValueError(
            f"--processes {n} need torch.distributed, which this PyTorch was built "
            "without; leave it out."
        )
    return n


def fit_in_processes(
    est: DeepClusterCategorizer,
    images: NDArray[Any],
    labels: NDArray[Any] | None,
    stop: StopWhenInterrupted,
    n: int,
    output: Path,
) -> DeepClusterCategorizer:
    """Fit as `n` processes, and give the estimator that they have fitted.

    Parameters
    ----------
    est : DeepClusterCategorizer
        With a `checkpoint`.
    images : ndarray or memmap
    labels : ndarray of shape (n_images,) or None
    stop : StopWhenInterrupted
        Hears Ctrl-C; the processes are told.
    n : int
    output : path
        A folder that the caller has alone, for what is handed over.

    Raises
    ------
    SystemExit
        After SIGTERM, once the processes have written the checkpoint and ended.
    ChildProcessError
        If one was killed.
    """
    folder = output / HANDED_OVER
    folder.mkdir(mode=0o700)
    handover = Handover(folder)
    try:
        handover.give(est, labels, "OMP_NUM_THREADS" in os.environ)
        path = handover.images(images)
        stop.flag = handover.stop
        with (
            handled(signal.SIGINT, stop.ask),
            tempfile.TemporaryDirectory(prefix="skdeepcluster-") as stores,
        ):
            _launch(handover, stores, path, n)
        return handover.fitted()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _launch(handover: Handover, stores: str, images: Path, n: int) -> None:
    """Run the processes until all have ended."""
    from torch.distributed.elastic.multiprocessing import (
        DefaultLogsSpecs,
        SignalException,
    )
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    given = [str(handover.folder), stores, str(images), str(os.getpid()), *sys.path]
    # The launcher puts its own values where it finds a $.
    given = [each.replace("$", "$$") for each in given]
    sys.stdout.flush()
    with (
        _environment(_variables(n)),
        _quiet("torch.distributed.elastic"),
        handled(signal.SIGTERM, signal.getsignal(signal.SIGTERM)),
    ):
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=n,
            run_id="fit",
            rdzv_backend="c10d",
            rdzv_endpoint=str(Path(stores, "launcher")),
            rdzv_configs={"store_type": "file"},
            local_addr="localhost",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=os.devnull),
            # It hands SIGTERM on, and waits; Ctrl-C it shall not hear.
            signals_to_handle="SIGTERM",
        )
        executable = os.fsdecode(spawn.get_executable())
        try:
            elastic_launch(config, executable)("-P", "-c", _CODE, *given)
        except SignalException:
            raise SystemExit(TERMINATED) from None
        except ChildFailedError as error:
            raise _why(handover, error.failures, n) from None


def _variables(n: int) -> dict[str, str]:
    """Those of the launcher and of `n` processes, which share the cores."""
    found = {
        "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": str(_SECONDS),
        # No server that listens on all networks and trusts what it is sent.
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
    }
    if "OMP_NUM_THREADS" not in os.environ:
        found["OMP_NUM_THREADS"] = str(max(1, joblib.cpu_count() // n))
    networks = [] if sys.platform == "win32" else socket.if_nameindex()
    for _, name in networks:
        if name in ("lo", "lo0"):  # of Linux, or of macOS
            found["GLOO_SOCKET_IFNAME"] = found["NCCL_SOCKET_IFNAME"] = name
    return found


def _why(
    handover: Handover, ended: Mapping[int, ProcessFailure], n: int
) -> BaseException:
    """What made the processes end, of which one may have made the others end."""
    said = handover.failures()
    start = said[0].seconds if said else float("inf")
    killed = [
        f"process {rank + 1} of {n} was ended by {failure.signal_name()}"
        for rank, failure in sorted(ended.items())
        if failure.exitcode < 0
        and failure.exitcode != -signal.SIGTERM  # by the launcher, as the others are
        and failure.timestamp < start + _AT_ONCE
    ]
    if killed:
        return ChildProcessError(
            f"{', '.join(killed)}, perhaps because memory ran out; the same command "
            "continues from the last checkpoint"
        )
    if said:
        return said[0].error()
    codes = ", ".join(str(failure.exitcode) for failure in ended.values())
    return ChildProcessError(
        f"processes of the fit have ended with exit code {codes}; what they said is "
        "above, and the same command continues from the last checkpoint"
    )


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for the processes, which the launcher may add others to."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep what a library logs to itself; errors are raised anyway."""
    logger, handler = logging.getLogger(name), logging.NullHandler()
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = before
        logger.removeHandler(handler)
