"""Deep clustering by alternation, as in DeepMCAT (Kart et al., 2021)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skdeepcluster._engine.augment import Views
from skdeepcluster._engine.backbones import Backbone
from skdeepcluster._engine.clustering import Clusterer, Clustering, on_sphere
from skdeepcluster._engine.descent import Descent
from skdeepcluster._engine.images import Images
from skdeepcluster._engine.memory import Memory, Pass
from skdeepcluster._engine.objective import Objective, Stage
from skdeepcluster._engine.runtime import autocast, clock


@dataclass(frozen=True)
class Epoch:
    """What one turn of the loop did."""

    stage: Stage
    clustering: Clustering
    loss: float
    learning_rate: float
    seconds: tuple[float, float, float]  # embed, cluster, train


@dataclass(frozen=True)
class Alternation:
    """The loop, and what it works with."""

    backbone: Backbone
    images: Images
    views: Views
    embed: Pass
    memory: Memory
    clusterer: Clusterer
    objective: Objective
    sampler: Callable[[Tensor], Tensor]
    descent: Descent
    precision: str

    def epochs(self) -> Iterator[Epoch]:
        """Learn; whoever iterates may stop after any epoch."""
        device = self.images.device
        for number in range(self.descent.n_epochs):
            start = clock(device)
            stage = self.objective.stage(number, self.descent.n_epochs)
            n_clusters = stage.n_clusters or self.clusterer.n_clusters
            self.descent.enter(stage.objective, n_clusters, device)
            embeddings = self.memory.recall()
            embedded = clock(device)
            clustering = self.clusterer.cluster(
                embeddings, n_clusters, spherical=stage.objective.spherical
            )
            del embeddings  # or there would be two when the next are computed
            clustered = clock(device)
            rate = self.descent.begin(number, stage, clustering.centroids)
            loss = self.train(stage.objective, clustering.labels)
            end = clock(device)
            seconds = (embedded - start, clustered - embedded, end - clustered)
            yield Epoch(stage, clustering, loss, rate, seconds)

    def train(self, objective: Objective, labels: Tensor) -> float:
        """Train for one epoch to tell the clusters apart; the mean loss."""
        body, neck, head = self.backbone.body, self.backbone.neck, self.descent.head
        nn.ModuleList([body, neck, head]).train()
        total = torch.zeros((), device=labels.device)
        batches = self.descent.batches(self.sampler(labels))
        for batch, pixels in zip(batches, self.images.batches(batches), strict=True):
            pixels = self.views(pixels, objective.n_views)
            with autocast(self.images.device, self.precision):
                embeddings = body(pixels)
                logits = head(neck(embeddings) if objective.sees_neck else embeddings)
            n_views = len(pixels) // len(batch)
            index = batch.repeat(n_views)
            loss = objective.loss(logits.float(), labels[index], n_views)
            self.descent.step(loss)
            total += loss.detach() * len(batch)
            self.memory.keep(index, embeddings)
        return float(total) / len(labels)

    def final(self, last: Epoch | None) -> tuple[Clustering, Tensor]:
        """Cluster the images as they are, as in the last epoch; and their embedding."""
        n_epochs = max(1, self.descent.n_epochs)
        stage = self.objective.stage(0, n_epochs) if last is None else last.stage
        self.memory.drop()
        embeddings = self.embed()
        clustering = self.clusterer.cluster(
            embeddings,
            spherical=stage.objective.spherical,
            init=self.clusterer.final_init,
        )
        return clustering, on_sphere(embeddings, clustering.whitening)
