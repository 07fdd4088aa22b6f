"""A model and JSON as one safetensors file: tensors, and JSON in the header."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from skdeepcluster._engine import backbones, pretrained, runtime
from skdeepcluster._engine.backbones import Architecture
from skdeepcluster._engine.clustering import Whitening
from skdeepcluster._engine.images import Inputs
from skdeepcluster._engine.model import Model
from skdeepcluster._engine.novelty import Novelty
from skdeepcluster._engine.state import below
from skdeepcluster._files import replacing
from skdeepcluster._validation import MAX_SIDE

FORMAT = "skdeepcluster"
VERSION = 3
PROBED = 224
"""Pixels a side from which on all sizes make the same network."""
DAMAGED = (KeyError, TypeError, ValueError, RuntimeError, AttributeError)


class Stored(NamedTuple):
    """What a model file holds."""

    model: Model
    """On the CPU."""
    arrays: dict[str, NDArray[Any]]
    """All arrays except those of the model."""
    document: dict[str, Any]
    """What was written as JSON."""


def write(
    path: str | os.PathLike[str],
    model: Model,
    arrays: Mapping[str, NDArray[Any]],
    document: Mapping[str, Any],
) -> None:
    """Write the file; an existing one is replaced once the new one is complete.

    Parameters
    ----------
    path : str or path
        The file.
    model : Model
        With a named backbone.
    arrays : mapping of str to ndarray
        Stored beside those of the model; no name begins with "model.".
    document : mapping of str to object
        Anything that JSON can hold.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    tensors = {name: torch.tensor(array) for name, array in arrays.items()}
    tensors |= {f"model.{name}": tensor for name, tensor in _tensors(model).items()}
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    inputs = model.inputs
    described = {
        "architecture": asdict(model.architecture),
        "shape": inputs.shape,
        "size": inputs.size,
        "standardize": inputs.standardize,
        "precision": model.precision,
        "novelty": {"spread": model.novelty.spread, "limits": model.novelty.limits},
    }
    header = {"format": FORMAT, "version": str(VERSION)}
    header["model"] = json.dumps(described, default=np.generic.item)
    header["document"] = json.dumps(document, default=np.generic.item)
    with replacing(path) as unfinished:
        try:
            save_file(tensors, unfinished, metadata=header)
        except SafetensorError as error:
            raise OSError(f"{path} could not be written ({error}).") from error


def read(path: str | os.PathLike[str]) -> Stored:
    """Read what :func:`write` wrote; nothing in it is executed.

    Raises
    ------
    ValueError
        If the file is not a model, is damaged, or has another version.
    OSError
        If it cannot be read.
    """
    try:
        with safe_open(os.fspath(path), framework="pt") as file:
            header = file.metadata() or {}
            _check_format(header, path)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a skdeepcluster model, or is damaged ({error})."
        ) from error
    try:
        document = json.loads(header["document"])
        model = _rebuild(json.loads(header["model"]), below("model.", tensors))
        arrays = {
            name: tensor.numpy()
            for name, tensor in tensors.items()
            if not name.startswith("model.")
        }
    except torch.OutOfMemoryError:
        raise
    except DAMAGED as error:
        raise damaged(path, error) from error
    return Stored(model, arrays, document)


def damaged(path: str | os.PathLike[str], error: Exception) -> ValueError:
    """The error for a file with unexpected contents."""
    reason = runtime.first_line(error)
    return ValueError(
        f"{path} is a damaged skdeepcluster model ({reason}); save it again."
    )


def _tensors(model: Model) -> dict[str, Tensor]:
    found = {
        "centroids": torch.tensor(model.centroids),
        "novelty.directions": torch.tensor(model.novelty.directions),
        "novelty.weights": torch.tensor(model.novelty.weights),
        "novelty.scales": torch.tensor(model.novelty.scales),
    }
    if model.inputs.mean is not None and model.inputs.std is not None:
        found["pixel_mean"] = torch.tensor(model.inputs.mean)
        found["pixel_std"] = torch.tensor(model.inputs.std)
    if model.whitening is not None:
        found["whitening.mean"] = model.whitening.mean
        found["whitening.components"] = model.whitening.components
    for name, tensor in model.network.state_dict().items():
        found[f"network.{name}"] = tensor
    return found


def _check_format(header: dict[str, str], path: str | os.PathLike[str]) -> None:
    if header.get("format") != FORMAT:
        raise ValueError(
            f"{path} is not a skdeepcluster model; use a file that "
            "DeepClusterCategorizer.save wrote."
        )
    version = header.get("version")
    if version == str(VERSION):
        return
    if version in ("1", "2"):
        raise ValueError(
            f"{path} has format version {version}, from before the first release, "
            "which is no longer supported: fit again, with skdeepcluster categorize or "
            "DeepClusterCategorizer.fit, and save."
        )
    raise ValueError(
        f"{path} has format version {version!r}, but this skdeepcluster reads version "
        f"{VERSION}; install a newer skdeepcluster."
    )


