"""The processes that fit together, and what they tell each other."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

Value = TypeVar("Value")

_PATIENCE = timedelta(hours=1)  # for the others, who may still read their images


@dataclass(frozen=True)
class Share:
    """Some of `n` images, those that one process works on."""

    n: int
    rows: slice

    def __len__(self) -> int:
        return len(range(*self.rows.indices(self.n)))

    def rand(self, *before: int, device: torch.device) -> Tensor:
        r"""Random numbers in [0, 1), of shape (\*before, len(self)).

        They are drawn for all `n` images, so that all processes draw the same.
        """
        return torch.rand(*before, self.n, device=device)[..., self.rows]


@dataclass(frozen=True)
class Ranks:
    """The processes of one fit; a single one works alone, and nothing is sent.

    All must call the same methods in the same order. What they give is the same in all,
    to the last bit, unless it is said to differ.

    Parameters
    ----------
    rank : int
        The number of this process, from 0.
    size : int
        The number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that warns, reports and writes."""
        return self.rank == 0

    def share(self, n: int) -> Share:
        """Share `n` rows out: sizes differ by one at most."""
        first, end = (each * n // self.size for each in (self.rank, self.rank + 1))
        return Share(n, slice(first, end))

    def use(self, device: torch.device) -> None:
        """Let messages go by the GPU that this process works on."""
        if self.size > 1 and device.type == "cuda":
            torch.cuda.set_device(device)

    def part(self, batch: Tensor) -> Tensor:
        """Own part of a batch."""
        return batch[self.share(len(batch)).rows]

    def batches(self, n: int, batch_size: int) -> list[tuple[slice, Share]]:
        """Own rows of each batch of `n` rows, and which of the batch they are."""
        own = self.share(n).rows
        found = []
        for start in range(0, n, batch_size):
            stop = min(start + batch_size, n)
            first = min(max(start, own.start), stop)
            end = max(min(stop, own.stop), first)
            share = Share(stop - start, slice(first - start, end - start))
            found.append((slice(first, end), share))
        return found

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            with _understood():
                dist.all_reduce(values)
        return values

    def total(self, own: Tensor) -> int:
        """How many rows all processes have, of which `own` are one's share."""
        if self.size == 1:
            return len(own)
        return int(self.sum(torch.tensor(len(own), device=own.device)))

    def mean(self, own: Tensor) -> Tensor:
        """The mean of all rows, of which `own` are this process's."""
        if self.size == 1:
            return own.mean(0)
        return self.sum(own.sum(0)) / self.total(own)

    def from_first(self, values: Tensor) -> Tensor:
        """What the first process has, in place."""
        if self.size > 1:
            with _understood():
                dist.broadcast(values, src=0)
        return values

    def rows(self, own: Tensor, n: int) -> Tensor:
        """All `n` rows, of which `own` are the share of this process."""
        if self.size == 1:
            return own
        whole = own.new_zeros(n, *own.shape[1:])
        whole[self.share(n).rows] = own
        return self.sum(whole)

    def views(self, own: Tensor, n: int, n_views: int) -> Tensor:
        """Rows of a whole batch, view by view, from those of this process.

        Gradients flow to these. The rows of others are constants, so that gradients
        of a function of all rows add up over the processes to what it has alone.

        Parameters
        ----------
        own : Tensor of shape (n_views * n_own, n_features)
        n : int
            Number of images in the batch.
        n_views : int

        Returns
        -------
        Tensor of shape (n_views * n, n_features)
        """
        if self.size == 1:
            return own
        of_images = own.unflatten(0, (n_views, -1)).transpose(0, 1)
        whole = self.rows(of_images.detach(), n)
        mine = self.share(n).rows
        parts = [whole[: mine.start], of_images, whole[mine.stop :]]
        return torch.cat(parts).transpose(0, 1).flatten(0, 1)

    def picked(self, own: Tensor, index: Tensor, n: int) -> Tensor:
        """The rows with these numbers, of `n` of which `own` are this process's."""
        if self.size == 1:
            return own[index]
        mine = self.share(n).rows
        found = own.new_zeros(len(index), *own.shape[1:])
        is_mine = (index >= mine.start) & (index < mine.stop)
        found[is_mine] = own[index[is_mine] - mine.start]
        return self.sum(found)

    def to_first(self, own: Tensor, n: int) -> Tensor | None:
        """All `n` rows in the first process, and None in the others."""
        if self.size == 1:
            return own
        most = -(-n // self.size)
        padded = own.new_zeros(most, *own.shape[1:])
        padded[: len(own)] = own
        found = None
        if self.is_first:
            found = [torch.empty_like(padded) for _ in range(self.size)]
        with _understood():
            dist.gather(padded, found, dst=0)
        if found is None:
            return None
        lengths = [len(Ranks(rank, self.size).share(n)) for rank in range(self.size)]
        return torch.cat([each[:m] for each, m in zip(found, lengths, strict=True)])

    def like_first(self, network: nn.Module) -> None:
        """Give a network the weights that it has in the first process."""
        with torch.no_grad():
            for each in network.state_dict().values() if self.size > 1 else ():
                each.copy_(self.from_first(each.contiguous()))

    def told(self, value: Value) -> Value:
        """The value that the first process has; it is pickled."""
        if self.size == 1:
            return value
        values = [value]
        with _understood():
            dist.broadcast_object_list(values, src=0)
        return values[0]

    def any(self, flag: bool) -> bool:
        """Whether it holds in any process."""
        if self.size == 1:
            return flag
        return bool(self.sum(torch.tensor(int(flag), device=_of_flags())))

    def agree(self, value: object) -> bool:
        """Whether all have the same value; it is pickled."""
        if self.size == 1:
            return True
        values: list[object] = [None] * self.size
        with _understood():
            dist.all_gather_object(values, value)
        return all(each == values[0] for each in values)

    def check_random_state(self, device: torch.device) -> None:
        """Raise RuntimeError if processes have drawn different random numbers."""
        if self.size == 1:
            return
        states = [torch.get_rng_state()]
        if device.type == "cuda":
            states.append(torch.cuda.get_rng_state(device))
        if not self.agree([state.numpy().tobytes() for state in states]):
            raise RuntimeError(
                "The processes of this fit have drawn different numbers of random "
                "numbers, so that they no longer learn the same: something in the "
                "objective or the sampler draws as many as a process has images, or "
                "their GPUs are of different kinds."
            )

    @contextmanager
    def by_itself(self, device: torch.device, *where: int) -> Iterator[None]:
        """Random numbers of this process alone, as dropout draws them.

        Those that all have in common go on afterwards as if nothing had been drawn.

        Parameters
        ----------
        device : torch.device
        *where : int
            Numbers that are different each time.
        """
        if self.size == 1:
            yield
            return
        seed = hash((torch.initial_seed(), self.rank, *where)) % 2**63
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.default_generator.manual_seed(seed)
            if device.type == "cuda":
                with torch.cuda.device(device):
                    torch.cuda.manual_seed(seed)
            yield


ALONE = Ranks()


class OtherProcessError(RuntimeError):
    """Another process of a fit has ended or does not answer."""


def together() -> Ranks:
    """The processes that this one fits with.

    It works alone unless a process group exists, or torchrun started it together with
    others. It also works alone in a worker of joblib, which inherits the variables of
    torchrun, and in a thread.
    """
    if not dist.is_available() or _is_worker():
        return ALONE
    if not dist.is_initialized():
        if not _started_by_torchrun():
            return ALONE
        with _understood():
            _meet()
        atexit.register(_leave)
    return Ranks(dist.get_rank(), dist.get_world_size())


def local_rank() -> int | None:
    """The number of this process on its machine, if torchrun gave one.

    It does not wait for the others, as `together` may do.
    """
    number = os.environ.get("LOCAL_RANK", "")
    is_known = number.isdecimal() and dist.is_available() and not _is_worker()
    if is_known and (dist.is_initialized() or _started_by_torchrun()):
        return int(number)
    return None


def _started_by_torchrun() -> bool:
    size = os.environ.get("WORLD_SIZE", "")
    is_large = size.isdecimal() and int(size) > 1
    # The worker of something that torchrun started has the same variables.
    is_child = multiprocessing.parent_process() is not None
    needed = {"RANK", "MASTER_ADDR", "MASTER_PORT"}
    return is_large and not is_child and needed <= os.environ.keys()


def _is_worker() -> bool:
    """Whether this is a forked worker or a thread of joblib."""
    is_main = threading.current_thread() is threading.main_thread()
    return not is_main or multiprocessing.current_process().daemon


def _meet() -> None:
    """Make a process group of all that torchrun started."""
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    store, rank, size = next(rendezvous("env://", timeout=_PATIENCE))
    # After a restart, the store has the addresses of those that were before
    # (pytorch/pytorch#135712). Only on one machine do all count restarts alike.
    if os.environ.get("GROUP_WORLD_SIZE") == "1":
        count = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        store = PrefixStore(f"restart {count}", store)
    join(store, rank, size)


def join(store: Store, rank: int, size: int) -> None:
    """Make a process group of those who share a store."""
    # Imported later, as by torch's compiler, functions in there have the group as the
    # default of a parameter. It then outlives destroy_process_group, and its threads
    # may abort the process at its end.
    import torch.distributed.nn

    on_gpu = torch.cuda.is_available() and dist.is_nccl_available()
    backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
    dist.init_process_group(
        backend, store=store, rank=rank, world_size=size, timeout=_PATIENCE
    )


def _of_flags() -> torch.device:
    """A device whose tensors the group can send."""
    if torch.cuda.is_available() and "cpu:" not in dist.get_backend_config():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


@contextmanager
def _understood() -> Iterator[None]:
    """Say what it means if another process does not answer."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # with the addresses of others in its text
        raise OtherProcessError(
            "Another process of this fit has ended or does not answer, so that this "
            "one cannot go on; its own error says why. With a checkpoint, the same "
            "command continues from there."
        ) from error
