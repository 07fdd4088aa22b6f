"""Forward passes over a whole set."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from skdeepcluster._engine.images import Images
from skdeepcluster._engine.layers import for_evaluation
from skdeepcluster._engine.runtime import autocast

View = Callable[[Tensor], Tensor]


def embed(
    body: nn.Module,
    images: Images,
    *,
    batch_size: int,
    precision: str,
    view: View | None = None,
    first: int | None = None,
) -> Tensor:
    """Embeddings of all images, before normalisation, in their order.

    Parameters
    ----------
    body : nn.Module
        Pixels → embedding.
    images : Images
    batch_size : int
    precision : {"float32", "bfloat16"}
    view : callable or None
        Makes the view of each image; None uses it as it is.
    first : int or None
        Number of images, at most as many as there are; None embeds all.

    Returns
    -------
    Tensor of shape (n_images, n_features), float32
        On the images' device.
    """
    embeddings: Tensor | None = None
    with torch.no_grad():
        network = for_evaluation(body)
        n_images = len(images) if first is None else min(first, len(images))
        batches = [
            slice(start, min(start + batch_size, n_images))
            for start in range(0, n_images, batch_size)
        ]
        for rows, pixels in zip(batches, images.batches(batches), strict=True):
            pixels = view(pixels) if view else pixels
            n = len(pixels)
            if n < batch_size and images.device.type != "cpu":
                # A GPU rounds differently in batches of another size.
                fill = pixels[-1:].expand(batch_size - n, -1, -1, -1)
                pixels = torch.cat([pixels, fill])
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            with autocast(images.device, precision):
                output = network(pixels)[:n]
            if embeddings is None:
                embeddings = torch.empty(
                    n_images, output.shape[1], device=images.device
                )
            embeddings[rows] = output
    if embeddings is None:
        raise ValueError("There is no image to embed; give at least one.")
    return embeddings
