import math
from dataclasses import replace

import pytest
import torch

from skdeepcluster._engine import backbones
from skdeepcluster._engine.alternation import Alternation, _agreement, keep_means
from skdeepcluster._engine.images import Images

SETTINGS = {
    "view": None,
    "n_views": 1,
    "clustering_view": None,
    "memory_bank": False,
    "n_clusters": 4,
    "kmeans_n_iter": 5,
    "kmeans_init": "random",
    "pseudo_labels": "clusters",
    "n_prototypes": 16,
    "pca_components": None,
    "temperature": None,
    "sampling": "images",
    "n_epochs": 2,
    "batch_size": 40,
    "learning_rate": 0.01,
    "lr_schedule": "constant",
    "warmup_epochs": 0,
    "momentum": 0.9,
    "head_momentum": 0.0,
    "weight_decay": 0.0,
    "precision": "float32",
}


@pytest.fixture
def alternation(digits):
    def make(**settings):
        torch.manual_seed(0)
        images = Images(
            digits[0][:40].reshape(40, 64),
            (8, 8, 1),
            size=(32, 32),
            standardize="image",
            device=torch.device("cpu"),
        )
        backbone = backbones.build("small_cnn", in_channels=1, size=(32, 32))
        return Alternation(backbone=backbone, images=images, **SETTINGS | settings)

    return make


def test_the_bank_keeps_the_mean_of_an_images_views(alternation):
    def two_kinds_of_view(pixels):
        two_kinds_of_view.calls += 1
        return pixels if two_kinds_of_view.calls % 2 else -pixels

    two_kinds_of_view.calls = 0
    loop = alternation(n_views=2, view=two_kinds_of_view, temperature=0.1)
    head = loop.head()
    head.restart(torch.randn(4, 512))
    bank = torch.zeros(40, 512)
    before = loop.backbone.body.train()
    pixels = loop.images.batch(slice(None))
    with torch.no_grad():
        first, second = before(torch.cat([pixels, -pixels])).chunk(2)
    loop.train(head, loop.optimizer(head), torch.arange(40) % 4, bank)
    torch.testing.assert_close(bank, (first + second) / 2, atol=1e-4, rtol=1e-3)


def test_a_vggs_bank_is_what_it_embeds_and_not_what_its_neck_makes_of_it(alternation):
    vgg = backbones.build("vgg11", in_channels=1, size=(32, 32))
    loop = replace(alternation(batch_size=20), backbone=vgg)
    head = loop.head()
    bank = torch.zeros(40, 4096)
    loop.train(head, loop.optimizer(head), torch.arange(40) % 4, bank)
    assert (bank < 0).float().mean() > 0.2


def test_both_views_of_an_image_get_its_label(alternation):
    """With images of 2 classes that a fixed head tells apart without error."""
    loop = alternation(n_views=2, view=lambda pixels: pixels, temperature=0.1)
    loop.backbone.body.train()
    head = loop.head()
    with torch.no_grad():
        embeddings = loop.backbone.body(
            loop.images.batch(slice(None)).repeat(2, 1, 1, 1)
        )
    centroids = torch.nn.functional.normalize(embeddings[:4], dim=1)
    head.restart(centroids)
    labels = head(embeddings[:40]).argmax(1)
    expected = torch.nn.functional.cross_entropy(head(embeddings[:40]), labels)
    found = loop.train(head, loop.optimizer(head), labels, None)
    assert found == pytest.approx(float(expected), rel=1e-3)


def test_with_a_bank_an_epoch_clusters_what_the_last_one_trained_on(alternation):
    loop = alternation(memory_bank=True, n_epochs=3)
    clustered = []
    cluster = Alternation.cluster

    class Watched(Alternation):
        def cluster(self, embeddings):
            clustered.append(embeddings.clone())
            return cluster(self, embeddings)

    list(Watched(**vars(loop)).epochs())
    assert len(clustered) == 3
    assert not torch.equal(clustered[0], clustered[1])
    assert not torch.equal(clustered[1], clustered[2])


def test_an_image_seen_twice_is_kept_as_a_mean():
    bank = torch.full((3, 2), 9.0)
    keep_means(bank, torch.tensor([2, 0, 2]), torch.tensor([[1.0, 2], [5, 6], [3, 4]]))
    assert bank.tolist() == [[5, 6], [9, 9], [2, 3]]


def test_the_head_has_a_momentum_of_its_own(alternation):
    loop = alternation()
    learnt, anew = loop.optimizer(loop.head()).param_groups
    assert (learnt["momentum"], anew["momentum"]) == (0.9, 0.0)
    cosine = alternation(temperature=0.1)
    assert len(cosine.optimizer(cosine.head()).param_groups) == 1


def test_prototypes_are_learnt_on_from_epoch_to_epoch(alternation):
    """At the scheduled rate and with their momentum, unlike a classifier made anew."""
    loop = alternation(
        pseudo_labels="swapped", temperature=0.1, n_views=2, view=lambda pixels: pixels
    )
    head = loop.head()
    assert head.prototypes.shape == (16, 128)
    optimizer = loop.optimizer(head)
    (group,) = optimizer.param_groups
    assert any(parameter is head.prototypes for parameter in group["params"])
    assert loop.restarted(head) == []
    before = head.prototypes.detach().clone()
    loop.train(head, optimizer, torch.zeros(40, dtype=torch.int64), None)
    assert not torch.equal(head.prototypes, before)


def test_swapped_labels_do_not_depend_on_the_clusters(alternation):
    losses = []
    for clusters in (torch.zeros(40, dtype=torch.int64), torch.arange(40) % 4):
        loop = alternation(
            pseudo_labels="swapped", temperature=0.1, n_views=2, view=torch.flipud
        )
        head = loop.head()
        torch.manual_seed(1)
        losses.append(loop.train(head, loop.optimizer(head), clusters, None))
    assert losses[0] == losses[1]


def test_only_the_last_clustering_starts_from_ward(alternation, monkeypatch):
    calls = []

    def watched(points, n_clusters):
        calls.append(n_clusters)
        return points[:n_clusters]

    monkeypatch.setattr("skdeepcluster._engine.alternation.ward", watched)
    loop = alternation(kmeans_init="ward")
    list(loop.epochs())
    assert calls == []
    loop.final()
    assert calls == [4]


def test_agreement_with_the_assignment_before():
    now = torch.tensor([0, 0, 1, 1])
    assert all(math.isnan(value) for value in _agreement(None, now))
    assert _agreement(torch.tensor([3, 3, 0, 0]), now) == pytest.approx((1, 1))
    nmi, purity = _agreement(torch.tensor([0, 1, 0, 1]), now)
    assert nmi == pytest.approx(0, abs=1e-9)
    assert purity == 0.5
