"""How the network is trained: optimiser, batches and learning rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from skdeepcluster._engine.backbones import Backbone
from skdeepcluster._engine.batch_norm import over_all_ranks
from skdeepcluster._engine.objective import Objective, Stage
from skdeepcluster._engine.ranks import ALONE, Ranks

Schedule = Callable[[float], float]


def constant(done: float) -> float:
    """The whole rate, however much is done."""
    return 1.0


def cosine(done: float) -> float:
    """Half a cosine, from the whole rate to none, over the share that is done."""
    return (1 + math.cos(math.pi * done)) / 2


SCHEDULES: dict[str, Schedule] = {"constant": constant, "cosine": cosine}


def n_batches(n_images: int, batch_size: int) -> int:
    """Number of steps an epoch: as many as none is too large, or of one image."""
    return max(1, min(math.ceil(n_images / batch_size), n_images // 2))


class Descent:
    """Stochastic gradient descent on a backbone and the head of an objective.

    Parameters
    ----------
    backbone : Backbone
    n_epochs : int
        Number of epochs that the schedule spans.
    batch_size : int
        Largest number of images a step, but for batches of 3.
    learning_rate, momentum, weight_decay : float
        Of SGD.
    schedule : callable
        Share of the epochs done, warm-up left out → factor on the learning rate.
    warmup_epochs : int
        Number of epochs at first in which the rate rises linearly.
    ranks : Ranks
        Their gradients add up.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        n_epochs: int,
        batch_size: int,
        learning_rate: float,
        momentum: float,
        weight_decay: float,
        schedule: Schedule,
        warmup_epochs: int,
        ranks: Ranks = ALONE,
    ) -> None:
        self.backbone = backbone
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.schedule = schedule
        self.warmup_epochs = warmup_epochs
        self.ranks = ranks
        self.optimizer = torch.optim.SGD(
            # A group, for it may be empty, as of pixels that are only flattened.
            [{"params": nn.ModuleList([backbone.body, backbone.neck]).parameters()}],
            learning_rate,
            momentum,
            weight_decay=weight_decay,
            fused=True,  # one pass over the weights, not four
        )
        self.n_halvings = 0  # of the learning rate, where learning diverged
        self.head: nn.Module = nn.Identity()
        self._built_for: tuple[Objective, int] | None = None

    def enter(
        self, objective: Objective, n_clusters: int, device: torch.device
    ) -> None:
        """Build the head of an objective, unless it is that of the epoch before."""
        if self._built_for is not None:
            before, n_before = self._built_for
            same_size = n_clusters == n_before or not objective.learns_clusters
            if objective is before and same_size:
                return
        self._forget()
        del self.optimizer.param_groups[1:]
        self.head = objective.build(self.backbone.n_features, n_clusters).to(device)
        over_all_ranks(self.head, self.ranks)
        if parameters := list(self.head.parameters()):
            momentum = objective.momentum
            momentum = self.momentum if momentum is None else momentum
            self.optimizer.add_param_group({"params": parameters, "momentum": momentum})
        self._built_for = objective, n_clusters

    def begin(self, epoch: int, stage: Stage, centroids: Tensor) -> float:
        """Begin an epoch, and give the backbone's learning rate in it."""
        objective = stage.objective
        objective.begin(self.head, centroids)
        if objective.begins_anew:
            self._forget()
        return self.set_rates(epoch, stage)

    def set_rates(self, epoch: int, stage: Stage) -> float:
        """Set the learning rates of an epoch, and give the backbone's."""
        halved = 0.5**self.n_halvings
        rate = self.rate(epoch, stage.epochs) * stage.rate_factor * halved
        initial = self.learning_rate * halved
        backbone, *heads = self.optimizer.param_groups
        backbone["lr"] = rate
        for head in heads:
            head["lr"] = stage.objective.learning_rate(initial, rate)
        return rate

    def momenta(self) -> dict[int, Tensor]:
        """The momentum of each parameter that has one, by its place."""
        states = [self.optimizer.state.get(each, {}) for each in self._parameters()]
        buffers = [state.get("momentum_buffer") for state in states]
        return {n: each for n, each in enumerate(buffers) if each is not None}

    def set_momenta(self, momenta: Mapping[int, Tensor]) -> None:
        """Give the parameters the momentum that others had."""
        self.optimizer.state.clear()
        parameters = self._parameters()
        for n, momentum in momenta.items():
            if momentum.shape != parameters[n].shape:
                raise ValueError("a momentum does not fit its parameter")
            # As the parameter lies in memory, and not as what is copied.
            buffer = torch.empty_like(parameters[n]).copy_(momentum)
            self.optimizer.state[parameters[n]]["momentum_buffer"] = buffer.detach()

    def _parameters(self) -> list[Tensor]:
        groups = self.optimizer.param_groups
        return [parameter for group in groups for parameter in group["params"]]

    def rate(self, epoch: int, epochs: tuple[int, int] | None = None) -> float:
        """The learning rate after warm-up and schedule, which runs over `epochs`."""
        if epoch < self.warmup_epochs:
            return self.learning_rate * (epoch + 1) / (self.warmup_epochs + 1)
        first, end = epochs or (0, self.n_epochs)
        first = max(first, self.warmup_epochs)
        return self.learning_rate * self.schedule((epoch - first) / (end - first))

    def batches(self, drawn: Tensor) -> Sequence[Tensor]:
        """Batches of equal size, none of one image: batch norm cannot take that."""
        return drawn.tensor_split(n_batches(len(drawn), self.batch_size))

    def step(self, loss: Tensor) -> None:
        """Go down the gradient of a loss."""
        if not loss.requires_grad:
            raise ValueError(
                "There is nothing to learn: no weight of the backbone may change; set "
                "n_epochs=0, or let some of them learn."
            )
        self.optimizer.zero_grad()
        loss.backward()
        self._add_up()
        self.optimizer.step()

    def _add_up(self) -> None:
        """Add the gradients of all processes, in one message."""
        if self.ranks.size == 1:
            return
        gradients = [each.grad for each in self._parameters() if each.grad is not None]
        flat = self.ranks.sum(torch.cat([each.flatten() for each in gradients]))
        totals = flat.split([each.numel() for each in gradients])
        for gradient, total in zip(gradients, totals, strict=True):
            gradient.copy_(total.view_as(gradient))

    def _forget(self) -> None:
        """Drop the momentum of the head."""
        for parameter in self.head.parameters():
            self.optimizer.state.pop(parameter, None)
