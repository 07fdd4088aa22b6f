"""Forward passes over a whole set, and what is done to their output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skdeepcluster._engine.images import Images
from skdeepcluster._engine.layers import for_evaluation, steady_linear
from skdeepcluster._engine.runtime import autocast

View = Callable[[Tensor], Tensor]


def embed(
    body: nn.Module,
    images: Images,
    *,
    batch_size: int,
    precision: str,
    view: View | None = None,
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
        What is seen of each image; None shows it as it is.

    Returns
    -------
    Tensor of shape (n_images, n_features), float32
        On the images' device.
    """
    embeddings: Tensor | None = None
    with torch.no_grad():
        network = for_evaluation(body)
        starts = range(0, len(images), batch_size)
        batches = [slice(start, start + batch_size) for start in starts]
        for rows, pixels in zip(batches, images.batches(batches), strict=True):
            pixels = view(pixels) if view else pixels
            n = len(pixels)
            if n < batch_size and images.device.type != "cpu":
                # A GPU rounds otherwise in batches of another size.
                fill = pixels[-1:].expand(batch_size - n, -1, -1, -1)
                pixels = torch.cat([pixels, fill])
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            with autocast(images.device, precision):
                output = network(pixels)[:n]
            if embeddings is None:
                embeddings = torch.empty(
                    len(images), output.shape[1], device=images.device
                )
            embeddings[rows] = output
    assert embeddings is not None  # a set has at least one image
    return embeddings


@dataclass(frozen=True)
class Whitening:
    """Principal components, each scaled to unit variance.

    Attributes
    ----------
    mean : Tensor of shape (n_features,)
    components : Tensor of shape (n_components, n_features)
    """

    mean: Tensor
    components: Tensor

    @classmethod
    def fit(cls, embeddings: Tensor, n_components: int) -> Whitening:
        """As many components as asked for, as far as n, d and the rank allow."""
        n, d = embeddings.shape
        mean = embeddings.mean(0)
        centred = embeddings - mean
        # XᵀX and XXᵀ have the same eigenvalues; the smaller is solved.
        sides = centred if n < d else centred.T
        variances, vectors = torch.linalg.eigh(sides @ sides.T / max(1, n - 1))
        rank = int((variances > variances[-1] * 1e-6).sum())
        keep = max(1, min(n_components, n - 1, d, rank))
        variances = variances[-keep:].flip(0)
        components = vectors[:, -keep:].flip(1).T
        if n < d:
            components = F.normalize(components @ centred)
        scale = torch.where(variances > 0, variances, 1).sqrt()
        return cls(mean, components / scale[:, None])

    def to(self, device: torch.device | str) -> Whitening:
        """The same on another device."""
        return Whitening(self.mean.to(device), self.components.to(device))

    def __call__(self, embeddings: Tensor) -> Tensor:
        return steady_linear(embeddings - self.mean, self.components)


def on_sphere(embeddings: Tensor, whitening: Whitening | None = None) -> Tensor:
    """L2-normalised rows, whitened before if asked for; a zero row stays zero."""
    if whitening is not None:
        embeddings = whitening(embeddings)
    return F.normalize(embeddings, dim=1)
