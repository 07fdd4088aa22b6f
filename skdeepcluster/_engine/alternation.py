"""Deep clustering by alternation, as in DeepMCAT (Kart et al., 2021)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skdeepcluster._engine.augment import Views
from skdeepcluster._engine.backbones import Backbone
from skdeepcluster._engine.clustering import Clusterer, Clustering, DivergenceError
from skdeepcluster._engine.descent import Descent
from skdeepcluster._engine.epoch import Epoch
from skdeepcluster._engine.frozen import Features, KeptViews
from skdeepcluster._engine.images import Images
from skdeepcluster._engine.memory import Memory, Pass
from skdeepcluster._engine.objective import Objective
from skdeepcluster._engine.ranks import ALONE, Ranks
from skdeepcluster._engine.runtime import autocast, clock

_LOOKED_AT = 100  # steps between looks at the loss, for which a GPU has to wait


@dataclass
class Alternation:
    """The loop, and what it works with."""

    backbone: Backbone
    images: Images | Features
    views: Views | KeptViews
    embed: Pass
    memory: Memory
    clusterer: Clusterer
    objective: Objective
    sampler: Callable[[Tensor], Tensor]
    descent: Descent
    precision: str
    ranks: Ranks = ALONE
    after_step: Callable[[Epoch], None] = lambda epoch: None

    def begin(self, number: int) -> Epoch:
        """Cluster the images, and prepare an epoch of training."""
        device = self.images.device
        start = clock(device)
        stage = self.objective.stage(number, self.descent.n_epochs)
        n_clusters = self.clusterer.number(stage.n_clusters, len(self.images))
        self.descent.enter(stage.objective, n_clusters, device)
        self.ranks.check_random_state(device)
        embeddings = self.memory.recall()
        embedded = clock(device)
        clustering = self.clusterer.cluster(
            embeddings, n_clusters, spherical=stage.objective.spherical
        )
        clustered = clock(device)
        rate = self.descent.begin(number, stage, clustering.centroids)
        drawn = self.ranks.from_first(self.sampler(clustering.labels))
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
        learnt = nn.ModuleList([body, neck, head]).train()
        device, ranks = self.images.device, self.ranks
        n_views = self.views.number(objective.n_views)
        batches = self.descent.batches(epoch.drawn)[epoch.n_steps :]
        own = [ranks.part(batch) for batch in batches]
        for batch, pixels in zip(batches, self.images.batches(own), strict=True):
            pixels = self.views(pixels, n_views, ranks.share(len(batch)))
            where = epoch.number, epoch.n_steps
            with autocast(device, self.precision), ranks.by_itself(device, *where):
                embeddings = body(pixels)
                logits = head(neck(embeddings) if objective.sees_neck else embeddings)
            # Each process computes the loss of the whole batch, whatever it may be.
            logits = ranks.views(logits.float(), len(batch), n_views)
            loss = objective.loss(logits, labels[batch.repeat(n_views)], n_views)
            self.descent.step(loss)
            epoch.total += loss.detach() * len(batch)
            self.memory.keep(batch, embeddings, n_views)
            epoch.n_steps += 1
            is_over = self.is_over(epoch)
            is_looked_at = is_over or epoch.n_steps % _LOOKED_AT == 0
            if is_looked_at and ranks.any(not epoch.total.isfinite()):
                raise DivergenceError
            if not is_over:
                self.after_step(epoch)
        # Statistics of layers that are not over all processes would part them.
        ranks.like_first(learnt)

    def is_over(self, epoch: Epoch) -> bool:
        """Whether all images of an epoch were trained on."""
        return epoch.n_steps == len(self.descent.batches(epoch.drawn))

    def final(self, last: Epoch | None) -> tuple[Clustering, Tensor | None]:
        """The final clusters of the images as they are, and their embeddings."""
        self.ranks.check_random_state(self.images.device)
        n_epochs = max(1, self.descent.n_epochs)
        stage = self.objective.stage(0, n_epochs) if last is None else last.stage
        self.memory.drop()
        embeddings = self.embed()
        clustering = self.clusterer.cluster(
            embeddings,
            spherical=stage.objective.spherical,
            init=self.clusterer.final_init,
        )
        view = self.views.draw
        views = None if view is None else self.embed(view=view)
        return self.clusterer.finish(clustering, embeddings, views)
