"""Networks of torchvision."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from skdeepcluster._engine.settings import Settings, unknown
from skdeepcluster._engine.weights import check_taken

_CLASSIFIERS = ("classifier", "fc", "heads", "head")  # as its networks call theirs
_AUXILIARY = ("AuxLogits", "aux1", "aux2")  # classifiers that only help to train
# The published weights of DenseNets have older names.
_OLD_NAMES = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")


def settings_of(name: str) -> Settings:
    """What a network asks of its images.

    Parameters
    ----------
    name : str
        Of an architecture that classifies images.

    Raises
    ------
    ValueError
        If torchvision has no such network.
    """
    import torchvision

    models = torchvision.models
    known = models.list_models(module=models)
    if name not in known:
        raise unknown("torchvision", name, known)
    transform = models.get_model_weights(name).DEFAULT.transforms()
    (side,) = transform.crop_size
    return Settings(
        size=(side, side),
        channels=3,
        mean=tuple(transform.mean),
        std=tuple(transform.std),
        library=f"torchvision {torchvision.__version__}",
        licence=None,
    )


def network_of(
    name: str, size: tuple[int, int], weights: Mapping[str, Tensor] | None
) -> tuple[nn.Module, int]:
    """A network without its classifier, and the number of its features.

    Parameters
    ----------
    name : str
        As of `settings_of`.
    size : (int, int)
        Height and width of images.
    weights : mapping or None
        None draws random ones.

    Raises
    ------
    ValueError
        If the weights are not those of the network.
    """
    from torchvision import models

    builder = models.get_model_builder(name)
    options: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        # As torchvision does for its own weights, which were trained on other values.
        options = {"transform_input": True, "init_weights": False, "aux_logits": False}
    model = builder(weights=None, **options)
    place, last = _classifier(model)
    n_features = last.in_channels if isinstance(last, nn.Conv2d) else last.in_features
    parent, _, attribute = place.rpartition(".")
    setattr(model.get_submodule(parent), attribute, nn.Identity())
    if weights is not None:
        _load(name, model, place, weights)
    return model, n_features


def _classifier(model: nn.Module) -> tuple[str, Any]:
    """The last layer that has weights, and its name."""
    layers = [
        (name, layer)
        for name, layer in model.named_modules()
        if name.partition(".")[0] in _CLASSIFIERS
        and isinstance(layer, nn.Linear | nn.Conv2d)
    ]
    return layers[-1]


def _load(
    name: str, model: nn.Module, classifier: str, weights: Mapping[str, Tensor]
) -> None:
    left_out = (f"{classifier}.", *(f"{each}." for each in _AUXILIARY))
    given = {
        _OLD_NAMES.sub(r"\1\2", key): tensor
        for key, tensor in weights.items()
        if not key.startswith(left_out)
    }
    wanted = model.state_dict()
    check_taken(
        f"torchvision:{name}",
        len(wanted),
        missing=[
            key
            for key in wanted.keys() - given.keys()
            if not key.endswith("num_batches_tracked")  # older files have none
        ],
        unexpected=[key for key in given if key not in wanted],
        misshapen=[
            key
            for key in wanted.keys() & given.keys()
            if wanted[key].shape != given[key].shape
        ],
    )
    model.load_state_dict(given)