def _rebuild(described: dict[str, Any], tensors: dict[str, Tensor]) -> Model:
    for name, tensor in tensors.items():
        if tensor.is_complex() or not tensor.float().isfinite().all():
            raise ValueError(f"{name} has values that are not finite numbers")
    architecture = Architecture(**described["architecture"])
    is_ours = not pretrained.is_name(architecture.backbone)
    if is_ours and architecture.backbone not in backbones.NAMES:
        raise ValueError(f"there is no backbone {architecture.backbone!r}")
    if architecture.embedding_layer not in backbones.LAYERS:
        raise ValueError(f"there is no layer {architecture.embedding_layer!r}")
    if described["precision"] not in runtime.PRECISIONS:
        raise ValueError(f"there is no precision {described['precision']!r}")
    inputs = _inputs(described, tensors)
    # Building it embeds a blank image, for which a large size would take gigabytes.
    size = (PROBED, PROBED) if is_ours and min(inputs.size) > PROBED else inputs.size
    with runtime.NothingDrawn():
        backbone = architecture.build(replace(inputs, size=size))
    backbone.body.load_state_dict(below("network.", tensors), assign=True)
    backbone.body.float()
    backbone.neck = nn.Identity()  # the classifier's, not needed to predict
    backbone.to(torch.device("cpu"))

    whitening, n_features = None, backbone.n_features
    if "whitening.mean" in tensors:
        mean, components = tensors["whitening.mean"], tensors["whitening.components"]
        if (*mean.shape, *components.shape[1:]) != (n_features, n_features):
            raise ValueError("the whitening does not fit the network")
        if not mean.dtype == components.dtype == torch.float32:
            raise ValueError("the whitening is not float32")
        whitening, n_features = Whitening(mean, components), len(components)
    centroids = tensors["centroids"]
    if centroids.shape != (max(1, len(centroids)), n_features):
        raise ValueError("the centroids do not fit the network")
    if centroids.dtype != torch.float32:
        raise ValueError("the centroids are not float32")
    if (centroids.norm(dim=1) > 1.01).any():  # of means of vectors of length 1
        raise ValueError("the centroids are too far from the embeddings")
    return Model(
        network=backbone.body.eval().requires_grad_(False),
        architecture=architecture,
        inputs=inputs,
        whitening=whitening,
        centroids=centroids.numpy(),
        novelty=_novelty(described, tensors, centroids),
        precision=described["precision"],
        device=torch.device("cpu"),
    )


def _novelty(
    described: dict[str, Any], tensors: dict[str, Tensor], centroids: Tensor
) -> Novelty:
    n_clusters, n_features = centroids.shape
    directions = tensors["novelty.directions"]
    weights, scales = tensors["novelty.weights"], tensors["novelty.scales"]
    if directions.shape != (min(len(directions), n_features), n_features):
        raise ValueError("the directions of novelty do not fit the network")
    if weights.shape != directions.shape[:1]:
        raise ValueError("the weights of novelty do not fit its directions")
    if scales.shape != (n_clusters,):
        raise ValueError("the scales of novelty do not fit the centroids")
    if not directions.dtype == weights.dtype == scales.dtype == torch.float32:
        raise ValueError("directions, weights or scales of novelty are not float32")
    if (directions.norm(dim=1) > 1.01).any():
        raise ValueError("the directions of novelty are longer than 1")
    if (weights < 0).any() or (weights > 1).any():
        raise ValueError("the weights of novelty are not between 0 and 1")
    if (scales <= 0).any():
        raise ValueError("the scales of novelty are not above 0")
    spread, limits = described["novelty"]["spread"], described["novelty"]["limits"]
    distances = (spread, *limits)
    if len(limits) != 2 or not all(
        type(each) is float and 0 < each < math.inf for each in distances
    ):
        raise ValueError(f"novelty cannot have the distances {distances!r:.50}")
    return Novelty(
        directions=directions.numpy(),
        weights=weights.numpy(),
        scales=scales.numpy(),
        spread=spread,
        limits=(limits[0], limits[1]),
    )


def _inputs(described: dict[str, Any], tensors: dict[str, Tensor]) -> Inputs:
    shape, size = tuple(described["shape"]), tuple(described["size"])
    sides = (*shape, *size)
    whole = all(type(side) is int and side > 0 for side in sides)
    if not whole or len(shape) not in (1, 3) or len(size) != 2:
        raise ValueError(f"images of shape {shape} cannot be resized to {size}")
    # Feature vectors are pictures of few rows, as wide as they are long.
    is_wide = len(shape) == 3 and max(size) > MAX_SIDE
    if is_wide or math.prod(size) > MAX_SIDE**2:
        raise ValueError(
            f"it resizes images to {size}; {MAX_SIDE:,} a side is the most"
        )
    standardize = described["standardize"]
    if standardize not in (None, "image", "dataset"):
        raise ValueError(f"pixels cannot be standardised over {standardize!r}")
    if standardize != "dataset":
        return Inputs(shape, size, standardize)
    mean, std = tensors["pixel_mean"].numpy(), tensors["pixel_std"].numpy()
    if not mean.shape == std.shape == shape[-1:]:
        raise ValueError("mean and spread of the pixels do not fit the images")
    if not mean.dtype == std.dtype == np.float64 or (std < 0).any():  # 0 if blank
        raise ValueError("the spread of the pixels is below 0, or is not float64")
    return Inputs(shape, size, standardize, mean, std)
