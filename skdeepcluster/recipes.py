"""Named sets of parameters for `DeepClusterCategorizer.from_recipe`.

A recipe is nothing but a dictionary: copy one, change it, pass it on with ``**``.
"""

from __future__ import annotations

from typing import Any

from skdeepcluster._augmentation import Augmentation

__all__ = ["RECIPES", "deepmcat", "fast"]

deepmcat: dict[str, Any] = {}
"""The method as published by Kart et al. (2021): the estimator's own defaults.

VGG-16 with batch norm from random weights, each image z-scored by itself, rotated
and cropped views for training and for clustering, SGD at 0.05 with batches of 256
for 200 epochs. Wants a GPU, or patience.
"""

fast: dict[str, Any] = {
    "backbone": "small_cnn",
    "image_size": 32,
    "standardize": "dataset",
    "augmentation": Augmentation(intensity=0.4),
    "n_epochs": 20,
    "batch_size": 64,
    "learning_rate": 0.02,
    "lr_schedule": "cosine",
}
"""A minute or two on a laptop for a few thousand images.

The paper's loop with a small network on small images. It departs from the paper in what
a small set needs: many updates (batches of 64) at a rate that falls, and the grey level
kept (standardised over the set) but made a hint rather than a rule (intensity varied).
"""

RECIPES = {"deepmcat": deepmcat, "fast": fast}
