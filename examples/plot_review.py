"""
Look at clusters, and name them
===============================

Schematic views of the heart, sorted without a label, and what a person looks at before
naming the clusters: tables, and displays in scikit-learn's manner. On the command line,
``skdeepcluster categorize`` writes the same as a page, ``report.html``.
"""

# %%
# Sorting
# -------

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.datasets import CARDIAC_VIEWS, make_cardiac_views

images, views = make_cardiac_views(1000, class_weights="ukbb", random_state=0)
est = DeepClusterCategorizer(n_clusters=40, random_state=0)
est.fit(images)

# %%
# A row for each cluster
# ----------------------
# Clusters with a small margin run into their neighbours; large ones of these are worth
# a look first.

from skdeepcluster.review import cluster_table

table = cluster_table(est, images)
table.sort_values("margin").head(10)

# %%
# Its images
# ----------

from skdeepcluster.review import ClusterMontageDisplay

ClusterMontageDisplay.from_estimator(est, images[est.labels_ < 8])

# %%
# What a cluster holds, and where it ends: typical images say what it is, diverse ones
# how wide it is, doubtful ones what may not belong, and borderline ones what it is
# taken for.

from skdeepcluster.review import representatives

chosen = representatives(est, images, n=4)
chosen[chosen["cluster"] == table["margin"].idxmin()]

# %%
# Which clusters belong together
# ------------------------------

from skdeepcluster.review import EmbeddingDisplay, MergeTreeDisplay

MergeTreeDisplay.from_estimator(est)

# %%
EmbeddingDisplay.from_estimator(est, images)

# %%
# Names
# -----
# Give each cluster a name; clusters of the same name are one category. Here a known
# class stands in for the person who looks at the most typical image. A cluster that has
# no name takes the nearest one's.

import numpy as np

from skdeepcluster import ClusterMajorityClassifier

names = {
    int(row.cluster): CARDIAC_VIEWS[views[row.typical[0]]] for row in table.itertuples()
}
named = ClusterMajorityClassifier.from_names(est, names)
new_images, new_views = make_cardiac_views(300, class_weights="ukbb", random_state=1)
np.mean(named.predict(new_images) == np.array(CARDIAC_VIEWS)[new_views])

# %%
# For those who have labels
# -------------------------
# Which classes are in which cluster.

from skdeepcluster.review import ClusterLabelDisplay

ClusterLabelDisplay.from_estimator(est, images, np.array(CARDIAC_VIEWS)[views])
