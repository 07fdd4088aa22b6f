import re
import warnings

import pytest
import torch

from skdeepcluster import Augmentation, CollapseWarning, DeepClusterCategorizer
from skdeepcluster._doubts import Doubts, find_collapse, find_doubt, followed_by
from skdeepcluster._engine.clustering import Clustering
from skdeepcluster._engine.epoch import Epoch
from skdeepcluster._warnings import Followed
from skdeepcluster.objectives import Objective, Stage, SwappedPrediction


def epoch_of(objective, clustering, loss):
    """An epoch that is over."""
    drawn = torch.arange(len(clustering.labels))
    total = torch.tensor(loss * len(drawn))
    return Epoch(0, Stage(objective), clustering, 0.1, drawn, total)


@pytest.mark.parametrize(
    ("n_clusters", "sizes", "distance", "loss", "expected"),
    [
        (2, 50, 0.9, 1.0, "81% of the variance .* 8 times the number"),
        (2, 50, 0.5, 1.0, None),
        (20, 5, 0.5, 1.0, None),
        (25, 4, 0.5, 1.0, "at most 4 images"),
        (2, 50, 0.5, 6.0, "the loss is 6.00, and that of guessing is 6.24"),
        (1, 100, 1.0, 1.0, None),  # one cluster was asked for
    ],
)
def test_what_tells_that_clusters_are_of_little_use(
    n_clusters, sizes, distance, loss, expected
):
    n = n_clusters * sizes
    clustering = Clustering(
        labels=torch.arange(n_clusters).repeat_interleave(sizes),
        distances=torch.full((n,), distance),
        centroids=torch.zeros(n_clusters, 2),
        whitening=None,
        spread=float(n),
    )
    doubt = find_doubt(clustering, SwappedPrediction(512), loss, Followed())
    if expected is None:
        assert doubt is None
    else:
        assert re.search(expected, doubt)


def test_a_loss_of_which_nothing_is_known_is_not_judged():
    clustering = Clustering(
        labels=torch.arange(10).repeat(10),
        distances=torch.full((100,), 0.1),
        centroids=torch.zeros(10, 2),
        whitening=None,
        spread=100.0,
    )
    epoch = epoch_of(Objective(), clustering, 1e9)
    assert find_collapse(epoch) is None
    assert find_doubt(clustering, Objective(), 1e9, Followed()) is None


@pytest.mark.parametrize(("n_filled", "is_collapse"), [(7, True), (60, False)])
def test_clusters_that_have_no_images_any_more(n_filled, is_collapse):
    clustering = Clustering(
        labels=torch.arange(n_filled).repeat(20),
        distances=torch.full((20 * n_filled,), 0.1),
        centroids=torch.zeros(104, 2),
        whitening=None,
        spread=100.0,
    )
    found = find_collapse(epoch_of(SwappedPrediction(), clustering, 1.0))
    expected = "only 7 of 104 clusters have images" if is_collapse else None
    assert found == expected


class _LoopMadeError(Exception):
    pass


@pytest.fixture
def loop_of(digits, monkeypatch):
    """Gives the loop that an estimator would learn with."""

    def make(**parameters):
        made = []

        def note(loop, stopping):
            made.append(loop)
            raise _LoopMadeError

        monkeypatch.setattr("skdeepcluster._categorizer.Learning", note)
        with pytest.raises(_LoopMadeError):
            DeepClusterCategorizer(**parameters).fit(digits[0])
        return made[0]

    return make


ALL_FOLLOWED = {
    "n_clusters": 2,
    "batch_size": 64,
    "augmentation": False,
    "standardize": "dataset",
    "precision": "float32",
}
NONE_FOLLOWED = {
    "n_clusters": 3,
    "batch_size": 65,
    "augmentation": Augmentation(),
    "standardize": "image",
    "precision": "bfloat16",
}
ADVICE = {
    "n_clusters": "fewer clusters",
    "batch_size": "batch_size=64",
    "augmentation": "milder augmentation",
    "standardize": "standardize='dataset'",
    "precision": "precision='float32'",
}


@pytest.mark.parametrize("other", ADVICE)
def test_no_advice_that_is_followed_already(other, loop_of):
    """Only what one parameter still allows is advised, and that always."""
    loop = loop_of(**ALL_FOLLOWED | {other: NONE_FOLLOWED[other]})
    doubts = Doubts(loop.clusterer.n_clusters, followed_by(loop))
    clustering = Clustering(
        labels=torch.zeros(100, dtype=torch.int64),
        distances=torch.full((100,), 0.1),
        centroids=torch.zeros(2, 2),
        whitening=None,
        spread=100.0,
    )
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        doubts.after(epoch_of(SwappedPrediction(), clustering, 1.0), 5)
        doubts.of_rate(1, 0.1)
        doubts.gave_up(3, 7)
    assert told[0].category is CollapseWarning
    assert "another learning_rate" in str(told[0].message)
    little_learnt = find_doubt(clustering, SwappedPrediction(), 99.0, doubts.followed)
    text = " ".join([*(str(each.message) for each in told), little_learnt])
    given = {name for name, advice in ADVICE.items() if advice in text}
    assert given == {other}


def test_a_few_images_that_are_one_cluster_are_no_collapse(digits, recwarn):
    """There is one cluster for ten images in the second stage."""
    est = DeepClusterCategorizer(3, n_epochs=6, random_state=1).fit(digits[0][:15])
    assert est.n_epochs_ == 6
    assert not [each for each in recwarn if each.category is CollapseWarning]
