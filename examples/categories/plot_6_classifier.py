"""
A classifier on the embedding
=============================

Clusters are not the only use of what was learnt. ``transform`` gives the embedding: 512
numbers for each image, close together where images are alike. A plain linear classifier
needs far fewer labels on it than on the pixels, because the network has learnt from all
images, labelled or not.
"""

# %%
# Learn from all images, without labels
# -------------------------------------

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeepcluster import DeepClusterCategorizer

digits = load_digits()
images, test_images, y, test_y = train_test_split(
    digits.images,
    digits.target,
    train_size=1200,
    stratify=digits.target,
    random_state=0,
)
est = DeepClusterCategorizer(n_clusters=40, n_epochs=12, random_state=0).fit(images)

# %%
# A pipeline of both
# ------------------
# The categorizer is a transformer like any other. Frozen, it is not fitted again on the
# few images that have labels.

from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

classifier = make_pipeline(
    FrozenEstimator(est), MinMaxScaler(), LogisticRegression(max_iter=1000)
)
classifier.fit(images[:100], y[:100])

# %%
# How many labels does it take?
# -----------------------------
# The same classifier on pixels and on the embedding, with 20 to 1,200 labels, five
# times with other labelled images. Images are embedded once.

import numpy as np

features = {
    "pixels": [each.reshape(len(each), -1) for each in (images, test_images)],
    "embedding": [est.transform(each) for each in (images, test_images)],
}
numbers = [20, 50, 100, 200, 500, 1200]
accuracies = {name: np.empty((len(numbers), 5)) for name in features}
for repetition in range(5):
    order = np.random.default_rng(repetition).permutation(len(y))
    for row, number in enumerate(numbers):
        some = order[:number]
        for name, (train, test) in features.items():
            linear = make_pipeline(
                MinMaxScaler(), LogisticRegression(max_iter=1000)
            ).fit(train[some], y[some])
            accuracies[name][row, repetition] = linear.score(test, test_y)

# %%
# On the embedding, a few labels go a long way
# --------------------------------------------

import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
for (name, values), style in zip(accuracies.items(), ("s--", "o-"), strict=True):
    (line,) = ax.plot(numbers, values.mean(1), style, label=name)
    ax.fill_between(
        numbers, values.min(1), values.max(1), color=line.get_color(), alpha=0.2, lw=0
    )
ax.set(
    xscale="log",
    xlabel="images with a label",
    ylabel="accuracy on test images",
    title="A linear classifier on pixels, and on the embedding",
)
ax.set_xticks(numbers, [str(number) for number in numbers])
ax.minorticks_off()
ax.spines[["top", "right"]].set_visible(False)
ax.legend(title="features", loc="lower right")
plt.show()

for name, values in accuracies.items():
    line = ", ".join(
        f"{number}: {value:.3f}"
        for number, value in zip(numbers, values.mean(1), strict=True)
    )
    print(f"{name:>9}  {line}")

# %%
# The fewer the labels, the more the embedding is worth. Where all images have a label
# there is less to gain. If all you want are categories and you may choose which images
# to label, ask the clusters first:
# :ref:`sphx_glr_auto_examples_categories_plot_2_names_and_labels.py`.
