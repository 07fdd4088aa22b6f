"""
Merge clusters into categories
==============================

Asking for many clusters keeps them pure, and leaves more of them than there are
categories. This example merges those that lie close together, shows in which order, and
checks whether that is better than asking for a few clusters at once.
"""

# %%
# Many clusters
# -------------

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.datasets import CARDIAC_VIEWS, make_cardiac_views

images, views = make_cardiac_views(800, random_state=0)
est = DeepClusterCategorizer(n_clusters=52, n_epochs=20, random_state=0).fit(images)

# %%
# Which to merge first
# --------------------
# Clusters that are joined at a small distance are alike. The names beside the numbers
# are there to judge the tree: the most frequent view in each cluster. The tree itself
# was made without them.

import matplotlib.pyplot as plt
import numpy as np

from skdeepcluster.review import MergeTreeDisplay

names = {
    cluster: CARDIAC_VIEWS[np.bincount(views[est.labels_ == cluster]).argmax()]
    for cluster in range(est.n_clusters_)
}
figure, ax = plt.subplots(figsize=(9, 7.2), layout="constrained")
MergeTreeDisplay.from_estimator(est, names=names, ax=ax)
ax.set_title("Clusters that are alike are merged first")
plt.show()

# %%
# A proposal
# ----------
# :func:`~skdeepcluster.review.merge_clusters` cuts the tree so that a given number of
# categories is left. A row for each, with its most typical images.

from skdeepcluster.review import ClusterMontageDisplay, merge_clusters

merged = merge_clusters(est, n_categories=13)
categories = merged[est.labels_]
display = ClusterMontageDisplay.from_predictions(
    images, categories, est.score_samples(images), n_columns=10
)
display.ax_.set_title("13 merged categories", loc="left")
plt.show()

# %%
# Merge many, or ask for few?
# ---------------------------
# K-means on the same embedding, asked for as many clusters as there are categories, for
# comparison. The adjusted mutual information (AMI) does not rise with the number of
# clusters by itself, so that it shows where the best number lies.

from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score

numbers = [5, 8, 10, 13, 16, 20, 30, 40]
by_merging = [merge_clusters(est, n)[est.labels_] for n in numbers]
at_once = [
    KMeans(n, n_init=10, random_state=0).fit_predict(est.embedding_) for n in numbers
]

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for found, name, style in (
    (by_merging, "merged from 52 clusters", "o-"),
    (at_once, "as many clusters at once", "s--"),
):
    ami = [adjusted_mutual_info_score(views, labels) for labels in found]
    ax.plot(numbers, ami, style, label=name)
ax.axvline(13, color="0.7", lw=1, zorder=0)
ax.annotate(
    "kinds that there are",
    (13, ax.get_ylim()[0]),
    (4, 4),
    xycoords="data",
    textcoords="offset points",
    fontsize=9,
    color="0.4",
)
ax.set(xlabel="categories", ylabel="AMI with the known views")
ax.spines[["top", "right"]].set_visible(False)
ax.legend()
plt.show()

# %%
# Both ways agree best with the views somewhere near their true number, which nobody
# knows beforehand. Merging has one advantage whatever the curves say: it does not take
# a cluster apart, so that a person can look at the tree and stop wherever the next
# merge would join two kinds.
