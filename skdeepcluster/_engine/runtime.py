"""Device, precision, random state and torch's settings, all in one place."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import joblib
import torch
from torch.overrides import TorchFunctionMode

from skdeepcluster import _warnings
from skdeepcluster._engine.ranks import local_rank

log = logging.getLogger(__name__)

_SAY_AFTER = 10  # seconds of waiting for another thread

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def resolve_device(name: str | torch.device) -> torch.device:
    """The device that `name` asks for; ``"auto"`` is CUDA where there is one.

    Of several processes that torchrun started, each takes a GPU of its own.

    Raises
    ------
    ValueError
        If torch does not know the name, or this machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    number = local_rank()
    if name == "cuda" and number is not None and torch.cuda.is_available():
        name = f"cuda:{number % torch.cuda.device_count()}"
    try:
        # As on a tensor: which device "cuda" is may change later. It has to have a
        # value, which the device "meta" does not.
        tensor = torch.zeros(1, device=torch.device(name))
        tensor.item()
        return tensor.device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device={name!r} cannot be used on this machine ({first_line(error)}); "
            "device='auto' uses the best one available."
        ) from error


def device_or_cpu(name: str | torch.device) -> torch.device:
    """The device, or the CPU if this machine lacks it, for loaded models."""
    try:
        return resolve_device(name)
    except ValueError as error:
        _warnings.warn(_warnings.put_on_the_cpu(str(error)))
        return torch.device("cpu")


def resolve_precision(precision: str, device: torch.device) -> str:
    """``"auto"`` is bfloat16 if the hardware is built for its products."""
    if precision != "auto":
        return precision
    if device.type == "cpu":
        # Older torch cannot tell; float32 is right everywhere.
        if not hasattr(torch.cpu, "get_capabilities"):
            return "float32"
        can = torch.cpu.get_capabilities()
        built_for_it = bool(can.get("amx_bf16") or can.get("avx512_bf16"))
    elif device.type == "cuda":
        built_for_it = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        built_for_it = False
    return "bfloat16" if built_for_it else "float32"


def fits_on(device: torch.device, n_bytes: int) -> bool:
    """Whether a GPU has room for `n_bytes`, and three times that to work in."""
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return 4 * n_bytes <= free + cached


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Mixed precision for the network; a no-op in float32."""
    return torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"
    )


class _Shared:
    """What the sessions of a process share, in whichever thread they are."""

    def __init__(self) -> None:
        self.random = threading.RLock()
        """Held where torch's generators are seeded, which all threads share."""
        self._changing = threading.Lock()
        self._n_sessions = 0
        self._before: _Settings | None = None

    @contextmanager
    def settings(self) -> Iterator[None]:
        """Make the settings of a session; the last to end restores the caller's."""
        with self._changing:
            if self._before is None:
                self._before = _Settings.now()
            self._n_sessions += 1
            _Settings.of_sessions().make()
        try:
            yield
        finally:
            with self._changing:
                self._n_sessions -= 1
                if self._n_sessions == 0 and self._before is not None:
                    self._before.make()
                    self._before = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have torch's generators alone, once other threads have done with them."""
        if not self.random.acquire(timeout=_SAY_AFTER):
            log.warning(
                "Waiting for a fit in another thread of this process: both need "
                "torch's random numbers."
            )
            self.random.acquire()
        try:
            yield
        finally:
            self.random.release()


class _Settings(NamedTuple):
    """Settings of the whole process."""

    default_dtype: torch.dtype
    precisions: tuple[str, ...]

    @classmethod
    def of_sessions(cls) -> _Settings:
        """Float32 is the default, and means float32.

        Otherwise the assignment of an image to its nearest centroid would depend on
        settings made elsewhere in the process.
        """
        return cls(torch.float32, ("ieee",) * len(_products()))

    @classmethod
    def now(cls) -> _Settings:
        """Those that are made."""
        precisions = tuple(product.fp32_precision for product in _products())
        return cls(torch.get_default_dtype(), precisions)

    def make(self) -> None:
        """Make them."""
        torch.set_default_dtype(self.default_dtype)
        for product, precision in zip(_products(), self.precisions, strict=True):
            product.fp32_precision = "none"  # as is set for all of them
            if product.fp32_precision != precision:
                product.fp32_precision = precision


def _products() -> tuple[Any, ...]:  # untyped in torch
    return (
        torch.backends.mkldnn.matmul,  # type: ignore[attr-defined]
        torch.backends.mkldnn.conv,  # type: ignore[attr-defined]
        torch.backends.cuda.matmul,
        torch.backends.cudnn.conv,  # type: ignore[attr-defined]
    )


_shared = _Shared()


def _begin_anew() -> None:
    """Forget the threads of the process that this one was forked from."""
    global _shared
    _shared = _Shared()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


@contextmanager
def session(device: torch.device, seed: int | None = None) -> Iterator[None]:
    """Set up torch for the engine; the caller's settings are restored at the end.

    Parameters
    ----------
    device : torch.device
        The device that the session works on.
    seed : int or None
        Seeds torch's generators inside the session. None leaves them alone, for
        sessions without random numbers. Of several threads, one at a time has them.
    """
    with ExitStack() as stack:
        if device.type == "cpu":
            stack.enter_context(_within_quota())
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        # The cache of narrowed weights is only emptied on leaving the outermost
        # autocast, so within any other it would train on the weights of step one.
        stack.enter_context(
            torch.autocast(device.type, enabled=False, cache_enabled=False)
        )
        if seed is not None:
            stack.enter_context(_shared.alone())
            on_cuda = [device] if device.type == "cuda" else []
            stack.enter_context(torch.random.fork_rng(on_cuda))
            torch.default_generator.manual_seed(seed)  # torch's own would seed all GPUs
            if on_cuda:
                with torch.cuda.device(device):
                    torch.cuda.manual_seed(seed)
        stack.enter_context(_shared.settings())
        yield


@contextmanager
def _within_quota() -> Iterator[None]:
    """Limit threads to the container's quota of cores, which torch ignores.

    More threads would wait for one another whenever the container is paused for having
    used up its share of a tenth of a second.
    """
    n_threads = torch.get_num_threads()
    allowed = min(n_threads, joblib.cpu_count())
    if allowed == n_threads:
        yield
        return
    torch.set_num_threads(allowed)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


# All that PyTorch's own layers and torchvision's models come down to.
_DRAWN_BY_TENSORS = (torch.Tensor.normal_, torch.Tensor.uniform_)
_DRAWING = (
    torch.nn.init.normal_,
    torch.nn.init.uniform_,
    torch.nn.init.kaiming_uniform_,
)


class NothingDrawn(TorchFunctionMode):
    """Inside it, new layers draw no random weights, as these will be replaced.

    The meta device does the same, but makes PyTorch import a compiler, for seconds.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _DRAWING:
            return args[0] if args else kwargs["tensor"]
        if func in _DRAWN_BY_TENSORS:
            # Truncated distributions are drawn again until all values are in bounds.
            tensor, *given = args
            named = kwargs.get("mean", kwargs.get("from", 0.0))
            return tensor.fill_(given[0] if given else named)
        return func(*args, **kwargs)


def first_line(error: Exception) -> str:
    """The message of an error, without the traces that torch appends."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def clock(device: torch.device) -> float:
    """Seconds, once the device has finished its queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
