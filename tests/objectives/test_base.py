"""An objective of the user's own, in the user's own file."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.metrics import purity_scorer
from skdeepcluster.objectives import (
    CentroidClassification,
    Objective,
    Stage,
    SwappedPrediction,
)


class SmoothClassification(Objective):
    def __init__(self, smoothing=0.1):
        self.smoothing = smoothing

    def build(self, n_features, n_clusters):
        return torch.nn.Linear(n_features, n_clusters)

    def loss(self, logits, labels, n_views):
        return torch.nn.functional.cross_entropy(
            logits, labels, label_smoothing=self.smoothing
        )


class Warming(Objective):
    """Keeps what it needs in an attribute: fit works on a clone."""

    def stage(self, epoch, n_epochs):
        self.temperature_ = 1 + epoch
        return Stage(self)

    def build(self, n_features, n_clusters):
        return torch.nn.Linear(n_features, n_clusters)

    def loss(self, logits, labels, n_views):
        return torch.nn.functional.cross_entropy(logits * 0, labels) * self.temperature_


def test_an_objective_of_ones_own_learns_predicts_and_is_left_out_of_the_file(
    quick, digits, tmp_path
):
    quick.set_params(objective=SmoothClassification(0.3), n_epochs=4).fit(digits[0])
    assert quick.history_["loss"][-1] < quick.history_["loss"][0]
    quick.save(tmp_path / "model.safetensors")
    loaded = DeepClusterCategorizer.load(tmp_path / "model.safetensors")
    assert loaded.objective is None
    np.testing.assert_array_equal(loaded.predict(digits[0]), quick.labels_)


def test_what_it_says_of_itself_counts(quick, digits):
    losses = [
        clone(quick).set_params(objective=objective).fit(digits[0]).history_["loss"]
        for objective in (SmoothClassification(0.0), SmoothClassification(0.9))
    ]
    assert not np.allclose(*losses)


def test_all_layers_of_a_head_are_made_anew():
    objective = SmoothClassification()
    head = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 2))
    before = [weight.detach().clone() for weight in head.parameters()]
    objective.begin(head, torch.zeros(2, 4))
    for weight, old in zip(head.parameters(), before, strict=True):
        assert not torch.equal(weight, old)
    objective.begins_anew = False
    before = [weight.detach().clone() for weight in head.parameters()]
    objective.begin(head, torch.zeros(2, 4))
    for weight, old in zip(head.parameters(), before, strict=True):
        assert torch.equal(weight, old)


def test_it_may_keep_what_it_needs_for_fit_works_on_a_clone(quick, digits):
    objective = Warming()
    quick.set_params(objective=objective, n_epochs=3).fit(digits[0])
    guessing = np.log(5)
    np.testing.assert_allclose(
        quick.history_["loss"], [guessing, 2 * guessing, 3 * guessing], rtol=1e-5
    )
    assert not vars(objective)


class TwoStages(Objective):
    def __init__(self, first, second):
        self.first = first
        self.second = second

    def stage(self, epoch, n_epochs):
        if 2 * epoch < n_epochs:
            return Stage(self.first)
        return Stage(self.second, rate_factor=0.1, n_clusters=20)


def test_an_objective_of_two_stages(quick, digits):
    X, _ = digits
    stages = TwoStages(SwappedPrediction(n_prototypes=32), CentroidClassification())
    quick.set_params(objective=stages, n_epochs=4).fit(X)
    assert quick.n_clusters_ <= 5
    assert len(set(quick.last_epoch_labels_)) > 5
    rates = quick.history_["learning_rate"]
    np.testing.assert_allclose(rates, [0.05, 0.05, 0.005, 0.005])
    norms = np.linalg.norm(quick.cluster_centers_, axis=1)
    np.testing.assert_allclose(norms, 1, rtol=1e-5)  # as the last stage wants it
    np.testing.assert_array_equal(quick.predict(X), quick.labels_)
    again = clone(quick).set_params(objective__second__temperature=0.2)
    assert again.objective.second.temperature == 0.2
    with pytest.raises(ValueError, match="pca_components=8 puts into another space"):
        clone(quick).set_params(pca_components=8).fit(X)
    with pytest.raises(ValueError, match="'n_prototypes' parameter"):
        clone(quick).set_params(objective__first__n_prototypes=0).fit(X)


class Parts(Objective):
    """Of stages in a list, asked once where there is no epoch."""

    def __init__(self, stages):
        self.stages = stages

    def stage(self, epoch, n_epochs):
        return Stage(self.stages[int(epoch / n_epochs * len(self.stages))])


def test_stages_in_a_list(quick, digits):
    X, _ = digits
    stages = [SwappedPrediction(8), CentroidClassification()]
    quick.set_params(objective=Parts(stages), n_epochs=0)
    clone(quick).fit(X)
    clone(quick).set_params(n_epochs=2).fit(X)
    with pytest.raises(ValueError, match="pca_components=4 puts into another space"):
        clone(quick).set_params(pca_components=4).fit(X)
    quick.set_params(objective=Parts([SwappedPrediction(8, temperature=-1)]))
    with pytest.raises(ValueError, match="'temperature' parameter"):
        quick.fit(X)


def test_a_stage_gets_one_cluster_for_ten_images_at_most(quick, digits):
    stages = TwoStages(SwappedPrediction(8), CentroidClassification())
    quick.set_params(objective=stages, n_epochs=2).fit(digits[0][:64])
    assert len(set(quick.last_epoch_labels_)) <= 6
    assert quick.n_clusters_ == 5


def test_what_has_to_be_written_is_named(quick, digits):
    with pytest.raises(NotImplementedError, match="Objective has no method build"):
        quick.set_params(objective=Objective()).fit(digits[0])


def test_its_parameters_are_searched(quick, digits):
    X, y = digits
    quick.set_params(objective=SwappedPrediction(n_prototypes=8), n_epochs=1)
    search = GridSearchCV(
        quick, {"objective__temperature": [0.05, 0.2]}, scoring=purity_scorer, cv=2
    ).fit(X, y)
    assert search.best_estimator_.objective.temperature in (0.05, 0.2)
    assert quick.objective.temperature == 0.1
