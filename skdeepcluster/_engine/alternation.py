"""Deep clustering by alternation, as in DeepMCAT (Kart et al., 2021)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from sklearn.metrics import normalized_mutual_info_score
from torch import Tensor, nn

from skdeepcluster._engine.backbones import Backbone, Head
from skdeepcluster._engine.embedding import View, Whitening, embed, on_sphere
from skdeepcluster._engine.images import Images
from skdeepcluster._engine.kmeans import assign, kmeans
from skdeepcluster._engine.runtime import autocast, clock
from skdeepcluster._engine.sampling import uniform_over_clusters


@dataclass(frozen=True)
class Clustering:
    """Images assigned to centroids in the space of `on_sphere(.., whitening)`."""

    labels: Tensor
    distances: Tensor
    centroids: Tensor
    whitening: Whitening | None


@dataclass(frozen=True)
class Epoch:
    """What one turn of the loop did."""

    clustering: Clustering
    nmi_previous: float
    loss: float
    learning_rate: float
    seconds: tuple[float, float, float]  # embed, cluster, train


@dataclass(frozen=True)
class Alternation:
    """The loop and its settings; `DeepClusterCategorizer` says what they mean."""

    backbone: Backbone
    images: Images
    view: View | None
    clustering_view: View | None
    n_clusters: int
    n_epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    lr_schedule: str
    kmeans_n_iter: int
    pca_components: int | None
    precision: str

    def epochs(self) -> Iterator[Epoch]:
        """Learn; whoever iterates may stop after any epoch."""
        device = self.images.device
        head = Head(self.backbone.n_features, self.n_clusters).to(device)
        network = nn.Sequential(self.backbone.body, self.backbone.neck, head)
        optimizer = torch.optim.SGD(
            [{"params": network[:2].parameters()}, {"params": head.parameters()}],
            self.learning_rate,
            self.momentum,
            weight_decay=self.weight_decay,
        )
        previous = None
        for epoch in range(self.n_epochs):
            start = clock(device)
            embeddings = self.embed(self.clustering_view)
            embedded = clock(device)
            clustering = self.cluster(embeddings)
            nmi = _nmi(previous, clustering.labels)
            previous = clustering.labels
            clustered = clock(device)
            # Today's cluster 3 has nothing to do with yesterday's: begin anew.
            head.reset_parameters()
            for parameter in head.parameters():
                optimizer.state.pop(parameter, None)
            rate = optimizer.param_groups[0]["lr"] = self.rate(epoch)
            loss = self.train(network, optimizer, clustering.labels)
            end = clock(device)
            seconds = (embedded - start, clustered - embedded, end - clustered)
            yield Epoch(clustering, nmi, loss, rate, seconds)

    def embed(self, view: View | None = None) -> Tensor:
        """Embed every image, as `view` shows it."""
        return embed(
            self.backbone.body,
            self.images,
            batch_size=self.batch_size,
            precision=self.precision,
            view=view,
        )

    def cluster(self, embeddings: Tensor) -> Clustering:
        """L2-normalise, run K-means, assign every image to its nearest centroid."""
        if not embeddings.isfinite().all():
            raise ValueError(
                "Embeddings are NaN or infinite: training diverged with "
                f"learning_rate={self.learning_rate} in {self.precision}, or the "
                "pixels or weights are too large. Try a lower learning_rate, "
                "precision='float32', or another standardize."
            )
        whitening = None
        if self.pca_components is not None:
            whitening = Whitening.fit(embeddings, self.pca_components)
        points = on_sphere(embeddings, whitening)
        seed = int(torch.randint(2**31 - 1, ()))
        centroids = kmeans(
            points, self.n_clusters, n_iter=self.kmeans_n_iter, seed=seed
        )
        labels, distances = assign(points, centroids)
        return Clustering(labels, distances, centroids, whitening)

    def train(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        labels: Tensor,
    ) -> float:
        """Train for one epoch to tell the clusters apart; the mean loss in nats."""
        n = len(labels)
        network.train()
        total = torch.zeros((), device=labels.device)
        drawn = uniform_over_clusters(labels, n)
        # Batches of equal size, never of one image: batch norm cannot take that.
        n_batches = max(1, min(math.ceil(n / self.batch_size), n // 2))
        for batch in drawn.tensor_split(n_batches):
            pixels = self.images.batch(batch.cpu().numpy())
            pixels = self.view(pixels) if self.view else pixels
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            with autocast(self.images.device, self.precision):
                logits = network(pixels)
            loss = F.cross_entropy(logits.float(), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(batch)
        return float(total) / n

    def rate(self, epoch: int) -> float:
        """The learning rate of all but the head, which begins anew every epoch."""
        if self.lr_schedule == "constant":
            return self.learning_rate
        return self.learning_rate * (1 + math.cos(math.pi * epoch / self.n_epochs)) / 2


def _nmi(previous: Tensor | None, labels: Tensor) -> float:
    if previous is None:
        return math.nan
    return float(normalized_mutual_info_score(previous.cpu(), labels.cpu()))
