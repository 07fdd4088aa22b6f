"""
Save a model, and load it elsewhere
===================================

One machine learns, another categorises. The model goes from one to the other as a
single file that holds numbers and text, and nothing that is executed when it is read,
so that it is safe to load one that somebody else has made. Here a second Python process
is the other machine.
"""

# %%
# Learn, and name the clusters
# ----------------------------
# Names that are put into ``names_`` are saved with the model. The known digit of the
# image nearest to each centre stands in for the person who gives them.

from sklearn.datasets import load_digits

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.review import cluster_table

digits = load_digits()
images, new_images = digits.images[:700], digits.images[700:]
est = DeepClusterCategorizer(n_clusters=50, n_epochs=15, random_state=0).fit(images)
table = cluster_table(est, images, embedding=est.embedding_)
est.names_ = {
    int(row.cluster): f"digit {digits.target[row.typical[0]]}"
    for row in table.itertuples()
}

# %%
# Save
# ----
# The file has the network, the centres, the names and the parameters. No image is in
# it.

import tempfile
from pathlib import Path

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
est.save(folder / "model.safetensors")
print(f"{(folder / 'model.safetensors').stat().st_size / 1e6:.1f} MB")

# %%
# Load in another process
# -----------------------
# It knows nothing but the file of the model and the new images.

import subprocess
import sys

import numpy as np

program = """
import numpy as np
from skdeepcluster import ClusterMajorityClassifier, DeepClusterCategorizer

est = DeepClusterCategorizer.load("model.safetensors")
named = ClusterMajorityClassifier.from_names(est, est.names_)
images = np.load("new_images.npy")
np.savez("answers.npz", clusters=est.predict(images), categories=named.predict(images))
"""
np.save(folder / "new_images.npy", new_images)
subprocess.run([sys.executable, "-c", program], cwd=folder, check=True)
with np.load(folder / "answers.npz") as file:
    clusters, categories = file["clusters"], file["categories"]
temporary.cleanup()

# %%
# The same answers
# ----------------
# On the same machine, every cluster is the one that this process would have given.

print(f"same clusters: {np.array_equal(clusters, est.predict(new_images))}")

# %%
# What it answered
# ----------------
# Its categories, against the digits that the new images are known to show.

import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay

known = [f"digit {digit}" for digit in digits.target[700:]]
figure, ax = plt.subplots(figsize=(6.4, 5.4), layout="constrained")
ConfusionMatrixDisplay.from_predictions(
    known, categories, cmap="Blues", xticks_rotation=45, colorbar=False, ax=ax
)
ax.set(
    title=f"{len(known)} new images, categorised by a loaded model",
    xlabel="category by the loaded model",
    ylabel="known",
)
plt.show()

print(f"right category: {np.mean(categories == known):.1%} of {len(known)} new images")

# %%
# A pickle would do the same in Python, but whoever can change a pickle can run code on
# the machine that loads it. Pickle only what a model file refuses: a network of your
# own, since its code is not part of the file.
