"""
Read how a fit went: the paper's Figure 2
=========================================

Four curves say whether learning went well: the loss, the agreement of each epoch's
clusters with those before, their purity where some kinds are known, and their sizes.
This example draws them for a good fit and for a bad one, and says what to look at when
nothing is known about the images.
"""

# %%
# A good fit, scored after every epoch
# ------------------------------------
# scikit-learn's callbacks watch a fit. This one scores the clusters of every epoch
# against the known views, which reach nothing else. The views are as uneven as in the
# paper: 43 % are short-axis slices.

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.datasets import make_cardiac_views
from skdeepcluster.metrics import pseudo_label_monitor

images, views = make_cardiac_views(1000, class_weights="ukbb", random_state=0)
monitor = pseudo_label_monitor()
good = DeepClusterCategorizer(n_clusters=104, n_epochs=20, random_state=0)
good = good.set_callbacks(monitor).fit(images, views)

# %%
# Figure 2
# --------

import matplotlib.pyplot as plt

from skdeepcluster.review import TrainingHistoryDisplay

figure, axes = plt.subplots(2, 2, figsize=(8, 6), layout="constrained")
TrainingHistoryDisplay.from_estimator(good, monitor=monitor, axes=axes.ravel())
plt.show()

# %%
# How to read it:
#
# - **Loss** falls in two stages, since the network learns two things, one after the
#   other. In the first 12 epochs it predicts from one view of an image where another
#   view belongs (swapped prediction); then it also learns the clusters of K-means,
#   which adds a second loss. Within each stage the loss should fall.
# - **NMI** (normalised mutual information) is 1 where two ways of sorting agree, and
#   near 0 where they have nothing in common. With the epoch before, it should rise and
#   then stay high: the clusters have settled. A sudden fall is a sign of trouble.
# - **Purity** needs known kinds. It rises fast at first and slowly later.
# - **Images in a cluster**: one cluster that takes nearly all images is a collapse.

# %%
# A bad fit
# ---------
# The same images, and nothing to learn but the clusters of a random network, at a
# learning rate that is far too high. ``fit`` notices, and says what to try.

import warnings

from skdeepcluster.objectives import ClusterClassification

bad = DeepClusterCategorizer(
    n_clusters=104,
    objective=ClusterClassification(),
    learning_rate=2.0,
    lr_schedule="constant",
    n_epochs=8,
    random_state=0,
)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    bad.fit(images)
for warning in caught:
    print(f"{warning.category.__name__}: {warning.message}")

# %%
# Both fits, without a label
# --------------------------
# The agreement of each epoch with the one before needs no label. It is what to look at
# when nothing is known about the images.

figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
for est, name, style in ((good, "good", "o-"), (bad, "bad", "s--")):
    epochs = range(1, est.n_epochs_ + 1)
    axes[0].plot(epochs, est.history_["nmi_previous"], style, ms=4, label=name)
    axes[1].plot(epochs, est.history_["largest_cluster"], style, ms=4, label=name)
axes[0].set(title="Agreement with the epoch before", ylabel="NMI", ylim=(0, 1))
axes[1].set(title="Images in the largest cluster", ylabel="images", ylim=(0, 1000))
for ax in axes:
    ax.set_xlabel("epoch")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].legend(title="fit", loc="lower right")
plt.show()

# %%
# The good fit agrees more and more with itself. But agreement alone does not prove
# much: a network that puts all images into the same place agrees with itself, too. So
# look at the loss and at the sizes as well, and then at the images.
