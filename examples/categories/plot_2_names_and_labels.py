"""
Name clusters, or label a few images
====================================

Pure clusters need one look each. A person names them, or labels a few images that the
library chooses, and every other image gets its category from its cluster. Here known
digits answer in the person's place, and we count how many answers it takes.
"""

# %%
# Clusters
# --------
# The network sees a thousand handwritten digits and no label. The rest is new to it.

from sklearn.datasets import load_digits

from skdeepcluster import DeepClusterCategorizer

digits = load_digits()
images, new_images = digits.images[:1000], digits.images[1000:]
known, new_known = digits.target[:1000], digits.target[1000:]
est = DeepClusterCategorizer(n_clusters=60, n_epochs=15, random_state=0).fit(images)

# %%
# Which images to label
# ---------------------
# Without a label, ``query`` chooses the most typical image of each cluster, those of
# large clusters first. ``FrozenEstimator`` says that the clusters are there already and
# need not be found again whenever labels are added.

import numpy as np
from sklearn.frozen import FrozenEstimator

from skdeepcluster import ClusterMajorityClassifier

labels = np.full(len(images), -1)  # -1 stands for no label
classifier = ClusterMajorityClassifier(FrozenEstimator(est), unlabeled=-1)
asked = classifier.fit(images, labels).query(60)
labels[asked] = known[asked]  # the person's answers

# %%
# The question of each cluster, and its answer
# --------------------------------------------

import matplotlib.pyplot as plt

figure, axes = plt.subplots(5, 12, figsize=(8, 4.2), layout="constrained")
for ax, image in zip(axes.flat, asked, strict=True):
    ax.imshow(images[image], cmap="gray_r")
    ax.axis("off")
    ax.set_title(labels[image], fontsize=11, color="tab:blue", pad=2)
figure.suptitle("One typical image of each cluster, and the label it is given")
plt.show()

# %%
# What the answers are worth
# --------------------------
# A cluster without a label takes the category of the nearest that has one. For
# comparison, images to label are also chosen at random, which spends labels on clusters
# that have one already.

rng = np.random.default_rng(0)
at_random = rng.permutation(len(images))
numbers = [10, 15, 20, 30, 40, 60]
clusters = est.predict(new_images)
curves = {}
for name, order in (("chosen by query", asked), ("chosen at random", at_random)):
    curves[name] = []
    for number in numbers:
        given = np.full(len(images), -1)
        given[order[:number]] = known[order[:number]]
        classifier.fit(images, given)
        right = classifier.cluster_classes_[clusters] == new_known
        curves[name].append(right.mean())

figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for (name, accuracies), style in zip(curves.items(), ("o-", "s--"), strict=True):
    ax.plot(numbers, accuracies, style, label=name)
ax.set(
    xlabel="images that were labelled",
    ylabel="accuracy on new images",
    title=f"{len(new_images)} new images, categorised by a few labels",
    ylim=(None, 1.005),
)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(loc="lower right")
plt.show()

# %%
# Names instead of labels
# -----------------------
# A person who looks at the clusters themselves, on the page that
# :func:`~skdeepcluster.review.write_report` makes, gives names. Clusters of the same
# name are one category; those that are left out take the name of the nearest.

words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
names = {
    int(cluster): words[known[image]]
    for cluster, image in zip(est.labels_[asked], asked, strict=True)
}
named = ClusterMajorityClassifier.from_names(est, dict(list(names.items())[:50]))
print(named.predict(new_images[:8]))
print(f"{named.inferred_.sum()} clusters took the name of the nearest that has one")
accuracy = np.mean(named.predict(new_images) == np.array(words)[new_known])
print(f"accuracy on new images: {accuracy:.3f}")

# %%
# As soon as each cluster has one label, nearly all new images get the right category.
# The last labels add little, for they go to the smallest clusters.
