"""
Cross-validate a clustering, and read its scores
================================================

Where some images have labels, scikit-learn's ``cross_validate`` says how well clusters
fit images that the network has not seen. Two things go wrong easily: folds of a sorted
archive, and scores without anything to compare them with. This example shows both.
"""

# %%
# Images, sorted by kind
# ----------------------
# As archives often are: by scanner, by study, by date.

import numpy as np
from sklearn.datasets import load_digits

digits = load_digits()
order = np.argsort(digits.target[:450], kind="stable")
images, y = digits.images[order], digits.target[order]

# %%
# Folds, and what is scored
# -------------------------
# Clusterers get unshuffled folds by default. Of sorted images, each fold then holds
# kinds that the network was not fitted on, and lacks most of the others. Shuffled and
# stratified folds hold all kinds. Where patients have several images each, use
# ``StratifiedGroupKFold`` instead, so that nobody is in two folds.
#
# Purity is the share of images that are of the most frequent kind in their cluster. NMI
# (normalised mutual information) also falls when a kind is spread over many clusters.

from sklearn.cluster import KMeans
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.metrics import nmi_scorer, purity_scorer


def as_rows(images):
    return images.reshape(len(images), -1)


network = DeepClusterCategorizer(
    n_clusters=40, n_epochs=12, batch_size=32, random_state=0
)
pixels = make_pipeline(FunctionTransformer(as_rows), KMeans(40, random_state=0))
shuffled = StratifiedKFold(3, shuffle=True, random_state=0)
in_order = KFold(3)
runs = {
    "pixels,\nshuffled": (pixels, shuffled),
    "network,\nshuffled": (network, shuffled),
    "network,\nin order": (network, in_order),
}
scores = {
    name: cross_validate(
        estimator,
        images,
        y,
        cv=folds,
        scoring={"purity": purity_scorer, "nmi": nmi_scorer},
        return_estimator=True,
        return_indices=True,
    )
    for name, (estimator, folds) in runs.items()
}

# %%
# What chance would reach
# -----------------------
# With 40 clusters for 150 images, clusters that know nothing have a purity well above a
# tenth. The same clusters against classes in random order say how much above.

from sklearn.metrics import normalized_mutual_info_score

from skdeepcluster import cluster_purity_score

rng = np.random.default_rng(0)
chance = {"purity": [], "nmi": []}
for run in scores.values():
    by_chance = []
    for estimator, test in zip(run["estimator"], run["indices"]["test"], strict=True):
        clusters = estimator.predict(images[test])
        classes = rng.permutation(y[test])
        by_chance.append(
            (
                cluster_purity_score(classes, clusters),
                normalized_mutual_info_score(classes, clusters),
            )
        )
    for name, values in zip(chance, np.transpose(by_chance), strict=True):
        chance[name].append(values.mean())

# %%
# The scores
# ----------

import matplotlib.pyplot as plt

figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained", sharey=True)
place = np.arange(len(runs))
for ax, name, title in zip(axes, ("purity", "nmi"), ("Purity", "NMI"), strict=True):
    ax.hlines(
        chance[name], place - 0.3, place + 0.3, color="0.5", ls="--", label="chance"
    )
    for at, run in zip(place, scores.values(), strict=True):
        values = run[f"test_{name}"]
        ax.scatter(
            at + np.array([-0.1, 0, 0.1]),
            values,
            s=50,
            color="tab:orange" if at == 2 else "tab:blue",
            zorder=2,
        )
    ax.set(title=title, ylim=(0, 1.02), xlim=(-0.5, 2.5))
    ax.set_xticks(place, runs)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("score of each test fold")
axes[0].legend(loc="lower left")
plt.show()

for name, run in scores.items():
    print(
        f"{name.replace(chr(10), ' '):>17}: purity {run['test_purity'].mean():.3f}, "
        f"NMI {run['test_nmi'].mean():.3f}"
    )

# %%
# Only the two on the left compare: they have the same folds and as many clusters. There
# the network is ahead of the pixels. In order, a test fold holds three or four kinds,
# so that even chance has a higher purity, and NMI is low because few kinds are spread
# over many clusters: neither says anything about images of all kinds.
