import math

import pytest
import torch

from skdeepcluster.objectives import ClusterClassification


def test_the_linear_layer_is_drawn_small_and_again_in_every_epoch():
    objective = ClusterClassification()
    head = objective.build(1000, 50)
    before = head.weight.detach().clone()
    objective.begin(head, torch.zeros(50, 1000))
    assert not torch.equal(head.weight, before)
    assert head.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert (head.bias == 0).all()


def test_a_standardised_layer_ignores_scale_and_what_all_images_share():
    objective = ClusterClassification(standardize=True)
    head = objective.build(8, 5).train()
    features = torch.randn(16, 8, generator=torch.Generator().manual_seed(0))
    logits = head(features)
    assert torch.allclose(head(30 * features + 100), logits, atol=1e-4)
    objective.begin(head, torch.zeros(5, 8))
    assert not torch.allclose(head(features), logits)  # drawn again


def test_dropout_zeroes_a_share_of_the_standardised_input_while_training():
    objective = ClusterClassification(standardize=True, dropout=0.5)
    head = objective.build(400, 5).train()
    seen = []
    *_, linear = head.modules()
    linear.register_forward_hook(lambda layer, inputs, _: seen.append(inputs[0]))
    features = torch.randn(16, 400, generator=torch.Generator().manual_seed(0))
    head(features)
    head.eval()(features)
    trained, evaluated = seen
    assert (trained == 0).float().mean() == pytest.approx(0.5, abs=0.05)
    kept = trained != 0
    torch.testing.assert_close(trained[kept], 2 * evaluated[kept])


def test_guessing_costs_the_logarithm_of_the_number_of_clusters():
    objective = ClusterClassification()
    loss = objective.loss(torch.zeros(6, 4), torch.tensor([0, 1, 2, 3, 0, 1]), 1)
    assert float(loss) == pytest.approx(math.log(4))
    assert objective.loss_of_guessing(4) == math.log(4)
