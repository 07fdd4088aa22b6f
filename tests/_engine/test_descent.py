import pytest
import torch

from skdeepcluster._engine.descent import cosine
from skdeepcluster.objectives import (
    CentroidClassification,
    ClusterClassification,
    Stage,
    SwappedPrediction,
)

CPU = torch.device("cpu")


@pytest.fixture
def descent(make_loop):
    def make(**parameters):
        return make_loop(**parameters).descent

    return make


@pytest.mark.parametrize(("given", "momentum"), [(0.0, 0.0), (None, 0.9)])
def test_the_head_may_have_a_momentum_of_its_own(descent, given, momentum):
    descent = descent()
    descent.enter(ClusterClassification(momentum=given), 4, CPU)
    learnt, anew = descent.optimizer.param_groups
    assert (learnt["momentum"], anew["momentum"]) == (0.9, momentum)


def test_a_head_without_parameters_is_not_optimised(descent):
    descent = descent()
    descent.enter(CentroidClassification(), 4, CPU)
    assert len(descent.optimizer.param_groups) == 1


def test_a_head_made_anew_keeps_the_initial_rate(descent):
    """Prototypes, which last, share the scheduled one."""
    descent = descent(schedule=cosine, n_epochs=4)
    centroids = torch.zeros(4, 512)
    for objective, shares in (
        (ClusterClassification(), False),
        (SwappedPrediction(n_prototypes=8), True),
    ):
        descent.enter(objective, 4, CPU)
        rate = descent.begin(3, Stage(objective, rate_factor=0.5), centroids)
        backbone, head = descent.optimizer.param_groups
        assert rate == backbone["lr"] == pytest.approx(0.01 * cosine(0.75) / 2)
        assert head["lr"] == (rate if shares else 0.01)


def test_a_head_made_anew_forgets_its_weights_and_its_momentum(descent):
    descent = descent()
    objective = ClusterClassification()
    descent.enter(objective, 4, CPU)
    head = descent.head
    features = torch.randn(8, 512, requires_grad=True)
    descent.step(head(features).square().sum())
    state = descent.optimizer.state
    before = head.weight.detach().clone()
    assert head.weight in state
    descent.enter(objective, 4, CPU)
    descent.begin(1, Stage(objective), torch.zeros(4, 512))
    assert descent.head is head
    assert head.weight not in state
    assert not torch.equal(head.weight, before)


def test_a_head_is_built_again_for_another_number_of_clusters(descent):
    descent = descent()
    objective = ClusterClassification()
    descent.enter(objective, 4, CPU)
    descent.enter(objective, 6, CPU)
    assert descent.head.out_features == 6
    swapped = SwappedPrediction(n_prototypes=8)
    descent.enter(swapped, 6, CPU)
    prototypes = descent.head
    descent.enter(swapped, 4, CPU)
    assert descent.head is prototypes  # it lasts, whatever K-means finds
    lasting = ClusterClassification()
    lasting.begins_anew = False
    for n_clusters in (4, 6):
        descent.enter(lasting, n_clusters, CPU)
        assert descent.head.out_features == n_clusters


@pytest.mark.parametrize(("n", "batch_size"), [(65, 64), (3, 2), (129, 64), (2, 2)])
def test_batches_are_of_equal_size_and_none_is_a_single_image(descent, n, batch_size):
    batches = descent(batch_size=batch_size).batches(torch.arange(n))
    sizes = [len(batch) for batch in batches]
    assert min(sizes) >= 2
    assert max(sizes) - min(sizes) <= 1
    assert torch.cat(list(batches)).tolist() == list(range(n))
