"""
Learn by your own objective
===========================

What the network learns is an object, and writing one takes two methods: ``build`` makes
what is put on top of the network, and ``loss`` says what training makes small. This
example writes the loss of Barlow Twins, and compares the embedding that it gives with
those of a random network and of the library's default.
"""

# %%
# Barlow Twins in twenty lines
# ----------------------------
# Zbontar et al. (2021) take two views of each image. Each feature should say the same
# about both views, and different features should say different things: the correlations
# between the features of one view and those of the other should be the identity matrix.
# Four class attributes tell the library that K-means has no part in this (clusters are
# only made at the end), and that the layers on top keep what they learn.

import torch
from torch import nn

from skdeepcluster.objectives import Objective


class BarlowTwins(Objective):
    """Features that agree between views, and are not redundant."""

    n_views = 2
    sees_neck = False
    learns_clusters = False
    begins_anew = False

    def __init__(self, n_projected=128, redundancy=0.02):
        self.n_projected = n_projected
        self.redundancy = redundancy

    def build(self, n_features, n_clusters):
        return nn.Sequential(
            nn.Linear(n_features, self.n_projected, bias=False),
            nn.BatchNorm1d(self.n_projected),
            nn.ReLU(),
            nn.Linear(self.n_projected, self.n_projected, bias=False),
            nn.BatchNorm1d(self.n_projected, affine=False),
        )

    def loss(self, logits, labels, n_views):
        one, two = (nn.functional.normalize(view, dim=0) for view in logits.chunk(2))
        correlations = one.T @ two
        wanted = torch.eye(self.n_projected)
        errors = (correlations - wanted).square()
        weights = wanted + self.redundancy * (1 - wanted)
        return (weights * errors).sum() / self.n_projected


# %%
# Three fits
# ----------

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.datasets import CARDIAC_VIEWS, make_cardiac_views

images, views = make_cardiac_views(600, random_state=0)
same = {"n_clusters": 52, "random_state": 0}
fits = {
    "No learning": DeepClusterCategorizer(n_epochs=0, **same),
    "Barlow Twins": DeepClusterCategorizer(
        objective=BarlowTwins(), n_epochs=16, **same
    ),
    "Default objective": DeepClusterCategorizer(n_epochs=16, **same),
}
for est in fits.values():
    est.fit(images)

# %%
# The objective's parameters
# --------------------------
# They are parameters of the estimator, too: a grid search reaches them by their path,
# as in :ref:`sphx_glr_auto_examples_judging_plot_2_search.py`.

print([name for name in fits["Barlow Twins"].get_params() if "objective__" in name])

# %%
# The embedding, without learning and with the new objective
# ----------------------------------------------------------
# In a plane, by t-SNE; a colour and a name for each known view, which the networks have
# not seen.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.manifold import TSNE

from skdeepcluster.review import EmbeddingDisplay

figure, axes = plt.subplots(1, 2, figsize=(9, 4.7), layout="constrained")
for ax, name in zip(axes, ("No learning", "Barlow Twins"), strict=True):
    EmbeddingDisplay.from_estimator(
        fits[name],
        images,
        np.array(CARDIAC_VIEWS)[views],
        reducer=TSNE(metric="cosine", random_state=0),
        ax=ax,
    )
    ax.collections[0].set_sizes([14])
    ax.set_title(name)
    ax.spines[:].set_color("0.8")
plt.show()

# %%
# Beside the default objective
# ----------------------------
# All have as many clusters, so that purity and NMI compare.

from sklearn.metrics import normalized_mutual_info_score

from skdeepcluster import cluster_purity_score

for name, est in fits.items():
    purity = cluster_purity_score(views, est.labels_)
    nmi = normalized_mutual_info_score(views, est.labels_)
    print(f"{name:>17}: purity {purity:.3f}, NMI {nmi:.3f}")

# %%
# A random network sets a few views apart, by their grey levels alone, and the new
# objective more of them. One fit of each, on a few hundred images, does not decide
# which objective is better. To take one into use, add ``_parameter_constraints``, so
# that wrong values are refused with a message, and ``loss_of_guessing`` where there is
# one, so that ``fit`` can warn when nothing is learnt.
