"""
Find rare kinds of images
=========================

A few kinds of images make up most of a real archive. In the paper's, 43 % are
short-axis slices, and most other kinds have 4 %. K-means then spends its clusters on
the frequent kind. This example shows how that hides the rare ones, and how more
clusters than kinds bring them back.
"""

# %%
# Images as uneven as the paper's
# -------------------------------

# sphinx_gallery_thumbnail_number = 2
import numpy as np

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.datasets import CARDIAC_VIEWS, make_cardiac_views

images, views = make_cardiac_views(1000, class_weights="ukbb", random_state=0)
names = np.array(CARDIAC_VIEWS)
counts = np.bincount(views)
print(
    f"{names[counts.argmax()]}: {counts.max()} images; {names[counts.argmin()]}: "
    f"{counts.min()}"
)

# %%
# One cluster for each kind, and eight for each
# ---------------------------------------------
# The same network serves both. What it learns depends little on the number of clusters,
# so that clustering its embedding once more gives what a second fit would.

from sklearn.cluster import KMeans

est = DeepClusterCategorizer(n_clusters=104, n_epochs=20, random_state=0).fit(images)
many = est.labels_
few = KMeans(13, n_init=10, random_state=0).fit_predict(est.embedding_)

# %%
# Which kinds are in which cluster
# --------------------------------
# Of 13 clusters, several hold short-axis slices (SA), and some hold several other
# kinds.

import matplotlib.pyplot as plt

from skdeepcluster.review import ClusterLabelDisplay

ClusterLabelDisplay.from_predictions(names[views], few)
plt.show()

# %%
# What each kind loses
# --------------------
# If every cluster is named by its most frequent kind, some images get a wrong name. The
# share of each kind that gets the right one is its recall.


def recall(clusters):
    """Share of each kind that its cluster's most frequent kind gets right."""
    majority = np.array(
        [np.bincount(views[clusters == c]).argmax() for c in range(clusters.max() + 1)]
    )
    right = majority[clusters] == views
    return np.array([right[views == kind].mean() for kind in range(len(names))])


order = np.argsort(counts, kind="stable")
place = np.arange(len(names))
figure, ax = plt.subplots(figsize=(7, 4.8), layout="constrained")
of_few, of_many = recall(few)[order], recall(many)[order]
ax.hlines(place, of_few, of_many, color="0.8", lw=3, zorder=0)
ax.scatter(of_few, place, s=60, marker="s", color="tab:orange", label="13 clusters")
ax.scatter(of_many, place, s=60, color="tab:blue", label="104 clusters")
ax.set_yticks(place, [f"{names[kind]}  ({counts[kind]})" for kind in order])
ax.set(
    xlabel="share of its images that get the right name",
    title="More clusters than kinds bring back the rare kinds",
    xlim=(-0.04, 1.04),
)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(loc="center left", frameon=False)
plt.show()

# %%
# All kinds together, and each kind counting the same
# ---------------------------------------------------
# Purity counts images, so that a frequent kind hides what happens to rare ones. The
# mean of the recalls counts each kind alike.

from skdeepcluster import cluster_purity_score

for name, clusters in (("13 clusters", few), ("104 clusters", many)):
    print(
        f"{name:>12}: purity {cluster_purity_score(views, clusters):.3f}, "
        f"mean recall {recall(clusters).mean():.3f}, "
        f"lowest recall {recall(clusters).min():.3f}"
    )

# %%
# With as many clusters as kinds, some rare kinds have no cluster of their own and are
# lost. With eight times as many, each has some. Look at the lowest recall rather than
# at purity alone when what is rare matters.
