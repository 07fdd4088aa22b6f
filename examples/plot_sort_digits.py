"""
Sort images that nobody has labelled
====================================

Handwritten digits, sorted by what they look like. The labels are only used at the end,
to see how pure the clusters are.
"""

# %%
# Fitting
# -------
# Ten categories are expected, so we ask for 80 clusters: pure clusters are easily
# merged, mixed ones not parted. The recipe ``fast`` is meant for a laptop.

from sklearn.datasets import load_digits

from skdeepcluster import DeepClusterCategorizer

digits = load_digits()
est = DeepClusterCategorizer(n_clusters=80, random_state=0)
labels = est.fit_predict(digits.images)

# %%
# How learning went
# -----------------
# A sudden fall of the NMI between the assignments of adjacent epochs, or a sudden rise
# of the loss, would be a sign of worse clusters.

from skdeepcluster.review import TrainingHistoryDisplay

TrainingHistoryDisplay.from_estimator(est)

# %%
# What was found
# --------------
# A row per cluster, its most typical images first; here the first ten clusters.

from skdeepcluster.review import ClusterMontageDisplay

ClusterMontageDisplay.from_estimator(est, digits.images[labels < 10])

# %%
# How pure it is
# --------------
# Beside K-means on the pixels with as many clusters: purity compares at equal k only.

from sklearn.cluster import KMeans

from skdeepcluster import cluster_purity_score

pixels = KMeans(80, random_state=0).fit_predict(digits.data)
print(f"pixels:        {cluster_purity_score(digits.target, pixels):.3f}")
print(f"skdeepcluster: {cluster_purity_score(digits.target, labels):.3f}")
