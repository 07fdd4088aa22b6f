"""What several test modules share. No file outside this project is read."""

import os

# Two tests run side by side on two cores (pytest -n 2), each on its own.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SCIPY_ARRAY_API", "1")  # or scikit-learn skips a check

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skdeepcluster import DeepClusterCategorizer


@pytest.fixture(scope="session")
def digits():
    """200 real images of 8 × 8 pixels and their classes."""
    X, y = load_digits(return_X_y=True)
    return X[:200].reshape(-1, 8, 8).astype(np.uint8), y[:200]


@pytest.fixture
def quick():
    """An unfitted estimator that takes a second."""
    return DeepClusterCategorizer(
        5, backbone="small_cnn", n_epochs=2, batch_size=64, random_state=0
    )


@pytest.fixture(scope="session")
def fitted(digits):
    """A fitted estimator; not to be changed."""
    return DeepClusterCategorizer(
        10, backbone="small_cnn", n_epochs=2, batch_size=64, random_state=0
    ).fit(digits[0])
