"""The state of a fit, as tensors and plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from skdeepcluster._engine.backbones import Backbone
from skdeepcluster._engine.clustering import Clusterer, Clustering, Whitening
from skdeepcluster._engine.descent import Descent
from skdeepcluster._engine.epoch import Epoch
from skdeepcluster._engine.frozen import Features
from skdeepcluster._engine.images import Images
from skdeepcluster._engine.memory import Memory
from skdeepcluster._engine.objective import Objective

Value = TypeVar("Value")


@dataclass(frozen=True)
class State:
    """The state of a fit: tensors and JSON values, by name."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]

    def copied(self) -> State:
        """A copy, which does not change with the network."""
        tensors = {name: each.clone() for name, each in self.tensors.items()}
        return State(tensors, self.values)


class Loop(Protocol):
    """What has a state."""

    backbone: Backbone
    images: Images | Features
    memory: Memory
    clusterer: Clusterer
    objective: Objective
    descent: Descent


def state_of(loop: Loop, epoch: Epoch) -> State:
    """The state of a loop before, between or after the steps of an epoch.

    Tensors are those of the loop, and change with it.

    Attributes of an objective that are neither tensors nor plain values are named as
    ``unknown``, and stay as they are.
    """
    clustering, device = epoch.clustering, loop.images.device
    tensors = {
        "generator": torch.get_rng_state(),
        "labels": clustering.labels,
        "distances": clustering.distances,
        "centroids": clustering.centroids,
        "drawn": epoch.drawn,
        "total": epoch.total,
    }
    if device.type == "cuda":
        tensors["generator.cuda"] = torch.cuda.get_rng_state(device)
    if clustering.whitening is not None:
        tensors["whitening.mean"] = clustering.whitening.mean
        tensors["whitening.components"] = clustering.whitening.components
    if (rows := loop.memory.kept()) is not None:
        tensors["memory"] = rows
    for name, module in _modules(loop).items():
        for key, tensor in module.state_dict().items():
            tensors[f"{name}.{key}"] = tensor
    tensors |= {f"momentum.{n}": each for n, each in loop.descent.momenta().items()}
    parts = [_Kept.of(part) for part in loop.objective._parts()]
    for place, part in enumerate(parts):
        for name, tensor in part.tensors.items():
            tensors[f"objective.{place}.{name}"] = tensor.detach()
    values = {
        "number": epoch.number,
        "n_steps": epoch.n_steps,
        "seconds": epoch.seconds,
        "spread": clustering.spread,
        "n_halvings": loop.descent.n_halvings,
        "objectives": [part.values for part in parts],
        "unknown": [name for part in parts for name in part.unknown],
    }
    return State(tensors, values)


def restore(loop: Loop, state: State) -> Epoch:
    """Bring a loop to a state, and return the epoch that it is in.

    Raises
    ------
    KeyError, RuntimeError, TypeError, ValueError
        If the state does not belong to such a loop.
    """
    tensors, values, device = state.tensors, state.values, loop.images.device
    found = {
        name: tensors[name].to(device, copy=True)
        for name in ("labels", "distances", "centroids", "drawn", "total")
    }
    whitening = None
    if "whitening.mean" in tensors:
        whitening = Whitening(
            *(
                tensors[f"whitening.{name}"].to(device, copy=True)
                for name in ("mean", "components")
            )
        )
    clustering = Clustering(
        labels=found["labels"],
        distances=found["distances"],
        centroids=found["centroids"],
        whitening=whitening,
        spread=values["spread"],
    )
    number = values["number"]
    stage = loop.objective.stage(number, loop.descent.n_epochs)
    n_clusters = loop.clusterer.number(stage.n_clusters, len(loop.images))
    loop.descent.n_halvings = values["n_halvings"]
    loop.descent.enter(stage.objective, n_clusters, device)
    rate = loop.descent.set_rates(number, stage)
    for name, module in _modules(loop).items():
        module.load_state_dict(below(f"{name}.", tensors))
    loop.descent.set_momenta(
        {int(n): each for n, each in below("momentum.", tensors).items()}
    )
    rows = tensors.get("memory")
    loop.memory.put_back(None if rows is None else rows.to(device, copy=True))
    for place, part in enumerate(loop.objective._parts()):
        kept = _Kept.of(part)
        for name in [*kept.tensors, *kept.values]:
            delattr(part, name)
        for name, value in values["objectives"][place].items():
            setattr(part, name, value)
        for name, tensor in below(f"objective.{place}.", tensors).items():
            setattr(part, name, tensor.to(device, copy=True))
    # Last, because building a new head draws random weights.
    torch.set_rng_state(tensors["generator"].cpu())
    if device.type == "cuda" and "generator.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["generator.cuda"].cpu(), device)
    return Epoch(
        number=number,
        stage=stage,
        clustering=clustering,
        learning_rate=rate,
        drawn=found["drawn"],
        total=found["total"],
        n_steps=values["n_steps"],
        seconds=tuple(values["seconds"]),
    )


def _modules(loop: Loop) -> dict[str, nn.Module]:
    backbone = loop.backbone
    return {"body": backbone.body, "neck": backbone.neck, "head": loop.descent.head}


@dataclass(frozen=True)
class _Kept:
    """Attributes of an objective that end in an underscore."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]
    unknown: list[str]

    @classmethod
    def of(cls, objective: Objective) -> _Kept:
        kept = cls({}, {}, [])
        for name, value in vars(objective).items():
            if not name.endswith("_") or name.startswith("_"):
                continue
            if isinstance(value, Tensor):
                kept.tensors[name] = value
            elif value is None or isinstance(value, bool | int | float | str):
                kept.values[name] = value
            else:
                kept.unknown.append(f"{type(objective).__name__}.{name}")
        return kept


def below(prefix: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values whose names begin with `prefix`, by the rest of the name."""
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix)
    }
