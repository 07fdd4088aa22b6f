import pytest
import torch
from sklearn.decomposition import PCA

from skdeepcluster._engine.embedding import Whitening, on_sphere


@pytest.fixture
def points():
    torch.manual_seed(0)
    return torch.randn(200, 6) * torch.tensor([9.0, 5, 3, 1, 0.5, 0]) + 4


def test_whitened_components_have_unit_variance(points):
    whitened = Whitening.fit(points, 3)(points)
    torch.testing.assert_close(
        whitened.T @ whitened / 199, torch.eye(3), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("n", [50, 5])
def test_whitening_is_that_of_scikit_learn(points, n):
    X = points[:n, :5].repeat(1, 2) + torch.arange(10) * points[:n, [3]]
    expected = PCA(2, whiten=True).fit_transform(X.numpy().astype(float))
    whitened = Whitening.fit(X, 2)(X)
    torch.testing.assert_close(
        whitened.abs(), torch.tensor(expected).float().abs(), atol=1e-3, rtol=1e-3
    )


def test_components_are_clipped_to_the_rank(points):
    assert Whitening.fit(points, 256)(points).shape == (200, 5)
    assert Whitening.fit(points[:4], 256)(points).shape == (200, 3)


def test_whitening_of_constant_features_is_finite():
    constant = torch.ones(10, 4)
    assert Whitening.fit(constant, 2)(constant).isfinite().all()


def test_on_sphere():
    rows = on_sphere(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    torch.testing.assert_close(rows, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
