"""Clusters that nothing was trained for."""

import numpy as np
import pandas as pd
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
def found():
    """Tables of 14 groups of copies and 30 outliers, of images from 0 on."""
    rows = np.arange(34)
    groups = np.concatenate([np.zeros(6, int), np.arange(1, 15).repeat(2)])
    kinds = np.where(groups == 0, "exact", "near")
    columns = {"group": groups, "image": rows, "kind": kinds}
    duplicates = pd.DataFrame(columns | {"copy_of": rows[::-1], "difference": 0.1})
    order = np.arange(40)[::-1]
    outliers = pd.DataFrame(
        {"image": order, "cluster": order // 4, "doubt": order > 9, "score": order - 9}
    )
    return {"duplicates": duplicates, "outliers": outliers}


@pytest.fixture
def page_of(tmp_path):
    """Write the page of so many clusters, and give its path."""

    def page_of(n_clusters=5, n_each=4, shape=(16, 16), **options):
        path = tmp_path / "report.html"
        write_page(path, *clusters(n_clusters, n_each, shape), **options)
        return path

    return page_of
