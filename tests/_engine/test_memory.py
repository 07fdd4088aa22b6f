import torch

from skdeepcluster._engine.memory import Bank, keep_means
from skdeepcluster._engine.recovery import Recovery

CPU = torch.device("cpu")


def test_the_bank_keeps_the_mean_of_an_images_views(make_loop, train):
    def two_kinds_of_view(pixels, share):
        two_kinds_of_view.calls += 1
        return pixels if two_kinds_of_view.calls % 2 else -pixels

    two_kinds_of_view.calls = 0
    loop = make_loop(n_views=2, view=two_kinds_of_view, cluster_on="bank")
    loop.memory.rows = torch.zeros(40, 512)
    before = loop.backbone.body.train()
    pixels = loop.images.batch(slice(None))
    with torch.no_grad():
        first, second = before(torch.cat([pixels, -pixels])).chunk(2)
    loop.descent.enter(loop.objective, 4, CPU)
    train(loop, loop.objective, torch.arange(40) % 4)
    expected = (first + second) / 2
    torch.testing.assert_close(loop.memory.recall(), expected, atol=1e-4, rtol=1e-3)


def test_a_vggs_bank_is_what_it_embeds_and_not_what_its_neck_makes_of_it(
    make_loop, train
):
    loop = make_loop(backbone="vgg11", cluster_on="bank", batch_size=20)
    loop.memory.rows = torch.zeros(40, 4096)
    loop.descent.enter(loop.objective, 4, CPU)
    train(loop, loop.objective, torch.arange(40) % 4)
    assert (loop.memory.recall() < 0).float().mean() > 0.2


def test_with_a_bank_an_epoch_clusters_what_the_last_one_trained_on(
    make_loop, monkeypatch
):
    recall, recalled = Bank.recall, []

    def watched(self):
        recalled.append(recall(self).clone())
        return self.rows

    monkeypatch.setattr(Bank, "recall", watched)
    list(Recovery(make_loop(cluster_on="bank", n_epochs=3)).epochs())
    assert len(recalled) == 3
    assert not torch.equal(recalled[0], recalled[1])
    assert not torch.equal(recalled[1], recalled[2])


def test_views_are_embedded_anew_and_images_as_they_are(make_loop):
    pixels = make_loop().memory.recall()
    flipped = make_loop(view=torch.flip, cluster_on="images").memory.recall()
    torch.testing.assert_close(flipped, pixels)
    views = make_loop(view=lambda images, share: images.flip(2), cluster_on="views")
    assert not torch.allclose(views.memory.recall(), pixels)


def test_an_image_seen_twice_is_kept_as_a_mean():
    bank = torch.full((3, 2), 9.0)
    keep_means(bank, torch.tensor([2, 0, 2]), torch.tensor([[1.0, 2], [5, 6], [3, 4]]))
    assert bank.tolist() == [[5, 6], [9, 9], [2, 3]]
