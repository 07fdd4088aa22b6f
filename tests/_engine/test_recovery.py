"""What is done where learning diverges, in a loop and in a fit."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster._engine.clustering import DivergenceError
from skdeepcluster._engine.recovery import Recovery, check_finite
from skdeepcluster._engine.state import restore, state_of
from skdeepcluster.objectives import (
    CentroidClassification,
    ClusterClassification,
    Stage,
)

NAN = float("nan")


class Diverging(ClusterClassification):
    """Its loss, or else only its gradient, is no number in some steps of a fit."""

    def __init__(self, steps=(), of_gradient=False, momentum=0.0):
        super().__init__(momentum)
        self.steps = steps
        self.of_gradient = of_gradient

    n_done = 0  # steps; no underscore at its end, for what is done again counts anew

    def loss(self, logits, labels, n_views):
        loss = super().loss(logits, labels, n_views)
        self.n_done += 1
        if self.n_done - 1 not in self.steps:
            return loss
        # The slope of a root is infinite at 0, and 0 times infinity is no number.
        return loss + (0 * logits.sum()).sqrt() if self.of_gradient else loss * NAN


@pytest.fixture
def diverging(quick, digits):
    """A fit of epochs of one step, of which some diverge, and what it warns of."""

    def fit(*steps, n_epochs=4, **parameters):
        of_gradient = parameters.pop("of_gradient", False)
        objective = Diverging(steps, of_gradient)
        quick.set_params(objective=objective, batch_size=64, n_epochs=n_epochs)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            est = quick.set_params(**parameters).fit(digits[0][:60])
        assert {each.category for each in told} <= {ConvergenceWarning}
        return est, [str(each.message) for each in told]

    return fit


@pytest.mark.parametrize("of_gradient", [False, True], ids=["loss", "weights"])
def test_an_epoch_that_diverges_is_done_again_at_half_the_rate(diverging, of_gradient):
    est, told = diverging(1, of_gradient=of_gradient)
    assert est.n_epochs_ == 4
    rates = est.history_["learning_rate"]
    np.testing.assert_allclose(rates, [0.05, 0.025, 0.025, 0.025])
    assert np.isfinite(est.history_["loss"]).all()
    assert np.isfinite(est.embedding_).all()
    (warning,) = told
    assert "repeated with half of learning_rate=0.05" in warning
    without, told = diverging()
    assert told == []
    assert without.history_["loss"][0] == est.history_["loss"][0]


def test_that_is_warned_of_once(diverging):
    est, told = diverging(1, 4)  # in the second epoch, and in the fourth
    rates = est.history_["learning_rate"]
    np.testing.assert_allclose(rates, [0.05, 0.025, 0.025, 0.0125])
    assert len(told) == 1


@pytest.mark.parametrize("first", [0, 2])
def test_after_three_times_what_was_learnt_before_is_kept(diverging, first, digits):
    est, told = diverging(*range(first, 99))
    assert est.n_epochs_ == first
    assert all(len(values) == first for values in est.history_.values())
    (warning,) = told
    assert "even with the rate halved 3 times, and stopped" in warning
    assert f"the one after {first} epochs" in warning
    assert "Try a much lower learning_rate" in warning
    np.testing.assert_array_equal(est.predict(digits[0][:60]), est.labels_)
    before, _ = diverging(n_epochs=first)
    assert torch.equal(*(next(each.network_.parameters()) for each in (est, before)))


def test_an_embedding_that_is_not_finite_is_noticed(make_loop):
    loop = make_loop(n_epochs=2)
    embed, left = loop.embed, [1]

    def embed_badly(**given):
        left[0] -= given.get("first") is not None
        found = embed(**given)
        return found * NAN if left == [0] and given else found

    loop.embed = embed_badly
    rates = [epoch.learning_rate for epoch in Recovery(loop).epochs()]
    assert rates == [0.005, 0.005]


def test_embeddings_that_never_were_finite_are_an_error(make_loop):
    loop = make_loop()
    loop.memory.embed = lambda **_: torch.full((40, 512), NAN)
    with pytest.raises(DivergenceError):
        list(Recovery(loop).epochs())


def test_where_the_clustering_diverges_the_epoch_before_is_taken_back(make_loop):
    loop = make_loop(n_epochs=4)
    recovery = Recovery(loop)
    recall, left = loop.memory.recall, [3]

    def recall_badly():
        left[0] -= 1
        return recall() * (1 if left[0] else NAN)

    loop.memory.recall = recall_badly
    weights = [parameter.clone() for parameter in loop.backbone.body.parameters()]
    done = []
    for epoch in recovery.epochs():
        done.append(epoch)
        if epoch.number == 0:
            weights = [each.clone() for each in loop.backbone.body.parameters()]
    assert len(done) == 2
    assert recovery.gave_up
    assert all(map(torch.equal, weights, loop.backbone.body.parameters()))


class Keeping(ClusterClassification):
    """Keeps a number, a tensor that it changes in place, and what no file can hold."""

    def __init__(self, other=None, momentum=0.0):
        super().__init__(momentum)
        self.other = other

    def loss(self, logits, labels, n_views):
        if not hasattr(self, "n_"):
            self.n_, self.sum_, self.list_ = 0, torch.zeros(1), []
        self.n_ += 1
        self.sum_ += 1
        self.list_.append(1)
        return super().loss(logits, labels, n_views)


def test_what_an_objective_keeps_is_restored_however_often(make_loop):
    other = Keeping()
    other.sum_ = torch.full((1,), 7.0)
    objective = Keeping(other)
    loop = make_loop(objective=objective)
    epoch = loop.begin(0)
    before = state_of(loop, epoch).copied()
    for _ in range(2):
        loop.train(epoch)
        assert (objective.n_, objective.sum_, len(objective.list_)) == (1, 1, 1)
        other.sum_ += 1
        epoch = restore(loop, before)
        assert not hasattr(objective, "n_")
        assert not hasattr(objective, "sum_")
        assert other.sum_ == 7
        assert state_of(loop, epoch).values["unknown"] == ["Keeping.list_"]
        objective.list_.clear()
        objective.n_, objective.sum_ = 0, torch.zeros(1)


def test_a_state_is_all_that_the_rest_depends_on(make_loop):
    """Also of an objective whose head is made anew."""

    class Alternating(ClusterClassification):
        def __init__(self, other=None, momentum=0.9):
            super().__init__(momentum)
            self.other = other

        def stage(self, epoch, n_epochs):
            return Stage(self.other if epoch % 2 else self)

    def make():
        objective = Alternating(CentroidClassification())
        given = {"cluster_on": "bank", "batch_size": 10, "n_epochs": 4}
        return make_loop(objective=objective, **given)

    states = []
    loop = make()
    loop.after_step = lambda epoch: states.append(state_of(loop, epoch).copied())
    losses = [epoch.loss for epoch in Recovery(loop).epochs()]
    assert len(states) == 12
    for state in states[::4]:
        loop = make()
        epoch = restore(loop, state)
        rest = [each.loss for each in Recovery(loop).epochs(epoch)]
        assert rest == losses[epoch.number :]


def test_weights_and_losses_are_looked_at(make_loop):
    loop = make_loop()
    epoch = loop.begin(0)
    check_finite(loop, epoch)
    for spoilt in (epoch.total, next(loop.descent.head.parameters()).data):
        before = spoilt.clone()
        spoilt.fill_(float("inf"))
        with pytest.raises(DivergenceError):
            check_finite(loop, epoch)
        spoilt.copy_(before)
    check_finite(loop, epoch)


@pytest.mark.parametrize("diverges", [False, True])
def test_no_second_bank_is_kept_while_all_are_embedded(make_loop, diverges):
    loop = make_loop(cluster_on="bank", n_epochs=2)
    recovery = Recovery(loop)
    (*_, last) = recovery.epochs()
    final, calls = loop.final, []

    def noted(last):
        calls.append("memory" in recovery._before.tensors)
        if diverges and len(calls) == 1:
            raise DivergenceError
        return final(last)

    loop.final = noted
    clustering, _ = recovery.final(last)
    assert clustering.labels.shape == (40,)
    assert calls == [False] * (1 + diverges)
