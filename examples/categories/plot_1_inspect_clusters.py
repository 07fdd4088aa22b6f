"""
Inspect clusters before naming them
===================================

Typical images say what a cluster is. Whether it is only that, other images say: those
that differ most from each other, those far from its centre, and those that nearly went
to another cluster. A table says which clusters stand apart from all others and need no
such look.
"""

# %%
# Clusters
# --------

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.datasets import make_cardiac_views

images, views = make_cardiac_views(800, random_state=0)
est = DeepClusterCategorizer(n_clusters=40, n_epochs=20, random_state=0).fit(images)

# %%
# A row for each cluster
# ----------------------
# ``margin`` is how much farther the next centre is than a cluster's own, on average.
# Where it is small, the cluster runs into its neighbour; these are the clusters with
# the largest. ``embedding_``, what the network made of these images, saves embedding
# them again.

from skdeepcluster.review import cluster_table

table = cluster_table(est, images, embedding=est.embedding_)
table = table.sort_values("margin")
columns = ["cluster", "size", "distance_mean", "neighbor", "margin"]
table[columns].tail(8).round(3)

# %%
# Four kinds of images of the least clear clusters
# ------------------------------------------------
# Typical images are nearest to the centre, doubtful ones farthest from it, diverse ones
# far from each other, and borderline ones nearly went to the cluster next to it.

import matplotlib.pyplot as plt
import numpy as np

from skdeepcluster.review import representatives

chosen = representatives(est, images, n=3, embedding=est.embedding_)
kinds = ("typical", "diverse", "doubtful", "borderline")
clusters = table["cluster"].head(5)

figure, axes = plt.subplots(
    len(clusters), len(kinds), figsize=(9, 4.4), layout="constrained"
)
for row, cluster in zip(axes, clusters, strict=True):
    for ax, kind in zip(row, kinds, strict=True):
        its = chosen[(chosen["cluster"] == cluster) & (chosen["kind"] == kind)]["image"]
        ax.imshow(np.hstack(images[its]), cmap="gray")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    row[0].set_ylabel(f"cluster {cluster}", rotation=0, ha="right", va="center")
for ax, kind in zip(axes[0], kinds, strict=True):
    ax.set_title(kind, fontsize=11)
plt.show()

# %%
# Does the margin tell mixed clusters?
# ------------------------------------
# Here the views are known, so that we can check.

margin, size = table["margin"].to_numpy(), table["size"].to_numpy()
purity = np.array(
    [
        np.bincount(views[est.labels_ == cluster]).max() / n
        for cluster, n in zip(table["cluster"], size, strict=True)
    ]
)
apart = margin > 2 * np.median(margin)

figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for which, name, color in (
    (apart, "stand apart", "tab:blue"),
    (~apart, "have neighbours", "tab:orange"),
):
    ax.scatter(
        margin[which], purity[which], s=size[which] * 2, alpha=0.6, label=name, c=color
    )
ax.set(
    xlabel="margin (distance to the next centre minus to the own one)",
    ylabel="purity of the cluster",
    title="Each disc is a cluster, and its area the number of images",
)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(title="clusters that", loc="lower right", markerscale=0.6)
plt.show()

for which, name in ((apart, "stand apart:    "), (~apart, "have neighbours:")):
    mean = np.average(purity[which], weights=size[which])
    print(f"{which.sum():2} clusters {name} purity {mean:.3f}")

# %%
# A few clusters stand apart: their margin is more than twice that of most, and they are
# pure. Among the others, the margin does not tell pure clusters from mixed ones: a
# neighbour may be of the same kind, which does no harm. Their images tell, and diverse
# ones most of all. The command line writes a page with these images of all clusters,
# ``report.html``; in Python it is :func:`~skdeepcluster.review.write_report`.
