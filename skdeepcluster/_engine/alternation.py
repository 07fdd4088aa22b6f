"""Deep clustering by alternation, as in DeepMCAT (Kart et al., 2021)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from skdeepcluster._engine.augment import Views
from skdeepcluster._engine.backbones import Backbone
from skdeepcluster._engine.clustering import (
    Clusterer,
    Clustering,
    DivergenceError,
    held_out,
    on_sphere,
)
from skdeepcluster._engine.descent import Descent
from skdeepcluster._engine.epoch import Epoch
from skdeepcluster._engine.images import Images
from skdeepcluster._engine.memory import Memory, Pass
from skdeepcluster._engine.objective import Objective
from skdeepcluster._engine.runtime import autocast, clock

_LOOKED_AT = 100  # steps between looks at the loss, for which a GPU has to wait


@dataclass
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
    after_step: Callable[[Epoch], None] = lambda epoch: None

    def begin(self, number: int) -> Epoch:
        """Cluster the images, and prepare an epoch of training."""
        device = self.images.device
        start = clock(device)
        stage = self.objective.stage(number, self.descent.n_epochs)
        n_clusters = self.clusterer.number(stage.n_clusters, len(self.images))
        self.descent.enter(stage.objective, n_clusters, device)
        embeddings = self.memory.recall()
        embedded = clock(device)
        clustering = self.clusterer.cluster(
            embeddings, n_clusters, spherical=stage.objective.spherical
        )
        clustered = clock(device)
        rate = self.descent.begin(number, stage, clustering.centroids)
        drawn = self.sampler(clustering.labels)
        total = torch.zeros((), device=device)
        seconds = (embedded - start, clustered - embedded, 0.0)
        return Epoch(number, stage, clustering, rate, drawn, total, seconds=seconds)

    def train(self, epoch: Epoch) -> None:
        """Train on the objective until the epoch is over.

        Raises
        ------
        DivergenceError
            If the loss is not finite.
        """
        objective, labels = epoch.stage.objective, epoch.clustering.labels
        body, neck, head = self.backbone.body, self.backbone.neck, self.descent.head
        nn.ModuleList([body, neck, head]).train()
        batches = self.descent.batches(epoch.drawn)[epoch.n_steps :]
        for batch, pixels in zip(batches, self.images.batches(batches), strict=True):
            pixels = self.views(pixels, objective.n_views)
            with autocast(self.images.device, self.precision):
                embeddings = body(pixels)
                logits = head(neck(embeddings) if objective.sees_neck else embeddings)
            n_views = len(pixels) // len(batch)
            index = batch.repeat(n_views)
            loss = objective.loss(logits.float(), labels[index], n_views)
            self.descent.step(loss)
            epoch.total += loss.detach() * len(batch)
            self.memory.keep(index, embeddings)
            epoch.n_steps += 1
            is_over = self.is_over(epoch)
            is_looked_at = is_over or epoch.n_steps % _LOOKED_AT == 0
            if is_looked_at and not epoch.total.isfinite():
                raise DivergenceError
            if not is_over:
                self.after_step(epoch)

    def is_over(self, epoch: Epoch) -> bool:
        """Whether all images of an epoch were trained on."""
        return epoch.n_steps == len(self.descent.batches(epoch.drawn))

    def final(self, last: Epoch | None) -> tuple[Clustering, Tensor]:
        """The final clusters of the images as they are, and their embeddings."""
        n_epochs = max(1, self.descent.n_epochs)
        stage = self.objective.stage(0, n_epochs) if last is None else last.stage
        self.memory.drop()
        embeddings = self.embed()
        clustering = self.clusterer.cluster(
            embeddings,
            spherical=stage.objective.spherical,
            init=self.clusterer.final_init,
        )
        points = on_sphere(embeddings, clustering.whitening)
        if self.views.draw is None:
            stand_ins = held_out(points, clustering)
        else:
            views = self.embed(view=self.views.draw)
            stand_ins = on_sphere(views, clustering.whitening)
        return replace(clustering, stand_ins=stand_ins), points
