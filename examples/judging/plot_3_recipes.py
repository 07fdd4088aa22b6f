"""
Recipes side by side
====================

A recipe is a set of parameters that follows a published method. Here four of them sort
the same images, with the same small network and for as many epochs, so that what
differs is how they learn: which views they see, and what they predict.
"""

# %%
# Four recipes, with a few parameters changed
# -------------------------------------------
# Arguments you pass override those of a recipe. As published, all but ``fast`` take a
# large network, 200 epochs, and many more images than these. Where learning fails,
# ``fit`` warns; we keep what it says.

import warnings

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.datasets import make_cardiac_views

images, views = make_cardiac_views(512, random_state=0)
same = {
    "n_clusters": 52,
    "backbone": "small_cnn",
    "image_size": 32,
    "batch_size": 32,
    "n_epochs": 12,
    "random_state": 0,
}
fits, said = {}, {}
for name in ("fast", "deepmcat", "deepcluster_v2", "deepcluster"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        est = DeepClusterCategorizer.from_recipe(name, **same)
        fits[name] = est.fit(images)
    said[name] = [str(warning.message) for warning in caught]

# %%
# What fit said
# -------------

for name, messages in said.items():
    print(f"{name}: {messages[0] if messages else 'no warning'}")

# %%
# Results
# -------
# Purity is the share of images that are of the most frequent view in their cluster, and
# NMI (normalised mutual information) also falls when a view is spread over many
# clusters. Both compare here, since all have as many clusters of the same images. What
# a network reaches that has learnt nothing is the floor. The agreement of each epoch's
# clusters with those before, on the right, needs no labels.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import normalized_mutual_info_score

from skdeepcluster import cluster_purity_score

floor = DeepClusterCategorizer(**(same | {"n_epochs": 0})).fit(images)
results = fits | {"no learning": floor}
purity = [cluster_purity_score(views, est.labels_) for est in results.values()]
nmi = [normalized_mutual_info_score(views, est.labels_) for est in results.values()]

place = np.arange(len(results))
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
left.hlines(place, nmi, purity, color="0.85", lw=3, zorder=0)
left.scatter(nmi, place, s=70, marker="s", color="tab:orange", label="NMI")
left.scatter(purity, place, s=70, color="tab:blue", label="purity")
left.set_yticks(place, results)
left.invert_yaxis()
left.set(xlabel="against known views", title="How good the clusters are", xlim=(0, 1))
left.legend(loc="lower left")
colors = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")  # Okabe and Ito
for (name, est), marker, color in zip(fits.items(), "osD^", colors, strict=True):
    epochs = np.arange(1, est.n_epochs_ + 1)
    agreement = est.history_["nmi_previous"]
    right.plot(epochs, agreement, marker=marker, ms=5, color=color, label=name)
right.set(
    xlabel="epoch",
    ylabel="NMI with the epoch before",
    title="How steady the clusters are",
    ylim=(0, 1),
)
right.legend(loc="lower right", ncols=2)
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

for name, *values in zip(results, purity, nmi, strict=True):
    print("{:>14}: purity {:.3f}, NMI {:.3f}".format(name, *values))

# %%
# On a few hundred images and in a dozen epochs, ``fast`` is ahead: it was made for
# that. The others are not at their best here, and this is not a verdict on the methods.
# They learn the clusters of a network that knows nothing yet, which takes many images
# and epochs to become better than it. The small crops and mirror images of the two
# DeepClusters suit photographs of things rather than views of a body, where a part is
# not the whole and left is not right.
