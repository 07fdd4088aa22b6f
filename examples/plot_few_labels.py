"""
From clusters to categories with a few labels
=============================================

Pure clusters need one label each. Here a person, played by the known labels, is asked
about 80 of 1,797 handwritten digits, and all others get their category from that.
"""

# %%
# Clusters first
# --------------
# The network sees no label. :class:`sklearn.frozen.FrozenEstimator` says that it is
# fitted, and is not to be fitted again whenever labels are added.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator

from skdeepcluster import ClusterMajorityClassifier, DeepClusterCategorizer

digits = load_digits()
images = digits.images
est = DeepClusterCategorizer(n_clusters=80, random_state=0)
est.fit(images)

# %%
# Which images to label
# ---------------------
# Without a label, ``query`` names the most typical image of each cluster, large
# clusters first. These are the first 40.

labels = np.full(len(images), -1)  # -1 stands for no label
classifier = ClusterMajorityClassifier(FrozenEstimator(est), unlabeled=-1)
asked = classifier.fit(images, labels).query(80)

figure, axes = plt.subplots(4, 10, figsize=(8, 3.5), layout="constrained")
for image, place in zip(asked, axes.flat, strict=False):
    place.imshow(images[image], cmap="gray")
    place.axis("off")

# %%
# What the answers are worth
# --------------------------
# A cluster that has no label yet takes the category of the nearest one that has.

accuracies = []
for n_labels in range(10, 81, 10):
    labels[asked[:n_labels]] = digits.target[asked[:n_labels]]
    accuracies.append(classifier.fit(images, labels).score(images, digits.target))

figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.plot(range(10, 81, 10), accuracies, "o-")
axes.set(xlabel="labels", ylabel="accuracy on all images", ylim=(0.7, 1.01))

# %%
# New images are categorised by :meth:`ClusterMajorityClassifier.predict`; clusters that
# were never labelled are told by ``inferred_``.

print(f"{accuracies[-1]:.1%}; {classifier.inferred_.sum()} clusters without a label")
