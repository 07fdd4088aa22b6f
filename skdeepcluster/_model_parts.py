"""A model from the parts that a file holds, each of them checked."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skdeepcluster._engine import backbones, pretrained, runtime
from skdeepcluster._engine.backbones import Architecture
from skdeepcluster._engine.clustering import Whitening
from skdeepcluster._engine.images import Inputs
from skdeepcluster._engine.model import Model
from skdeepcluster._engine.novelty import Novelty
from skdeepcluster._engine.state import below
from skdeepcluster._rules import check_names
from skdeepcluster._validation import MAX_SIDE

PROBED = 224
"""Pixels a side from which on all sizes make the same network."""
_MODEL = ("architecture", "shape", "size", "standardize", "precision", "novelty")
_NOVELTY = ("directions", "weights", "scales")
_WHITENING = ("mean", "components")


def rebuild(described: dict[str, Any], tensors: dict[str, Tensor]) -> Model:
    """The model that a file describes, on the CPU.

    Raises
    ------
    LookupError, TypeError, ValueError, RuntimeError, AttributeError
        If it cannot be one that was written.
    """
    check_names(described, _MODEL, "property of a model")
    for name, tensor in tensors.items():
        if tensor.is_complex() or not tensor.float().isfinite().all():
            raise ValueError(f"{name!r:.80} has values that are not finite numbers")
    known = ["centroids", *(f"novelty.{name}" for name in _NOVELTY)]
    if described["standardize"] == "dataset":
        known += ["pixel_mean", "pixel_std"]
    if "whitening.mean" in tensors:
        known += [f"whitening.{name}" for name in _WHITENING]
    others = [name for name in tensors if not name.startswith("network.")]
    check_names(others, known, "tensor")
    architecture = _architecture(described["architecture"], tensors)
    is_ours = not pretrained.is_name(architecture.backbone)
    if described["precision"] not in list(runtime.PRECISIONS):
        raise ValueError(f"there is no precision {described['precision']!r}")
    inputs = _inputs(described, tensors)
    # Building it embeds a blank image, for which a large size would take gigabytes.
    size = inputs.size
    if is_ours:
        size = min(size[0], 7 * PROBED), min(size[1], 7 * PROBED)
        size = (PROBED, PROBED) if min(size) > PROBED else size
    with runtime.NothingDrawn():
        backbone = architecture.build(replace(inputs, size=size))
    backbone.body.float()
    weights = below("network.", tensors)
    _check_weights(weights, backbone.body.state_dict())
    backbone.body.load_state_dict(weights, assign=True)
    backbone.neck = nn.Identity()  # the classifier's, not needed to predict
    backbone.to(torch.device("cpu"))

    whitening, n_features = None, backbone.n_features
    if "whitening.mean" in tensors:
        mean, components = tensors["whitening.mean"], tensors["whitening.components"]
        few = 1 <= len(components) <= n_features
        if not few or (*mean.shape, *components.shape[1:]) != (n_features, n_features):
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


def _architecture(found: dict[str, Any], tensors: dict[str, Tensor]) -> Architecture:
    architecture = Architecture(**found)
    name, projection = architecture.backbone, architecture.projection
    if not pretrained.is_name(name) and name not in backbones.NAMES:
        raise ValueError(f"there is no backbone {name!r:.50}")
    if architecture.embedding_layer not in backbones.LAYERS:
        raise ValueError(f"there is no layer {architecture.embedding_layer!r:.50}")
    if type(architecture.sobel) is not bool:
        raise ValueError(f"sobel cannot be {architecture.sobel!r:.50}")
    # Before a network is built that would take all memory.
    embedded = tensors.get("whitening.mean", tensors["centroids"])
    if projection is not None and (
        type(projection) is not int or projection != embedded.shape[-1]
    ):
        raise ValueError(f"projection={projection!r:.50} does not fit the centroids")
    return architecture


def _check_weights(given: dict[str, Tensor], own: dict[str, Tensor]) -> None:
    """Raise ValueError unless they are those of such a network."""
    check_names(given, own, "weight")
    for name, tensor in own.items():
        found, needed = given[name], (tensor.dtype, *tensor.shape)
        if (found.dtype, *found.shape) != needed:
            raise ValueError(
                f"{name} is {found.dtype} of shape {tuple(found.shape)}, and has to be "
                f"{tensor.dtype} of shape {tuple(tensor.shape)}"
            )


def _novelty(
    described: dict[str, Any], tensors: dict[str, Tensor], centroids: Tensor
) -> Novelty:
    check_names(described["novelty"], ("spread", "limits"), "property of novelty")
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
    are_floats = all(type(each) is float and 0 < each < math.inf for each in distances)
    if not are_floats or len(limits) != 2 or limits[0] > limits[1]:
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
    is_image = len(shape) == 3 and shape[2] in (1, 3)
    if not whole or not (len(shape) == 1 or is_image) or len(size) != 2:
        raise ValueError(f"images of shape {shape} cannot be resized to {size}")
    # Feature vectors are pictures of few rows, as wide as they are long.
    is_wide = is_image and max(size) > MAX_SIDE
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
