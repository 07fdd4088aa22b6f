import pytest
import torch

from skdeepcluster._engine.sampling import uniform_over_clusters


def test_uniform_over_clusters_of_500_and_3():
    """A sampler that indexes images instead of clusters would draw 500 : 3 again."""
    torch.manual_seed(0)
    labels = torch.tensor([0] * 500 + [1] * 3)[torch.randperm(503)]
    drawn = uniform_over_clusters(labels, 503)
    assert sorted(labels[drawn].bincount().tolist()) == [251, 252]


def test_goes_round_the_members_of_a_cluster():
    labels = torch.tensor([0] * 500 + [1] * 3)
    drawn = uniform_over_clusters(labels, 503)
    large = drawn[labels[drawn] == 0]
    assert len(large.unique()) == len(large)
    times = drawn[labels[drawn] == 1].bincount()[-3:]
    assert times.max() - times.min() <= 1


def test_empty_clusters_are_never_drawn():
    labels = torch.tensor([7, 7, 2, 2, 2])
    drawn = uniform_over_clusters(labels, 100)
    assert labels[drawn].bincount()[[2, 7]].tolist() == [50, 50]


def test_every_batch_is_balanced_about_equally():
    torch.manual_seed(0)
    labels = torch.arange(10).repeat_interleave(torch.arange(1, 101, 10))
    drawn = uniform_over_clusters(labels, 1000)
    share = labels[drawn[:500]].bincount() / 500
    assert share.min() > 0.06
    assert share.max() < 0.14


def test_images_of_a_cluster_have_equal_chances():
    torch.manual_seed(0)
    labels = torch.tensor([0] * 4 + [1] * 400)
    count = torch.zeros(404)
    for _ in range(50):
        count += uniform_over_clusters(labels, 404).bincount(minlength=404)
    assert count[4:].float().mean() == pytest.approx(50 * 202 / 400)
    assert count[4:].min() > 10
    assert count[4:].max() < 40


@pytest.mark.parametrize("n_draws", [1, 2, 7])
def test_fewer_draws_than_clusters(n_draws):
    labels = torch.arange(10)
    drawn = uniform_over_clusters(labels, n_draws)
    assert len(drawn.unique()) == n_draws
