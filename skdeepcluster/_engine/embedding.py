"""Forward passes over a whole set."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from skdeepcluster._engine.augment import View
from skdeepcluster._engine.images import Images
from skdeepcluster._engine.layers import for_evaluation
from skdeepcluster._engine.ranks import ALONE, Ranks
from skdeepcluster._engine.runtime import autocast

_PIXELS = 2**22  # at once: more take gigabytes, and gain nothing


def embed(
    body: nn.Module,
    images: Images,
    *,
    batch_size: int,
    precision: str,
    view: View | None = None,
    first: int | None = None,
    ranks: Ranks = ALONE,
) -> Tensor:
    """Embeddings of all images, before normalisation, in their order.

    Of several processes, each embeds its share.

    Parameters
    ----------
    body : nn.Module
        Pixels → embedding.
    images : Images
    batch_size : int
        Most images in a forward pass; of large ones it takes fewer.
    precision : {"float32", "bfloat16"}
    view : callable or None
        Makes the view of each image; None uses it as it is.
    first : int or None
        Number of images, at most as many as there are; None embeds all.
    ranks : Ranks

    Returns
    -------
    Tensor of shape (n_images, n_features), float32
        On the images' device.
    """
    batch_size = max(1, min(batch_size, _PIXELS // math.prod(images.size)))
    n_images = len(images) if first is None else min(first, len(images))
    own = ranks.share(n_images)
    embeddings: Tensor | None = None
    if n_images == 0:
        raise ValueError("There is no image to embed; give at least one.")
    with torch.no_grad():
        network = for_evaluation(body)
        batches = ranks.batches(n_images, batch_size)
        pixels_of = images.batches([rows for rows, share in batches if len(share)])
        for rows, share in batches:
            n = len(share)
            pixels = next(pixels_of) if n else images.batch(rows)
            pixels = view(pixels, share) if view else pixels
            if n == 0:  # which was drawn, as by all, but others embed it
                continue
            if n < batch_size and images.device.type != "cpu":
                # A GPU rounds differently in batches of another size.
                fill = pixels[-1:].expand(batch_size - n, -1, -1, -1)
                pixels = torch.cat([pixels, fill])
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            with autocast(images.device, precision):
                output = network(pixels)[:n]
            if embeddings is None:
                embeddings = torch.empty(
                    len(own), output.shape[1], device=images.device
                )
            first_row = rows.start - own.rows.start
            embeddings[first_row : first_row + n] = output
        if embeddings is None:  # fewer images than processes
            embeddings = network(images.batch(slice(0, 1)))[:0].float()
    return embeddings
