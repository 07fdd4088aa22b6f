"""Clusters that nothing was trained for."""

import numpy as np
import pytest

from skdeepcluster.review._assignment import Assignment
from skdeepcluster.review._report import write_page


def clusters(n_clusters, n_each, shape=(16, 16)):
    """Images of that shape, where they lie, and the centres."""
    random = np.random.default_rng(0)
    centers = random.normal(size=(n_clusters, 8)).astype(np.float32)
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    labels = np.repeat(np.arange(n_clusters), n_each)
    images = random.integers(0, 256, (len(labels), *shape), dtype=np.uint8)
    distances = random.random(len(labels), dtype=np.float32)
    margins = random.random(len(labels), dtype=np.float32)
    others = (labels + 1) % n_clusters
    assignment = Assignment(centers[labels], labels, distances, others, margins)
    return images, assignment, centers


@pytest.fixture
def clustered():
    return clusters


@pytest.fixture
def page_of(tmp_path):
    """Write the page of so many clusters, and give its path."""

    def page_of(n_clusters=5, n_each=4, shape=(16, 16), **options):
        path = tmp_path / "report.html"
        write_page(path, *clusters(n_clusters, n_each, shape), **options)
        return path

    return page_of
