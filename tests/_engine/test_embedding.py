import numpy as np
import pytest
import torch
from torch import nn

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster._engine.embedding import embed
from skdeepcluster._engine.images import Images


class Seen(nn.Module):
    """Four means of an image; how many images come at once is noted."""

    def __init__(self, numbers):
        super().__init__()
        self.numbers = numbers
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, pixels):
        self.numbers.append(len(pixels))
        return self.scale * nn.functional.adaptive_avg_pool2d(pixels, 2).flatten(1)


@pytest.mark.parametrize(
    ("side", "numbers"), [(64, [10]), (1024, [4, 4, 2]), (2048, [1] * 10)]
)
def test_of_large_images_few_are_embedded_at_once(side, numbers):
    rows = np.random.default_rng(0).random((10, 64)).astype(np.float32)
    device, given = torch.device("cpu"), []
    images = Images(rows, (8, 8, 1), size=(side, side), standardize=None, device=device)
    found = embed(Seen(given), images, batch_size=128, precision="float32")
    assert given == numbers
    own = rows.reshape(10, 2, 4, 2, 4).mean((2, 4)).reshape(10, 4)
    np.testing.assert_allclose(found, own, atol=0.05)  # resized


def test_a_fitted_model_sees_as_few_as_its_fit(digits):
    X, numbers = digits[0][:5], []
    est = DeepClusterCategorizer(
        2, backbone=lambda: Seen(numbers), image_size=1024, n_epochs=0, random_state=0
    )
    labels = est.fit_predict(X)
    assert max(numbers) == 4
    numbers.clear()
    np.testing.assert_array_equal(est.predict(X), labels)
    assert numbers == [4, 1]
    est.set_params(batch_size=3).predict(X)
    assert numbers == [4, 1, 3, 2]
