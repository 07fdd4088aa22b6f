"""Deep clustering by alternation, as in DeepMCAT (Kart et al., 2021)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from sklearn.metrics import normalized_mutual_info_score
from torch import Tensor, nn

from skdeepcluster._engine.backbones import Backbone, CosineHead, Head
from skdeepcluster._engine.embedding import View, Whitening, embed, on_sphere
from skdeepcluster._engine.images import Images
from skdeepcluster._engine.kmeans import assign, kmeans, ward
from skdeepcluster._engine.runtime import autocast, clock
from skdeepcluster._engine.sampling import uniform_over_clusters
from skdeepcluster._engine.swapped import Prototypes, swapped_cross_entropy
from skdeepcluster.metrics import cluster_purity_score


@dataclass(frozen=True)
class Clustering:
    """Images assigned to centroids in the space of `on_sphere(.., whitening)`."""

    labels: Tensor
    distances: Tensor
    centroids: Tensor
    whitening: Whitening | None
    spread: float  # sum of squared distances to the mean of all images


@dataclass(frozen=True)
class Epoch:
    """What one turn of the loop did."""

    clustering: Clustering
    nmi_previous: float
    purity_previous: float
    loss: float
    learning_rate: float
    seconds: tuple[float, float, float]  # embed, cluster, train


@dataclass(frozen=True)
class Alternation:
    """The loop and its settings; `DeepClusterCategorizer` says what they mean."""

    backbone: Backbone
    images: Images
    view: View | None
    n_views: int
    clustering_view: View | None
    memory_bank: bool
    n_clusters: int
    kmeans_n_iter: int
    kmeans_init: str
    pca_components: int | None
    pseudo_labels: str
    n_prototypes: int
    temperature: float | None
    sampling: str
    n_epochs: int
    batch_size: int
    learning_rate: float
    lr_schedule: str
    warmup_epochs: int
    momentum: float
    head_momentum: float
    weight_decay: float
    precision: str

    def epochs(self) -> Iterator[Epoch]:
        """Learn; whoever iterates may stop after any epoch."""
        device = self.images.device
        head = self.head().to(device)
        optimizer = self.optimizer(head)
        previous = None
        embeddings: Tensor | None = None
        for epoch in range(self.n_epochs):
            start = clock(device)
            if embeddings is None or not self.memory_bank:
                embeddings = None  # or there would be two
                embeddings = self.embed(self.clustering_view)
            embedded = clock(device)
            clustering = self.cluster(embeddings)
            stability = _agreement(previous, clustering.labels)
            previous = clustering.labels
            clustered = clock(device)
            # Today's cluster 3 has nothing to do with yesterday's: begin anew.
            head.restart(clustering.centroids)
            for parameter in self.restarted(head):
                optimizer.state.pop(parameter, None)
            rate = optimizer.param_groups[0]["lr"] = self.rate(epoch)
            bank = embeddings if self.memory_bank else None
            loss = self.train(head, optimizer, clustering.labels, bank)
            end = clock(device)
            seconds = (embedded - start, clustered - embedded, end - clustered)
            yield Epoch(clustering, *stability, loss, rate, seconds)

    def final(self) -> Clustering:
        """Embed the images as they are and cluster them once more."""
        return self.cluster(self.embed(), self.kmeans_init)

    def head(self) -> Head | CosineHead | Prototypes:
        """What the classifier of pseudo-labels is."""
        n_features = self.backbone.n_features
        if self.temperature is None:
            return Head(n_features, self.n_clusters)
        if self.pseudo_labels == "swapped":
            return Prototypes(n_features, self.n_prototypes, self.temperature)
        return CosineHead(n_features, self.n_clusters, self.temperature)

    def restarted(self, head: nn.Module) -> list[nn.Parameter]:
        """What of the head is learnt anew in every epoch."""
        return [] if isinstance(head, Prototypes) else list(head.parameters())

    def optimizer(self, head: nn.Module) -> torch.optim.Optimizer:
        """Stochastic gradient descent; the head may have a momentum of its own."""
        parts = [self.backbone.body, self.backbone.neck]
        if isinstance(head, Prototypes):
            parts.append(head)
        optimizer = torch.optim.SGD(
            nn.ModuleList(parts).parameters(),
            self.learning_rate,
            self.momentum,
            weight_decay=self.weight_decay,
            fused=True,  # one pass over the weights, not four
        )
        if anew := self.restarted(head):
            optimizer.add_param_group({"params": anew, "momentum": self.head_momentum})
        return optimizer

    def embed(self, view: View | None = None) -> Tensor:
        """Embed every image, as `view` shows it."""
        return embed(
            self.backbone.body,
            self.images,
            batch_size=self.batch_size,
            precision=self.precision,
            view=view,
        )

    def cluster(self, embeddings: Tensor, init: str = "random") -> Clustering:
        """L2-normalise, run K-means, assign every image to its nearest centroid."""
        if not embeddings.norm(dim=1).isfinite().all():
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
            points,
            self.n_clusters,
            n_iter=self.kmeans_n_iter,
            seed=seed,
            spherical=self.temperature is not None and self.pseudo_labels == "clusters",
            init=ward(points, self.n_clusters) if init == "ward" else None,
        )
        labels, distances = assign(points, centroids)
        _, from_mean = assign(points, points.mean(0, keepdim=True))
        spread = float(from_mean.double().square().sum())
        return Clustering(labels, distances, centroids, whitening, spread)

    def train(
        self,
        head: nn.Module,
        optimizer: torch.optim.Optimizer,
        labels: Tensor,
        bank: Tensor | None,
    ) -> float:
        """Train for one epoch to tell the clusters apart; the mean loss in nats.

        Embeddings that are computed on the way are kept in `bank`; an image that is
        not drawn keeps the one it had.
        """
        n = len(labels)
        body, neck = self.backbone.body, self.backbone.neck
        nn.ModuleList([body, neck, head]).train()
        total = torch.zeros((), device=labels.device)
        drawn = self.draw(labels)
        # Batches of equal size, never of one image: batch norm cannot take that.
        n_batches = max(1, min(math.ceil(n / self.batch_size), n // 2))
        batches = drawn.tensor_split(n_batches)
        for batch, pixels in zip(batches, self.images.batches(batches), strict=True):
            pixels = self.views(pixels)
            with autocast(self.images.device, self.precision):
                embeddings = body(pixels)
                logits = head(neck(embeddings))
            n_views = len(pixels) // len(batch)
            loss = self.loss(logits.float(), labels[batch], n_views)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(batch)
            if bank is not None:
                keep_means(bank, batch.repeat(n_views), embeddings.detach().float())
        return float(total) / n

    def loss(self, logits: Tensor, labels: Tensor, n_views: int) -> Tensor:
        """What is to be predicted of a batch, seen in so many views."""
        if self.pseudo_labels == "swapped":
            return swapped_cross_entropy(logits, n_views)
        return F.cross_entropy(logits, labels.repeat(n_views))

    def draw(self, labels: Tensor) -> Tensor:
        """The images of an epoch, in the order in which they are trained on."""
        if self.sampling == "clusters":
            return uniform_over_clusters(labels, len(labels))
        return torch.randperm(len(labels), device=labels.device)

    def views(self, pixels: Tensor) -> Tensor:
        """What the network sees of a batch: `n_views` views of it, one by one."""
        if self.view is not None:
            pixels = torch.cat([self.view(pixels) for _ in range(self.n_views)])
        return pixels.contiguous(memory_format=torch.channels_last)

    def rate(self, epoch: int) -> float:
        """The learning rate of all but the head, which begins anew every epoch."""
        if epoch < self.warmup_epochs:
            return self.learning_rate * (epoch + 1) / (self.warmup_epochs + 1)
        if self.lr_schedule == "constant":
            return self.learning_rate
        done = (epoch - self.warmup_epochs) / (self.n_epochs - self.warmup_epochs)
        return self.learning_rate * (1 + math.cos(math.pi * done)) / 2


def keep_means(bank: Tensor, index: Tensor, embeddings: Tensor) -> None:
    """Replace rows of a bank by the mean of what was seen of each image."""
    times = bank.new_zeros(len(bank)).index_add_(0, index, bank.new_ones(len(index)))
    bank.index_fill_(0, index, 0)
    bank.index_add_(0, index, embeddings / times[index].unsqueeze(1))


def _agreement(previous: Tensor | None, labels: Tensor) -> tuple[float, float]:
    """NMI and purity of an assignment with the one before."""
    if previous is None:
        return math.nan, math.nan
    before, now = previous.cpu().numpy(), labels.cpu().numpy()
    nmi = normalized_mutual_info_score(before, now)
    return float(nmi), cluster_purity_score(before, now)
