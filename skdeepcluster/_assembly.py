"""From the estimator's parameters to the loop and its parts."""

from __future__ import annotations

import functools
import math
from numbers import Integral
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from sklearn.base import clone

from skdeepcluster._engine import backbones, clustering, descent, memory, runtime
from skdeepcluster._engine.alternation import Alternation
from skdeepcluster._engine.augment import Views, random_views
from skdeepcluster._engine.embedding import View, embed
from skdeepcluster._engine.images import Inputs
from skdeepcluster._engine.sampling import SAMPLERS
from skdeepcluster._image_size import seen_at
from skdeepcluster._parameters import part_of
from skdeepcluster._pixels import pixel_statistics

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

# With n_epochs="auto": epochs of some 3,000 images, the steps that they make, and the
# fewest epochs of many more.
_EPOCHS, _STEPS, _FEWEST = 20, 470, 8


def inputs_of(
    est: DeepClusterCategorizer, rows: NDArray[Any], shape: tuple[int, ...]
) -> Inputs:
    """How images of that shape enter the network."""
    standardize: str | None = "dataset"  # always, of feature vectors
    height, width = 1, shape[0]
    if len(shape) == 3:
        height, width, standardize = shape[0], shape[1], est.standardize
        if est.image_size == "auto":
            height = width = seen_at(height, width)
        elif isinstance(est.image_size, Integral):
            height = width = int(est.image_size)
    least = backbones.minimum_size(est.backbone)
    size = max(height, least), max(width, least)
    of_set = pixel_statistics(rows, shape) if standardize == "dataset" else ()
    return Inputs(shape, size, standardize, *of_set)


def view_of(est: DeepClusterCategorizer, inputs: Inputs) -> View | None:
    """The function that draws a random view of each image of a batch."""
    if est.augmentation is False or len(inputs.shape) == 1:
        return None
    ranges = part_of(est, "augmentation").get_params()
    return functools.partial(random_views, **ranges)


def architecture_of(est: DeepClusterCategorizer) -> backbones.Architecture:
    """What the backbone is built from."""
    return backbones.Architecture(
        est.backbone, est.embedding_layer, est.projection, est.sobel
    )


def n_epochs_of(est: DeepClusterCategorizer, n_images: int) -> int:
    """Number of epochs for a set of `n_images` images.

    With ``"auto"``, few images make the same number of steps however few they are, and
    of many the steps grow with the square root of their number.
    """
    if isinstance(est.n_epochs, Integral):
        return int(est.n_epochs)
    n_steps = descent.n_batches(n_images, est.batch_size)  # an epoch
    if _EPOCHS * n_steps <= _STEPS:
        return math.ceil(_STEPS / n_steps)
    return max(_FEWEST, round(math.sqrt(_EPOCHS * _STEPS / n_steps)))


def alternation_of(
    est: DeepClusterCategorizer,
    rows: NDArray[Any],
    inputs: Inputs,
    device: torch.device,
) -> Alternation:
    """The loop that the parameters ask for."""
    precision = runtime.resolve_precision(est.precision, device)
    backbone = architecture_of(est).build(inputs, est.weights)
    backbone.to(device)
    images = inputs.images(rows, device, resident=True)
    view = view_of(est, inputs)
    embed_all = functools.partial(
        embed,
        backbone.body,
        images,
        batch_size=est.batch_size,
        precision=precision,
    )
    return Alternation(
        backbone=backbone,
        images=images,
        views=Views(view, est.n_views),
        embed=embed_all,
        memory=memory.MEMORIES[est.cluster_on](embed_all, view),
        clusterer=clustering.Clusterer(
            est.n_clusters,
            est.kmeans_n_iter,
            est.pca_components,
            clustering.INITS[est.final_init],
        ),
        objective=clone(part_of(est, "objective")),
        sampler=SAMPLERS[est.sampling],
        descent=descent.Descent(
            backbone,
            n_epochs=n_epochs_of(est, len(rows)),
            batch_size=est.batch_size,
            learning_rate=est.learning_rate,
            momentum=est.momentum,
            weight_decay=est.weight_decay,
            schedule=descent.SCHEDULES[est.lr_schedule],
            warmup_epochs=est.warmup_epochs,
        ),
        precision=precision,
    )
