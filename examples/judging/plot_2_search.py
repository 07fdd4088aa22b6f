"""
Search an objective's parameters and the number of clusters
===========================================================

What the network learns is an object with parameters of its own, and a grid search
reaches them by their path. This example varies the weight of one of two losses and the
number of clusters, and shows why scores compare at an equal number of clusters only.
"""

# %%
# The parameters that there are
# -----------------------------
# The default objective learns in two stages: swapped prediction (each view of an image
# predicts where another view belongs), and then the clusters of K-means as well.

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.objectives import TwoStages

est = DeepClusterCategorizer(
    objective=TwoStages(), n_epochs=8, batch_size=25, random_state=0
)
for name in sorted(est.get_params()):
    if name.startswith("objective__") and name.count("__") == 2:
        print(name)

# %%
# The search
# ----------
# ``weight`` is that of the loss for the clusters of K-means, beside swapped prediction;
# with 0 they are not learnt. Labels judge the results here. Whoever takes the best of
# them has used these labels, and needs others to say how good it is; so
# ``refit=False``, and no winner is taken.

from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit

from skdeepcluster.metrics import nmi_scorer, purity_scorer

digits = load_digits()
images, y = digits.images[:400], digits.target[:400]
search = GridSearchCV(
    est,
    {
        "objective__second__weight": [0.0, 1.0, 4.0],
        "n_clusters": [10, 30],
    },
    scoring={
        "purity": purity_scorer,
        "nmi": nmi_scorer,
        "ami": "adjusted_mutual_info_score",
    },
    cv=StratifiedShuffleSplit(2, test_size=0.5, random_state=0),
    refit=False,
)
search = search.fit(images, y)

# %%
# All results
# -----------

import pandas as pd

results = pd.DataFrame(search.cv_results_).rename(
    columns={
        "param_n_clusters": "clusters",
        "param_objective__second__weight": "weight",
        "mean_test_purity": "purity",
        "mean_test_nmi": "NMI",
        "mean_test_ami": "AMI",
    }
)
results[["clusters", "weight", "purity", "NMI", "AMI"]].round(3)

# %%
# As a picture
# ------------
# The discs are the mean of two splits, and the thin lines reach from one to the other.

import matplotlib.pyplot as plt
import numpy as np

figure, axes = plt.subplots(1, 3, figsize=(9, 3.4), layout="constrained", sharey=True)
place = np.arange(3)
for ax, score, title in zip(
    axes, ("purity", "nmi", "ami"), ("Purity", "NMI", "AMI"), strict=True
):
    for (n_clusters, rows), style in zip(
        results.groupby("clusters"), ("s--", "o-"), strict=True
    ):
        splits = rows[[f"split{split}_test_{score}" for split in range(2)]].to_numpy()
        (line,) = ax.plot(
            place, splits.mean(1), style, label=f"{n_clusters} clusters", zorder=2
        )
        ax.vlines(place, splits.min(1), splits.max(1), color=line.get_color(), lw=1)
    ax.set_xticks(place, results["weight"].unique())
    ax.set(title=title, xlabel="objective__second__weight", xlim=(-0.3, 2.3))
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("score on images not fitted on")
axes[0].legend(loc="lower right")
plt.show()

# %%
# Compare along a line, never from one line to the other. Purity rises with the number
# of clusters, and NMI falls once there are more clusters than kinds, so that the two
# scores would choose different numbers from the same network. AMI is adjusted for
# chance, but it, too, counts against over-clustering. So choose the number of clusters
# by how many you are willing to look at, and compare the rest at that number. Along a
# line, a difference not larger than that between the two splits says nothing: it takes
# more images and more splits.
