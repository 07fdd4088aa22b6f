"""Named sets of parameters for `DeepClusterCategorizer.from_recipe`.

A recipe is nothing but a dictionary: copy one, change it, pass it on with ``**``. Each
but ``fast`` names everything that it decides, so that it does not change with the
defaults.
"""

from __future__ import annotations

from typing import Any

from skdeepcluster._augmentation import Augmentation
from skdeepcluster._pretrained import Pretrained
from skdeepcluster._stopping import Stability
from skdeepcluster.objectives import CentroidClassification, ClusterClassification

__all__ = ["RECIPES", "deepcluster", "deepcluster_v2", "deepmcat", "fast", "ldpo"]

fast: dict[str, Any] = {}
"""The estimator's own defaults: about a minute on two cores for a few thousand images.

A small network on small images. It differs from the paper's loop in how it begins: for
the first three fifths of the epochs it does not learn the cluster of an image, but to
predict the assignment of another view of it in the same batch, among prototypes that
are all used equally often (swapped prediction, as in SwAV). Learning a random network's
clusters from a few thousand images would hold it back. In the other epochs it learns
both at once, the clusters by their centroids. `benchmarks/RESULTS.md` says what each is
worth. K-means on the embedding then makes the clusters, starting from those of Ward's
criterion. Grey level is kept (standardised over the set), but as a hint rather than a
rule: intensity and shading vary. The fewer the images, the more often each is seen, so
that there are enough steps. `n_clusters` does not change the network, because there are
256 clusters in the loop, or one for 10 images if there are fewer than 2,560.
"""

deepmcat: dict[str, Any] = {
    "backbone": "vgg16_bn",
    "embedding_layer": "pool",
    "projection": None,
    "image_size": None,
    "standardize": "image",
    "augmentation": Augmentation(
        rotation=15.0,
        crop_scale=(0.5, 1.0),
        crop_ratio=(0.75, 4 / 3),
        flip=0.0,
        intensity=0.0,
        shading=0.0,
        hue=0.0,
        saturation=0.0,
        greyscale=0.0,
    ),
    "n_views": None,
    "cluster_on": "views",
    "sobel": False,
    "pca_components": None,
    "objective": ClusterClassification(momentum=None, standardize=True, dropout=0.25),
    "sampling": "clusters",
    "n_epochs": 200,
    "batch_size": 256,
    "learning_rate": 0.05,
    "momentum": 0.9,
    "weight_decay": 1e-5,
    "lr_schedule": "constant",
    "warmup_epochs": 0,
    "kmeans_n_iter": 20,
    "final_init": "ward",
    "stopping": None,
}
"""The method as published by Kart et al. (2021).

VGG-16 with batch norm from random weights, each image z-scored by itself, rotated
and cropped views for training and for clustering, SGD at 0.05 with batches of 256
for 200 epochs. It wants a GPU, or patience. A few thousand images make few steps of
256: take smaller batches, and lower the rate in proportion, as in
``from_recipe("deepmcat", n_clusters=48, batch_size=64, learning_rate=0.0125)``. At 0.05
with batches of 64 the network is rebuilt faster than the clusters can follow.

What the paper does not state is chosen here: the ranges of the augmentation, 20
iterations of K-means, a constant learning rate (the paper calls 0.05 the initial one),
and which features are clustered. These are the last feature map, averaged, because the
fully connected layers have no batch norm to bear a rate of 0.05 on small sets.

It differs from the paper in three ways. The classifier's input is standardised over the
batch, so that a new classifier catches up in the few steps of an epoch (the paper has
hundreds). A quarter of it is set to zero at random, because the network would learn the
errors of its first clusters from a few thousand images; the paper's fully connected
layers lose half. (With ``embedding_layer="fc"``, which has that, set
``objective__dropout=0``.) And the final clusters are those of images without
augmentation, found by K-means that starts from Ward's clusters, because purity depends
on where it starts; `last_epoch_labels_` are the paper's. The documentation, in "The
method", shows what each is worth.
"""

