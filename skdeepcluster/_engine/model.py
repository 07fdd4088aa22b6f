"""The result of learning: images → embedding → clusters."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skdeepcluster._engine import runtime
from skdeepcluster._engine.backbones import Architecture
from skdeepcluster._engine.clustering import Clustering, Whitening, on_sphere
from skdeepcluster._engine.embedding import embed
from skdeepcluster._engine.images import Inputs
from skdeepcluster._engine.kmeans import assign
from skdeepcluster._engine.novelty import Novelty


@dataclass(frozen=True)
class Model:
    """A frozen network and the clusters of what it embeds.

    Parameters
    ----------
    network : torch.nn.Module
        Standardised pixels → embedding, before normalisation.
    architecture : Architecture
        What such a network is built from.
    inputs : Inputs
        What images are like, and how they enter the network.
    whitening : Whitening or None
        Applied to embeddings before they are normalised.
    centroids : ndarray of shape (n_clusters, n_embedding), float32
        In the space of the normalised embedding; no cluster is empty.
    novelty : Novelty
        How unlike these clusters an image is.
    precision : {"float32", "bfloat16"}
        Of the network's matrix products. Images are always assigned in float32.
    device : torch.device
        The device of the network.
    """

    network: nn.Module
    architecture: Architecture
    inputs: Inputs
    whitening: Whitening | None
    centroids: NDArray[np.float32]
    novelty: Novelty
    precision: str
    device: torch.device

    @classmethod
    def of(
        cls,
        clustering: Clustering,
        network: nn.Module,
        *,
        architecture: Architecture,
        inputs: Inputs,
        precision: str,
    ) -> tuple[Model, NDArray[np.int64]]:
        """A model that finds these clusters, and its labels: no cluster is empty."""
        kept, labels = torch.unique(clustering.labels, return_inverse=True)
        centroids = clustering.centroids[kept]
        filled = replace(clustering, labels=labels, centroids=centroids)
        device = labels.device
        with runtime.session(device, seed=0):
            novelty = Novelty.of(filled)
        model = cls(
            network=network.eval().requires_grad_(False),
            architecture=architecture,
            inputs=inputs,
            whitening=clustering.whitening,
            centroids=centroids.cpu().numpy(),
            novelty=novelty,
            precision=precision,
            device=device,
        )
        return model, labels.cpu().numpy()

    def embed(self, rows: NDArray[Any], *, batch_size: int) -> NDArray[np.float32]:
        """Normalised embeddings of images that are rows, of shape (n, n_embedding).

        Raises
        ------
        ValueError
            If they are not finite.
        """
        with runtime.session(self.device):
            embeddings = embed(
                self.network,
                self.inputs.images(rows, self.device),
                batch_size=batch_size,
                precision=self.precision,
            )
            if self.whitening is not None:
                embeddings = self.whitening(embeddings)
            unusable = ~embeddings.norm(dim=1).isfinite()
            if unusable.any():
                raise ValueError(
                    f"The embedding of image {int(unusable.int().argmax())} is NaN or "
                    "infinite: the model is damaged, or was fitted to much smaller "
                    "pixel values. Scale the pixels as for fit, or fit again."
                )
            return on_sphere(embeddings).cpu().numpy()

    def assign(
        self, embedding: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The cluster of each row of a normalised embedding, and the distance to it."""
        with runtime.session(self.device):
            centroids = torch.tensor(self.centroids, device=self.device)
            points = torch.tensor(embedding, device=self.device)
            labels, distances = assign(points, centroids)
            return labels.cpu().numpy(), distances.cpu().numpy()

    def decision(self, embedding: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far within the limit of `novelty` each row lies; below 0 for outliers."""
        with runtime.session(self.device):
            centroids = torch.tensor(self.centroids, device=self.device)
            points = torch.tensor(embedding, device=self.device)
            distances = self.novelty.distances(points, centroids)
            return (self.novelty.limits[1] - distances).cpu().numpy()

    def to(self, device: torch.device) -> Model:
        """The same on another device; this one stays where it is."""
        if device == self.device:
            return self
        return replace(
            self,
            network=copy.deepcopy(self.network).to(device),
            whitening=None if self.whitening is None else self.whitening.to(device),
            device=device,
        )
