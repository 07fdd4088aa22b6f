import re

import pytest
import torch

from skdeepcluster._doubts import find_doubt
from skdeepcluster._engine.alternation import Clustering


@pytest.mark.parametrize(
    ("n_clusters", "sizes", "distance", "loss", "expected"),
    [
        (2, 50, 0.9, 1.0, "81% of the variance .* 8 times the number"),
        (2, 50, 0.5, 1.0, None),
        (20, 5, 0.5, 1.0, None),
        (25, 4, 0.5, 1.0, "no more than 4 images"),
        (2, 50, 0.5, 6.0, "the loss is 6.00 and that of guessing 6.24"),
        (1, 100, 1.0, 1.0, None),  # one cluster was asked for
    ],
)
def test_what_tells_that_clusters_are_of_little_use(
    n_clusters, sizes, distance, loss, expected
):
    n = n_clusters * sizes
    clustering = Clustering(
        labels=torch.arange(n_clusters).repeat_interleave(sizes),
        distances=torch.full((n,), distance),
        centroids=torch.zeros(n_clusters, 2),
        whitening=None,
        spread=float(n),
    )
    doubt = find_doubt(clustering, loss, 512)
    if expected is None:
        assert doubt is None
    else:
        assert re.search(expected, doubt)
