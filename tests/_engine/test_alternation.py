import pytest
import torch
import torch.nn.functional as F

from skdeepcluster._engine.clustering import Clusterer
from skdeepcluster._engine.recovery import Recovery
from skdeepcluster.objectives import (
    CentroidClassification,
    Objective,
    SwappedPrediction,
    TwoStages,
)

CPU = torch.device("cpu")
LABELS = torch.arange(40) % 4


def test_both_views_of_an_image_get_its_label(make_loop, train):
    """With images of 4 classes that a fixed head tells apart without error."""
    objective = CentroidClassification()
    loop = make_loop(n_views=2, view=lambda pixels, share: pixels, objective=objective)
    loop.backbone.body.train()
    with torch.no_grad():
        pixels = loop.images.batch(slice(None)).repeat(2, 1, 1, 1)
        embeddings = loop.backbone.body(pixels)
    loop.descent.enter(objective, 4, CPU)
    head = loop.descent.head
    objective.begin(head, torch.nn.functional.normalize(embeddings[:4], dim=1))
    labels = head(embeddings[:40]).argmax(1)
    expected = torch.nn.functional.cross_entropy(head(embeddings[:40]), labels)
    found = train(loop, objective, labels)
    assert found == pytest.approx(float(expected), rel=1e-3)


def test_swapped_labels_do_not_depend_on_the_clusters(make_loop, train):
    losses = []
    for clusters in (torch.zeros(40, dtype=torch.int64), LABELS):
        objective = SwappedPrediction(n_prototypes=16)
        loop = make_loop(objective=objective, view=lambda pixels, share: pixels.flip(0))
        loop.descent.enter(objective, 4, CPU)
        torch.manual_seed(1)
        losses.append(train(loop, objective, clusters))
    assert losses[0] == losses[1]


def test_prototypes_are_learnt_on_from_epoch_to_epoch(make_loop):
    loop = make_loop(objective=SwappedPrediction(n_prototypes=16), n_epochs=3)
    seen = [loop.descent.head.prototypes for _ in Recovery(loop).epochs()]
    assert seen[0] is seen[1] is seen[2]
    assert loop.descent.optimizer.state[seen[0]]["momentum_buffer"].any()


@pytest.mark.parametrize("sees_neck", [True, False])
def test_an_objective_says_whether_it_sees_the_neck(make_loop, sees_neck, train):
    seen = []

    class Watching(Objective):
        def build(self, n_features, n_clusters):
            head = torch.nn.Linear(n_features, n_clusters)
            head.register_forward_hook(lambda _, features, __: seen.append(features[0]))
            return head

        def loss(self, logits, labels, n_views):
            return torch.nn.functional.cross_entropy(logits, labels)

    objective = Watching()
    objective.sees_neck = sees_neck
    loop = make_loop(backbone="vgg11", objective=objective)
    loop.descent.enter(objective, 4, CPU)
    train(loop, objective, LABELS)
    assert bool((seen[0] < 0).any()) is not sees_neck  # the neck has a ReLU


def test_an_objective_of_two_stages(make_loop):
    first, second = SwappedPrediction(n_prototypes=16), CentroidClassification()
    loop = make_loop(
        objective=TwoStages(first, second, 0.5, 0.1, 3),
        n_epochs=4,
        view=lambda pixels, share: pixels.clone(),
    )
    heads, groups, epochs = [], [], []
    for epoch in Recovery(loop).epochs():
        heads.append(loop.descent.head)
        groups.append(len(loop.descent.optimizer.param_groups))
        epochs.append(epoch)
    assert [epoch.stage.objective for epoch in epochs] == [first, first, second, second]
    assert heads[0] is heads[1]
    assert heads[2] is heads[3]
    assert heads[2].centroids.shape == (3, 512)
    assert groups == [2, 2, 1, 1]  # there is nothing to learn in the second
    assert set(loop.descent.optimizer.state) == set(loop.backbone.body.parameters())
    rates = [epoch.learning_rate for epoch in epochs]
    assert rates == pytest.approx([0.01, 0.01, 0.001, 0.001])
    assert [len(epoch.clustering.centroids) for epoch in epochs] == [4, 4, 3, 3]
    norms = epochs[-1].clustering.centroids.norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(3))


def test_the_last_clustering_is_as_the_last_stage_wants_it(make_loop):
    stages = TwoStages(
        SwappedPrediction(n_prototypes=16), CentroidClassification(), 0.5, 0.1, 3
    )
    loop = make_loop(objective=stages, n_epochs=4)
    done = [None, *Recovery(loop).epochs()]
    for last, is_spherical in zip(done, (False, False, False, True, True), strict=True):
        clustering, embedding = loop.final(last)
        assert len(clustering.centroids) == 4
        norms = clustering.centroids.norm(dim=1)
        assert torch.allclose(norms, torch.ones(4)) is is_spherical
        torch.testing.assert_close(embedding.norm(dim=1), torch.ones(40))


def test_only_the_last_clustering_starts_where_it_is_told(make_loop):
    calls = []

    def watched(points, n_clusters, ranks):
        calls.append(n_clusters)
        return points[:n_clusters]

    loop = make_loop(clusterer=Clusterer(4, 5, final_init=watched))
    list(Recovery(loop).epochs())
    assert calls == []
    loop.final(None)
    assert calls == [4]


def test_views_stand_in_for_new_images(make_loop):
    loop = make_loop(view=lambda pixels, share: pixels.flip(3))
    clustering, points = loop.final(None)
    flipped = loop.embed(view=lambda pixels, share: pixels.flip(3))
    torch.testing.assert_close(clustering.stand_ins, F.normalize(flipped))
    assert not torch.allclose(clustering.stand_ins, points)


def test_without_views_images_stand_in_for_themselves(make_loop):
    clustering, points = make_loop().final(None)
    centroids = clustering.centroids[clustering.labels]
    sizes = clustering.labels.bincount()[clustering.labels]
    factors = sizes / (sizes - 1).clamp(min=1)
    torch.testing.assert_close(
        (clustering.stand_ins - centroids).norm(dim=1),
        (points - centroids).norm(dim=1) * factors,
    )
