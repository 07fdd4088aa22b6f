"""
Sort images that nobody has labelled
====================================

A thousand images, of thirteen kinds, in random order. In a few lines, a network that
has seen no label and no other image sorts them into clusters that mostly hold a single
kind each. This is what everything else in this gallery starts from.
"""

# %%
# The images
# ----------
# Schematic magnetic resonance images of the heart. Subjects differ in anatomy,
# position, contrast, shading and noise, as people and scanners do. ``views`` says which
# of the 13 kinds an image is; the network never sees it.

from skdeepcluster.datasets import make_cardiac_views

images, views = make_cardiac_views(1000, random_state=0)
print(images.shape, images.dtype)

# %%
# Sorting
# -------
# We expect 13 categories and ask for 8 times as many clusters. This is called
# over-clustering: pure clusters are easy to merge later, and mixed ones are hard to
# take apart. Twenty epochs keep this example short; leave ``n_epochs`` out for better
# clusters.

from skdeepcluster import DeepClusterCategorizer

est = DeepClusterCategorizer(n_clusters=104, n_epochs=20, random_state=0)
clusters = est.fit_predict(images)

# %%
# Before and after
# ----------------
# On the left are images as they come, on the right the first ten clusters, one in each
# row, with the most typical images first.

import matplotlib.pyplot as plt

from skdeepcluster.review import ClusterMontageDisplay

figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 5.2), layout="constrained", width_ratios=[1, 1.12]
)
unsorted = images[:80].reshape(10, 8, 64, 64).swapaxes(1, 2).reshape(640, 512)
left.imshow(unsorted, cmap="gray")
left.axis("off")
left.set_title("Images as they come", loc="left", fontsize=11)
ClusterMontageDisplay.from_estimator(est, images[clusters < 10], n_columns=8, ax=right)
right.set_aspect("equal")
right.set_title("Ten of the clusters", loc="left", fontsize=11)
plt.show()

# %%
# How pure they are
# -----------------
# Purity is the share of images that are of the most frequent kind in their cluster. It
# rises with the number of clusters, so we compare with K-means on the pixels, which is
# given as many.

from sklearn.cluster import KMeans

from skdeepcluster import cluster_purity_score

pixels = images.reshape(len(images), -1) / 255.0
by_pixels = KMeans(104, random_state=0).fit_predict(pixels)
print(f"K-means on pixels:      {cluster_purity_score(views, by_pixels):.3f}")
print(f"DeepClusterCategorizer: {cluster_purity_score(views, clusters):.3f}")

# %%
# The learnt clusters are purer than those of the pixels: the network has learnt to
# ignore where the heart lies in the image, how bright it is and how it is shaded. A
# person who names each row once has sorted nearly all images;
# :ref:`sphx_glr_auto_examples_categories_plot_2_names_and_labels.py` shows how.
