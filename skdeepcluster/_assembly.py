"""From the estimator's parameters to the loop and its parts."""

from __future__ import annotations

import functools
import math
from numbers import Integral
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from sklearn.base import clone

from skdeepcluster._engine import (
    backbones,
    clustering,
    descent,
    memory,
    pretrained,
    runtime,
)
from skdeepcluster._engine.alternation import Alternation
from skdeepcluster._engine.augment import View, Views, random_views
from skdeepcluster._engine.batch_norm import over_all_ranks
from skdeepcluster._engine.embedding import embed
from skdeepcluster._engine.frozen import Features, HeadPass, KeptViews
from skdeepcluster._engine.images import Images, Inputs
from skdeepcluster._engine.ranks import ALONE, Ranks
from skdeepcluster._engine.sampling import SAMPLERS
from skdeepcluster._image_size import seen_at
from skdeepcluster._parameters import part_of
from skdeepcluster._pixels import pixel_statistics
from skdeepcluster._pretrained import Pretrained
from skdeepcluster._validation import MAX_SIDE

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

# With n_epochs="auto": epochs of some 3,000 images, the steps that they make, and the
# fewest epochs of many more.
_EPOCHS, _STEPS, _FEWEST = 20, 470, 8


def inputs_of(
    est: DeepClusterCategorizer, rows: NDArray[Any], shape: tuple[int, ...]
) -> Inputs:
    """How images of that shape enter the network."""
    if isinstance(est.backbone, Pretrained):
        return _inputs_of_pretrained(est, est.backbone, rows, shape)
    standardize: str | None = "dataset"  # always, of feature vectors
    height, width = 1, shape[0]
    if len(shape) == 3:
        height, width, standardize = shape[0], shape[1], est.standardize
        if est.image_size == "auto":
            height, width = auto_size(est, height, width)
        elif isinstance(est.image_size, Integral):
            height = width = int(est.image_size)
    least = backbones.minimum_size(est.backbone)
    size = max(height, least), max(width, least)
    if size[0] * size[1] > MAX_SIDE**2:
        raise ValueError(
            f"X has {shape[0]:,} features, which {est.backbone!r} takes as {size[0]} × "
            f"{size[1]:,} values; {MAX_SIDE**2:,} are the most. Reduce them first, for "
            "example with sklearn.decomposition.PCA."
        )
    of_set = pixel_statistics(rows, shape) if standardize == "dataset" else ()
    return Inputs(shape, size, standardize, *of_set)


def auto_size(est: DeepClusterCategorizer, height: int, width: int) -> tuple[int, int]:
    """What ``image_size="auto"`` means for images of that size."""
    if isinstance(est.backbone, Pretrained):
        return pretrained.settings_of(est.backbone.name).size
    side = seen_at(height, width)
    return side, side


def _inputs_of_pretrained(
    est: DeepClusterCategorizer,
    backbone: Pretrained,
    rows: NDArray[Any],
    shape: tuple[int, ...],
) -> Inputs:
    backbone._start()  # before anything is computed
    if len(shape) == 1:
        raise ValueError(
            f"backbone=Pretrained({backbone.name!r}) takes images, and X has rows of "
            f"{shape[0]} features; if these are images, give their image_shape."
        )
    settings = pretrained.settings_of(backbone.name)
    size = shape[0], shape[1]
    if est.image_size == "auto":
        size = auto_size(est, *size)
    elif isinstance(est.image_size, Integral):
        size = int(est.image_size), int(est.image_size)
    scale = pretrained.pixel_scale(rows, shape, settings)
    return Inputs(shape, size, "dataset", *scale)


def view_of(est: DeepClusterCategorizer, inputs: Inputs) -> View | None:
    """The function that draws a random view of each image of a batch."""
    if est.augmentation is False or len(inputs.shape) == 1:
        return None
    if isinstance(est.backbone, Pretrained) and est.backbone.trainable == "none":
        return None
    ranges = part_of(est, "augmentation").get_params()
    return functools.partial(random_views, **ranges)


def architecture_of(est: DeepClusterCategorizer) -> backbones.Architecture:
    """What the backbone is built from."""
    if isinstance(est.backbone, Pretrained):
        projection = est.projection
        if est.backbone.trainable == "head" and projection is None:
            projection = pretrained.N_PROJECTED
        return backbones.Architecture(est.backbone.name, projection=projection)
    return backbones.Architecture(
        est.backbone, est.embedding_layer, est.projection, est.sobel
    )


def origin_of(est: DeepClusterCategorizer) -> dict[str, str | None] | None:
    """Where a network that was trained elsewhere comes from."""
    if not isinstance(est.backbone, Pretrained):
        return None
    settings = pretrained.settings_of(est.backbone.name)
    return {"library": settings.library, "licence": settings.licence}


def n_epochs_of(est: DeepClusterCategorizer, n_images: int) -> int:
    """Number of epochs for a set of `n_images` images.

    0 if nothing is trained. With ``"auto"``, few images make the same number of steps
    however few they are, and of many the steps grow with the square root of their
    number.
    """
    if isinstance(est.backbone, Pretrained) and est.backbone.trainable == "none":
        return 0
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
    ranks: Ranks = ALONE,
) -> Alternation:
    """The loop that the parameters ask for."""
    precision = ranks.told(runtime.resolve_precision(est.precision, device))
    start = est.backbone._start() if isinstance(est.backbone, Pretrained) else None
    backbone = architecture_of(est).build(inputs, start)
    backbone.to(device)
    for network in (backbone.body, backbone.neck, backbone.frozen):
        if network is not None:
            ranks.like_first(network)
    for network in (backbone.body, backbone.neck):
        over_all_ranks(network, ranks)
    images = inputs.images(rows, device, resident=True)
    view = view_of(est, inputs)
    how: dict[str, Any] = {
        "batch_size": est.batch_size,
        "precision": precision,
        "ranks": ranks,
    }
    learnt_from: Images | Features = images
    views: Views | KeptViews = Views(view, est.n_views)
    embed_all: memory.Pass = functools.partial(embed, backbone.body, images, **how)
    if backbone.frozen is not None:
        learnt_from = features = Features(backbone.frozen, images, view, **how)
        views = KeptViews(view, est.n_views)
        whole = backbone.whole(backbone.body)
        embed_all = HeadPass(whole, backbone.body, images, features, precision)
    return Alternation(
        backbone=backbone,
        images=learnt_from,
        views=views,
        embed=embed_all,
        memory=memory.MEMORIES[est.cluster_on](embed_all, view, len(rows), ranks),
        clusterer=clustering.Clusterer(
            est.n_clusters,
            est.kmeans_n_iter,
            est.pca_components,
            clustering.INITS[est.final_init],
            ranks,
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
            ranks=ranks,
        ),
        precision=precision,
        ranks=ranks,
    )