deepcluster: dict[str, Any] = {
    "backbone": "vgg16_bn",
    "embedding_layer": "auto",
    "projection": None,
    "image_size": None,
    "standardize": "dataset",
    "augmentation": Augmentation(
        rotation=0,
        crop_scale=(0.08, 1.0),
        crop_ratio=(0.75, 4 / 3),
        flip=0.5,
        intensity=0.0,
        shading=0.0,
        hue=0.0,
        saturation=0.0,
        greyscale=0.0,
    ),
    "n_views": None,
    "cluster_on": "images",
    "sobel": True,
    "pca_components": 256,
    "objective": ClusterClassification(momentum=0.0),
    "sampling": "clusters",
    "n_epochs": 200,
    "batch_size": 256,
    "learning_rate": 0.05,
    "momentum": 0.9,
    "weight_decay": 1e-5,
    "lr_schedule": "constant",
    "warmup_epochs": 0,
    "kmeans_n_iter": 20,
    "final_init": "random",
    "stopping": None,
}
"""DeepCluster (Caron et al., 2018), which DeepMCAT adapts.

Follows it in the Sobel filter, the second fully connected layer of a VGG-16 with batch
norm, PCA with whitening to 256, clustering of images without augmentation, crops of 8 %
of the area or more, mirror images, and a classifier without momentum.

Departs from it in that images enter whole and at their own size for clustering, instead
of as centre crops of 224 pixels, and in that `sampling` balances the clusters as was
meant: the published code does not. Mirroring is wrong where left and right differ.
"""

deepcluster_v2: dict[str, Any] = {
    "backbone": "resnet50",
    "embedding_layer": "auto",
    "projection": 128,
    "image_size": None,
    "standardize": "dataset",
    "augmentation": Augmentation(
        rotation=0,
        crop_scale=(0.14, 1.0),
        crop_ratio=(0.75, 4 / 3),
        flip=0.5,
        intensity=0.4,
        shading=0.0,
        hue=0.0,
        saturation=0.0,
        greyscale=0.0,
    ),
    "n_views": 2,
    "cluster_on": "bank",
    "sobel": False,
    "pca_components": None,
    "objective": CentroidClassification(temperature=0.1),
    "sampling": "images",
    "n_epochs": 200,
    "batch_size": 256,
    "learning_rate": 0.05,
    "momentum": 0.9,
    "weight_decay": 1e-6,
    "lr_schedule": "cosine",
    "warmup_epochs": 10,
    "kmeans_n_iter": 10,
    "final_init": "random",
    "stopping": None,
}
"""DeepCluster-v2 (Caron et al., 2020, with SwAV).

Follows it in the ResNet-50 with a projection to 128 features, two views of each image,
the memory bank of embeddings in place of a second pass, spherical K-means, whose
centroids are the classifier, at temperature 0.1, and the cosine rate with warm-up.

Departs from it in that there is no multi-crop (further, smaller views), no blur and no
colour, one clustering instead of three, of the mean of both views' projections before
they are normalised, and plain SGD at batches of 256 for 200 epochs instead of LARS at
4,096 for 400 or 800. The rate changes from epoch to epoch, not from step to step.
Mirroring is wrong where left and right differ.
"""

ldpo: dict[str, Any] = {
    "backbone": Pretrained("torchvision:vgg16"),
    "embedding_layer": "auto",
    "projection": None,
    "image_size": "auto",
    "standardize": "dataset",
    "augmentation": Augmentation(
        rotation=15.0,
        crop_scale=(0.5, 1.0),
        crop_ratio=(0.75, 4 / 3),
        flip=0.0,
        intensity=0.0,
        shading=0.0,
        hue=0.0,
        saturation=0.0,
        greyscale=0.0,
    ),
    "n_views": None,
    "cluster_on": "images",
    "sobel": False,
    "pca_components": None,
    "objective": ClusterClassification(momentum=None),
    "sampling": "images",
    "n_epochs": 200,
    "batch_size": 256,
    "learning_rate": 0.001,
    "momentum": 0.9,
    "weight_decay": 1e-5,
    "lr_schedule": "constant",
    "warmup_epochs": 0,
    "kmeans_n_iter": 20,
    "final_init": "random",
    "stopping": Stability(nmi=0.9, purity=0.9, patience=2),
}
"""Looped deep pseudo-task optimisation, LDPO (Wang et al., 2017).

Follows it in starting from a network that has been trained before, a VGG-16 whose
weights have to be given
(``from_recipe("ldpo", backbone__weights="vgg16-397923af.pth")``, say), and in stopping
when the NMI and the purity of adjacent assignments are high enough.

Departs from it in that the number of clusters is given, not found, in the network
(it had AlexNet and GoogLeNet), and in that the network is trained for one epoch between
clusterings, on views that are rotated and cropped. The thresholds and the rate are
ours, for none could be found: set `stopping` as your images ask.
"""

RECIPES = {
    "fast": fast,
    "deepmcat": deepmcat,
    "deepcluster": deepcluster,
    "deepcluster_v2": deepcluster_v2,
    "ldpo": ldpo,
}
