"""
New images, and kinds never seen
================================

``predict`` gives every new image a cluster, also one of a kind that the network has
never seen. ``decision_function`` tells such images apart from the others, and
``extend`` makes clusters of them. Here two of thirteen kinds of views are kept from
the network, to see how many of their images are noticed.
"""

# %%
# A fit without two kinds
# -----------------------
# One looks like nothing else: short-axis images with a grid of tags (CINE TAG). The
# other, the long-axis view of three chambers, looks much like that of two.

# sphinx_gallery_thumbnail_number = 2
import numpy as np

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.datasets import CARDIAC_VIEWS, make_cardiac_views

images, views = make_cardiac_views(1000, random_state=0)
kept_away = np.isin(
    views, [CARDIAC_VIEWS.index("CINE TAG"), CARDIAC_VIEWS.index("LA (3 ch)")]
)
est = DeepClusterCategorizer(n_clusters=40, n_epochs=20, random_state=0)
est = est.fit(images[~kept_away])

# %%
# New images of all thirteen kinds
# --------------------------------
# ``decision_function`` says how much nearer to a centre an image is than a limit, which
# 98 % of the images of the fit would be within, had they been new. Below 0 is a reason
# to doubt. No label is needed for any of this.

new_images, new_views = make_cardiac_views(600, random_state=1)
doubt = -est.decision_function(new_images)
never_seen = np.isin(new_views, np.unique(views[kept_away]))

# %%
# Does doubt tell them apart?
# ---------------------------

import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
bins = np.linspace(doubt.min(), doubt.max(), 40)
ax.hist(doubt[~never_seen], bins, color="tab:blue", alpha=0.7, label="kinds of the fit")
ax.hist(
    doubt[never_seen], bins, color="tab:orange", alpha=0.8, label="kinds never seen"
)
ax.axvline(0, color="black", lw=1, ls="--")
ax.set(
    xlabel="distance to the nearest cluster, beyond the limit",
    ylabel="new images",
    title="Right of the dashed line, images are doubtful",
)
ax.spines[["top", "right"]].set_visible(False)
ax.legend()
plt.show()

marked = doubt > 0
print(f"marked, of kinds never seen: {marked[never_seen].mean():.0%}")
print(f"marked, of the other kinds:  {marked[~never_seen].mean():.0%}")

# %%
# The most doubtful images
# ------------------------
# A person would look at these first. Those of kinds never seen have an orange frame.

figure, axes = plt.subplots(3, 10, figsize=(8.5, 3), layout="constrained")
for ax, image in zip(axes.flat, np.argsort(-doubt), strict=False):
    ax.imshow(new_images[image], cmap="gray")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(color="tab:orange" if never_seen[image] else "0.8", linewidth=3)
figure.suptitle("The thirty most doubtful of 600 new images")
plt.show()

# %%
# How often each kind is marked
# -----------------------------

shares = [marked[new_views == view].mean() for view in range(len(CARDIAC_VIEWS))]
colors = [
    "tab:orange" if never_seen[new_views == view].all() else "tab:blue"
    for view in range(len(CARDIAC_VIEWS))
]
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
ax.barh(CARDIAC_VIEWS, shares, color=colors)
ax.invert_yaxis()
ax.set(xlabel="share of new images that are marked", xlim=(0, 1))
ax.set_title("Orange kinds were kept from the network")
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Images of kinds never seen are marked far more often than others, but not all of them,
# and how odd a kind looks to us does not say which of its images are missed. So doubt
# helps to find new kinds, and does not prove that there are none. On the command line,
# ``skdeepcluster assign`` writes it into the column ``doubt``.

# %%
# New clusters of new kinds
# -------------------------
# Many images in a place where few should be say more than each of them: ``extend``
# groups those that are alike. Old clusters keep their numbers, and names if they have
# any.

est.extend(new_images)
in_new = est.new_labels_ >= est.n_fit_clusters_
print(f"new clusters: {est.n_new_clusters_}")
print(f"images in them, of kinds never seen: {in_new[never_seen].mean():.0%}")
print(f"images in them, of the other kinds:  {in_new[~never_seen].mean():.0%}")
