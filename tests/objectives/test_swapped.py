import math

import pytest
import torch

from skdeepcluster.objectives._swapped import (
    Prototypes,
    SwappedPrediction,
    balanced_assignment,
    swapped_cross_entropy,
)


def test_every_prototype_is_used_equally_often():
    torch.manual_seed(0)
    scores = torch.randn(64, 8) + 5 * torch.eye(8)[0]  # all prefer the first
    assigned = balanced_assignment(scores, n_iter=50)
    torch.testing.assert_close(assigned.sum(1), torch.ones(64))
    torch.testing.assert_close(assigned.sum(0), torch.full((8,), 8.0))


def test_a_balanced_assignment_keeps_the_order_of_preference():
    assigned = balanced_assignment(torch.tensor([[2.0, 0.0], [1.0, 0.0]]))
    assert assigned[0, 0] > assigned[0, 1]
    assert assigned[1, 0] < assigned[1, 1]


def test_large_scores_do_not_overflow():
    assert balanced_assignment(torch.randn(10, 4) * 1000).isfinite().all()


def test_a_view_is_to_predict_the_other_and_not_itself():
    logits = torch.randn(12, 5)
    first, second = logits.chunk(2)
    q1, q2 = balanced_assignment(2 * first), balanced_assignment(2 * second)
    expected = -(q2 * first.log_softmax(1) + q1 * second.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(swapped_cross_entropy(logits, 2), expected / 2)


def test_a_single_view_has_to_predict_itself():
    logits = torch.randn(6, 5)
    expected = -(balanced_assignment(2 * logits) * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(swapped_cross_entropy(logits, 1), expected)


def test_what_is_assigned_is_no_way_for_the_gradient():
    """Else the easiest way to agree would be to assign everything alike."""
    logits = torch.randn(12, 5, requires_grad=True)
    swapped_cross_entropy(logits, 2).backward()
    first, second = logits.detach().chunk(2)
    # The gradient of a cross-entropy with fixed targets: softmax minus target.
    expected = torch.cat(
        [
            first.softmax(1) - balanced_assignment(2 * second),
            second.softmax(1) - balanced_assignment(2 * first),
        ]
    )
    torch.testing.assert_close(logits.grad, expected / 12)


def test_guessing_costs_the_logarithm_of_the_number_of_prototypes():
    loss = swapped_cross_entropy(torch.zeros(8, 16), 2)
    assert float(loss) == pytest.approx(math.log(16))


def test_prototypes_are_directions_that_last():
    prototypes = Prototypes(n_features=4, n_prototypes=6, temperature=0.1)
    logits = prototypes(torch.randn(5, 4) * 100)
    assert logits.shape == (5, 6)
    assert logits.abs().max() <= 10 + 1e-4  # cosines over a temperature of 0.1
    before = prototypes.prototypes.detach().clone()
    torch.testing.assert_close(before.norm(dim=1), torch.ones(6))
    SwappedPrediction().begin(prototypes, torch.zeros(3, 4))
    torch.testing.assert_close(prototypes.prototypes.detach(), before)


def test_what_is_compared_with_prototypes_is_a_projection_that_is_learnt():
    """Clusters are found in what precedes it."""
    torch.manual_seed(0)
    prototypes = Prototypes(n_features=4, n_prototypes=6, temperature=0.1)
    embeddings = torch.randn(8, 4)
    swapped_cross_entropy(prototypes(embeddings), 2).backward()
    linear, norm = prototypes.projection
    assert linear.weight.shape == (128, 4)
    assert linear.weight.grad.abs().sum() > 0
    projected = torch.nn.functional.normalize(norm(linear(embeddings)), dim=1)
    expected = projected @ prototypes.prototypes.T / 0.1
    torch.testing.assert_close(prototypes(embeddings), expected)
