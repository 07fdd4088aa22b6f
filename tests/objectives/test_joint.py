import pytest
import torch
import torch.nn.functional as F

from skdeepcluster.objectives import (
    CentroidClassification,
    SwappedClassification,
    SwappedPrediction,
)

LABELS = torch.tensor([0, 1, 2, 0] * 2)


def test_its_loss_is_the_sum_of_both():
    torch.manual_seed(0)
    logits = torch.randn(8, 16 + 3)
    objective = SwappedClassification(n_prototypes=16, weight=0.5)
    swapped = SwappedPrediction(16).loss(logits[:, :16], LABELS, 2)
    classified = CentroidClassification().loss(logits[:, 16:], LABELS, 2)
    found = objective.loss(logits, LABELS, 2)
    torch.testing.assert_close(found, swapped + 0.5 * classified)


def test_prototypes_last_and_centroids_are_taken_over():
    objective = SwappedClassification(n_prototypes=16)
    head = objective.build(8, 3)
    before = head.prototypes.prototypes.detach().clone()
    centroids = torch.randn(3, 8)
    objective.begin(head, centroids)
    assert torch.equal(head.prototypes.prototypes, before)
    torch.testing.assert_close(head.clusters.centroids, F.normalize(centroids, dim=1))
    assert head(torch.randn(5, 8)).shape == (5, 19)


def test_it_is_not_for_principal_components(quick, digits):
    quick.set_params(objective=SwappedClassification(), pca_components=4)
    with pytest.raises(ValueError, match="puts into another space"):
        quick.fit(digits[0])
