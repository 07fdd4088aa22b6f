"""
Sort views of the heart, and watch it learn
===========================================

Schematic cardiac magnetic resonance images of 13 kinds, sorted without a label. The
kinds are used to draw the paper's Figure 2: how pure each epoch's clusters are.
"""

# %%
# The images
# ----------
# As many as wanted, with as uneven classes as those of the paper. Subjects differ in
# anatomy, position, contrast, coil shading and noise.

import matplotlib.pyplot as plt
import numpy as np

from skdeepcluster.datasets import CARDIAC_VIEWS, make_cardiac_views

images, views = make_cardiac_views(1000, class_weights="ukbb", random_state=0)
figure, axes = plt.subplots(3, 5, figsize=(8, 5.4), layout="constrained")
for view, panel in enumerate(axes.flat):
    panel.axis("off")
    if view < len(CARDIAC_VIEWS):
        panel.imshow(images[np.argmax(views == view)], cmap="gray")
        panel.set_title(CARDIAC_VIEWS[view], fontsize=9)

# %%
# Learning, monitored
# -------------------
# scikit-learn's callback scores every epoch's own assignment; ``y`` reaches nothing
# else. 104 clusters are the paper's 8 for each of 13 classes.

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster.metrics import pseudo_label_monitor

monitor = pseudo_label_monitor()
est = DeepClusterCategorizer(n_clusters=104, random_state=0)
est.set_callbacks(monitor).fit(images, views)

# %%
# Figure 2 of the paper
# ---------------------

from skdeepcluster.review import TrainingHistoryDisplay

TrainingHistoryDisplay.from_estimator(est, monitor=monitor)
