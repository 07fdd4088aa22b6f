import torch

from skdeepcluster.objectives import CentroidClassification


def test_the_head_knows_the_centroids_and_learns_nothing():
    objective = CentroidClassification(temperature=0.1)
    head = objective.build(3, 2)
    objective.begin(head, torch.tensor([[2.0, 0, 0], [0, 1, 0]]))
    logits = head(torch.tensor([[5.0, 0, 0], [0, 0.1, 0], [1, 1, 0]]))
    half = 10 / 2**0.5
    expected = torch.tensor([[10.0, 0], [0, 10], [half, half]])
    torch.testing.assert_close(logits, expected)
    assert not list(head.parameters())


def test_its_loss_is_not_judged():
    """Cosines over a large temperature are all but guessing, by construction."""
    assert CentroidClassification().loss_of_guessing(10) is None
