"""DeepClusterCategorizer: parameters, validation and the scikit-learn contract."""

from __future__ import annotations

import copy
import functools
import inspect
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.callback import CallbackContext, CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from skdeepcluster import _model_file
from skdeepcluster._augmentation import Augmentation
from skdeepcluster._doubts import (
    FIRST_JUDGED_EPOCH,
    CollapseWarning,
    find_collapse,
    find_doubt,
)
from skdeepcluster._engine import backbones, images, runtime
from skdeepcluster._engine.alternation import Alternation, Clustering, Epoch
from skdeepcluster._engine.augment import random_views
from skdeepcluster._engine.embedding import embed, on_sphere
from skdeepcluster._engine.kmeans import assign
from skdeepcluster._validation import check_finite, fold, on_another_scale

_ROUNDING = 1e-9  # the NMI of equal assignments may fall short of 1 by as much
_HISTORY = (
    "loss",
    "nmi_previous",
    "purity_previous",
    "inertia",
    "smallest_cluster",
    "median_cluster",
    "largest_cluster",
    "learning_rate",
    "embed_seconds",
    "cluster_seconds",
    "train_seconds",
)


class DeepClusterCategorizer(
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClusterMixin,
    BaseEstimator,
):
    """Cluster images with a CNN that is trained on nothing but these images.

    Once an epoch, every image is embedded with the CNN, the L2-normalised embeddings
    are clustered with K-means, and the CNN is trained for an epoch to tell the
    clusters apart, on images sampled uniformly over them. This is DeepMCAT [1]_,
    which builds on DeepCluster [2]_. After the last epoch the network is frozen and
    the images are embedded and clustered once more, this time as they are; those
    clusters are what `labels_` and :meth:`predict` tell.

    The defaults are the paper's. :meth:`from_recipe` gives others, such as
    ``"fast"`` for a laptop.

    Parameters
    ----------
    n_clusters : int, default=8
        The number of clusters to find, at least 1. The paper takes 8 times the
        number of categories expected: pure clusters are easily merged, mixed ones
        not parted.

    backbone : str or callable, default="vgg16_bn"
        The network, from random weights: torchvision's ``"vgg11"`` to
        ``"vgg19_bn"`` or ``"resnet18"`` to ``"resnet152"``; ``"small_cnn"``, four
        convolutions for small images on a laptop; or a callable that takes no
        argument and returns a ``torch.nn.Module``, images to vectors or maps. The
        first convolution is made anew where it expects another number of channels.

    embedding_layer : {"auto", "fc", "pool"}, default="auto"
        What is clustered: ``"fc"`` is the second fully connected layer before its
        ReLU (4096 values, VGG only, DeepCluster's choice); ``"pool"`` the average
        over the last feature map; ``"auto"`` is ``"fc"`` for VGG and ``"pool"``
        elsewhere. ``"small_cnn"`` gives its own 512 values for either of these.

    projection : int or None, default=None
        Project what `embedding_layer` gives to that many features with a perceptron
        of one hidden layer, which are clustered instead, as in DeepCluster-v2 (128).

    weights : mapping, path or None, default=None
        A state dict of the backbone to start from, or the path of one that was
        saved with ``torch.save`` or as safetensors. Layers that the backbone lacks,
        such as ImageNet's classifier, are left out.

    image_size : int or None, default=None
        Height and width in pixels at which images enter the network; None keeps
        their own. Either is enlarged to the backbone's minimum: 48 for ResNet,
        32 for the other names, 1 for callables.

    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of images that come as
        flat rows. Without it, flat rows are feature vectors: standardised column by
        column, never rotated or cropped.

    standardize : {"image", "dataset"} or None, default="image"
        Whether the pixels of each image get mean 0 and variance 1 by themselves, as
        in the paper, or all together (a mean and a variance a channel), or neither.
        ``"image"`` throws the absolute grey level away, which is meaningless in MR
        and tells tissues apart in CT.

    augmentation : Augmentation, False or None, default=None
        How views of an image may vary; None is ``Augmentation()``, False shows the
        images as they are. Given an instance, ``augmentation__rotation`` and its
        like can be searched.

    n_views : int, default=1
        Views of each image that a step trains on; all of them have to be put into
        the image's cluster. Two take about twice as long as one.

    augment_clustering : bool, default=True
        Whether the pass that embeds the images for clustering sees random views
        too, as in the paper, or the images as they are, as in DeepCluster.

    memory_bank : bool, default=False
        Whether to cluster the embeddings that training computes on its way (of an
        image with several views their mean), as in DeepCluster-v2 [3]_, instead of
        embedding all images once more in every epoch. That pass, and so
        `augment_clustering`, then only matters before the first epoch. An image that
        an epoch does not draw (with ``sampling="clusters"``) keeps the embedding
        that it had.

    sobel : bool, default=False
        Whether the network sees the two derivatives by Sobel's filter instead of
        the image, as in DeepCluster.

    pca_components : int or None, default=None
        Reduce embeddings to that many principal components with whitening before
        they are normalised, as in DeepCluster (256); clipped to what the number of
        images and of features allow.

    pseudo_labels : {"clusters", "swapped"}, default="clusters"
        What the network is trained to tell. ``"clusters"`` is the paper's: an image's
        cluster, found by K-means once an epoch. ``"swapped"`` finds labels anew in
        every batch, as in SwAV [3]_: each view of an image has to predict the soft
        assignment of the other to `n_prototypes` learnt directions, all of which are
        used equally often. The directions are in a learnt projection of the embedding
        to 128 features, which only training has a use for. K-means then decides nothing
        but what is reported of each epoch, and at the end `labels_`. Takes a
        `temperature` and two `n_views`
        (where there are none to draw, for feature vectors or with
        ``augmentation=False``, images predict their own assignment).

    n_prototypes : int, default=512
        Of ``pseudo_labels="swapped"``, which wants several times as many as there are
        kinds of images, whatever `n_clusters` is. Otherwise not looked at.

    temperature : float or None, default=None
        None trains a linear classifier of the clusters, anew in every epoch. A
        number takes the centroids themselves for a classifier instead, as in
        DeepCluster-v2 (0.1): cosines divided by `temperature`, nothing to learn, of
        spherical K-means. Not to be combined with `pca_components`.

    sampling : {"clusters", "images"}, default="clusters"
        Whether an epoch trains on every cluster equally often, as in the paper and
        in DeepCluster, or on every image once.

    n_epochs : int, default=200
        How often to cluster and train. With 0, the embedding of the random network
        is clustered: a baseline.

    batch_size : int, default=256
        Images a step, at least 2. An epoch is cut into batches of equal size, none
        of a single image, and none larger than this but for that reason. A few
        thousand images want 64: with 256 they learn little, for want of steps. On a GPU
        fewer images are embedded as so many, for it rounds by the size of a batch.

    learning_rate : float, default=0.05
        Of stochastic gradient descent.

    momentum : float, default=0.9
        In [0, 1).

    head_momentum : float or None, default=None
        Of the linear classifier, in [0, 1); None is `momentum`. It is 0 in
        DeepCluster.

    weight_decay : float, default=1e-5
        L2 penalty on the weights.

    lr_schedule : {"constant", "cosine"}, default="constant"
        Whether the learning rate stays, or falls to zero along half a cosine. The
        classifier's own rate stays: it is made anew every epoch and has to catch up.
        (Prototypes are not, and share the rate of the rest.)

    warmup_epochs : int, default=0
        Epochs at first in which the learning rate rises linearly.

    kmeans_n_iter : int, default=20
        Iterations of K-means, each time.

    kmeans_init : {"random", "ward"}, default="random"
        What the K-means after the last epoch starts from: images drawn at random, or
        the means of what merging by Ward's criterion leaves (of 5,000 images drawn at
        random, or twice `n_clusters`, where there are more), which gives purer
        clusters. K-means within the loop starts from random images.

    stop_nmi, stop_purity : float or None, default=None
        Stop before `n_epochs` when the NMI, and the purity, of the assignments of
        adjacent epochs are at least that, in (0, 1], as in LDPO [4]_. With None
        that one is not looked at; with both None all epochs are done.

    patience : int, default=1
        Adjacent epochs in a row that have to be as stable as that.

    device : str or torch.device, default="auto"
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...; ``"auto"`` takes CUDA where there
        is one.

    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of the network's products. ``"auto"`` is bfloat16 where the hardware is
        built for it (CPUs with AMX, GPUs since Ampere), else float32. Images are
        assigned to clusters in float32 always.

    random_state : int, RandomState instance or None, default=None
        An int makes `fit` repeatable bit for bit on one CPU machine. On a GPU numbers
        are added up in no fixed order, and what that changes grows with the epochs.
        None draws anew each time, and leaves NumPy's global state alone.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int64
        The cluster of each image, from 0 to ``n_clusters_ - 1``; the same as
        ``predict(X)``.

    cluster_centers_ : ndarray of shape (n_found, n_embedding), float32
        Centroids of the `n_clusters_` clusters found, in the space of
        :meth:`transform`.

    n_clusters_ : int
        The number of clusters that are not empty, at most `n_clusters`.

    inertia_ : float
        Sum of squared distances of the images to their centroids.

    distance_limits_ : ndarray of shape (n_clusters,), float32
        The distance to its centroid that 99 % of a cluster's images do not exceed, of
        those that `fit` saw. A new image beyond it is unlike them, and may be of a
        kind that was never seen.

    last_epoch_labels_ : ndarray of shape (n_samples,), int64
        The assignment that the last epoch was trained on: what the paper's Table 1
        reports, of augmented images unless `augment_clustering` is false. Empty
        clusters leave gaps here. With ``n_epochs=0`` the same as `labels_`.

    history_ : dict of str to ndarray of shape (n_done,)
        A value for each of the `n_epochs_` epochs done: ``loss`` (mean
        cross-entropy, nats), ``nmi_previous`` (NMI of this assignment and the one
        before, NaN at first), ``purity_previous`` (of this assignment against the
        one before as classes, NaN at first), ``inertia``, ``smallest_cluster``,
        ``median_cluster`` and ``largest_cluster`` (numbers of images, empty clusters
        count as 0), ``learning_rate``, ``embed_seconds``, ``cluster_seconds``,
        ``train_seconds``.

    n_epochs_ : int
        Epochs done; fewer than `n_epochs` if a callback asked to stop, or the
        assignments were as stable as `stop_nmi` and `stop_purity` ask.

    network_ : torch.nn.Module
        Standardised pixels to embedding, before normalisation. A VGG takes no other
        size of images than it was fitted on.

    image_shape_ : tuple of int
        ``(height, width, channels)`` of the images, or ``(n_features,)``.

    reader_ : dict or None
        How the images were read from files (`image_size`, `channels`, `frames`,
        `window`), where the command line did so; it is saved with the model, so that
        new files are read in the same way. None after `fit`.

    names_ : dict of int to str
        Names of clusters, where the command line or you gave some; they are saved with
        the model. Empty after `fit`.

    pixel_mean_, pixel_std_ : ndarray of shape (n_channels,) or (n_features,)
        Of the set, where the set was standardised; else None.

    device_ : str
        Where the network lies.

    precision_ : str
        ``"float32"`` or ``"bfloat16"``, as resolved in `fit`.

    n_features_in_ : int
        Pixel values an image.

    feature_names_in_ : ndarray of shape (n_features,)
        Only where X was a data frame with string column names.

    See Also
    --------
    Augmentation : What may be varied in an image.
    skdeepcluster.metrics.cluster_purity_score : Purity against known classes.
    sklearn.cluster.KMeans : Clustering of the pixels themselves.

    Notes
    -----
    Departures from the paper: empty clusters are left out of `labels_`, and the
    final clusters come from images without augmentation. What it does not state is
    chosen here: the ranges of the augmentation, 20 iterations of K-means, the
    second fully connected layer for embedding, and a constant learning rate.

    One model, one precision: bfloat16 and float32 networks disagree on some images,
    so `predict` keeps to `precision_`, also after loading on another machine.

    References
    ----------
    .. [1] Kart, T., Bai, W., Glocker, B., Rueckert, D. (2021). "DeepMCAT: Large-Scale
       Deep Clustering for Medical Image Categorization".
    .. [2] Caron, M., Bojanowski, P., Joulin, A., Douze, M. (2018). "Deep Clustering
       for Unsupervised Learning of Visual Features". ECCV.
    .. [3] Caron, M., Misra, I., Mairal, J., Goyal, P., Bojanowski, P., Joulin, A.
       (2020). "Unsupervised Learning of Visual Features by Contrasting Cluster
       Assignments". NeurIPS.
    .. [4] Wang, X. et al. (2017). "Unsupervised Joint Mining of Deep Features and
       Image Labels for Large-Scale Radiology Image Categorization and Scene
       Recognition". WACV.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepcluster import DeepClusterCategorizer, cluster_purity_score
    >>> digits = load_digits()
    >>> images, categories = digits.images[:500], digits.target[:500]
    >>> est = DeepClusterCategorizer.from_recipe(
    ...     "fast", n_clusters=40, n_epochs=2, random_state=0
    ... )
    >>> labels = est.fit_predict(images)
    >>> cluster_purity_score(categories, labels) > 0.7
    True
    >>> est.transform(images[:3]).shape
    (3, 512)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "backbone": [StrOptions(set(backbones.NAMES)), callable],
        "embedding_layer": [StrOptions({"auto", "fc", "pool"})],
        "projection": [None, Interval(Integral, 1, None, closed="left")],
        "weights": [None, Mapping, str, os.PathLike],
        "image_size": [None, Interval(Integral, 1, None, closed="left")],
        "image_shape": [None, tuple],
        "standardize": [None, StrOptions({"image", "dataset"})],
        "augmentation": [None, Options(bool, {False}), Augmentation],
        "n_views": [Interval(Integral, 1, None, closed="left")],
        "augment_clustering": ["boolean"],
        "memory_bank": ["boolean"],
        "sobel": ["boolean"],
        "pca_components": [None, Interval(Integral, 1, None, closed="left")],
        "pseudo_labels": [StrOptions({"clusters", "swapped"})],
        "n_prototypes": [Interval(Integral, 1, None, closed="left")],
        "temperature": [None, Interval(Real, 0, None, closed="neither")],
        "sampling": [StrOptions({"clusters", "images"})],
        "n_epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "head_momentum": [None, Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "lr_schedule": [StrOptions({"constant", "cosine"})],
        "warmup_epochs": [Interval(Integral, 0, None, closed="left")],
        "kmeans_n_iter": [Interval(Integral, 1, None, closed="left")],
        "kmeans_init": [StrOptions({"random", "ward"})],
        "stop_nmi": [None, Interval(Real, 0, 1, closed="right")],
        "stop_purity": [None, Interval(Real, 0, 1, closed="right")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "device": [str, torch.device],
        "precision": [StrOptions({"auto", *runtime.PRECISIONS})],
        "random_state": ["random_state"],
    }

    image_shape_: tuple[int, ...]

    _doc_link_module = "skdeepcluster"
    _doc_link_template = (
        "https://skdeepcluster.readthedocs.io/en/stable/generated/"
        "skdeepcluster.{estimator_name}.html"
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        backbone: str | Callable[[], torch.nn.Module] = "vgg16_bn",
        embedding_layer: str = "auto",
        projection: int | None = None,
        weights: Mapping[str, torch.Tensor] | str | os.PathLike[str] | None = None,
        image_size: int | None = None,
        image_shape: tuple[int, ...] | None = None,
        standardize: str | None = "image",
        augmentation: Augmentation | bool | None = None,
        n_views: int = 1,
        augment_clustering: bool = True,
        memory_bank: bool = False,
        sobel: bool = False,
        pca_components: int | None = None,
        pseudo_labels: str = "clusters",
        n_prototypes: int = 512,
        temperature: float | None = None,
        sampling: str = "clusters",
        n_epochs: int = 200,
        batch_size: int = 256,
        learning_rate: float = 0.05,
        momentum: float = 0.9,
        head_momentum: float | None = None,
        weight_decay: float = 1e-5,
        lr_schedule: str = "constant",
        warmup_epochs: int = 0,
        kmeans_n_iter: int = 20,
        kmeans_init: str = "random",
        stop_nmi: float | None = None,
        stop_purity: float | None = None,
        patience: int = 1,
        device: str | torch.device = "auto",
        precision: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.backbone = backbone
        self.embedding_layer = embedding_layer
        self.projection = projection
        self.weights = weights
        self.image_size = image_size
        self.image_shape = image_shape
        self.standardize = standardize
        self.augmentation = augmentation
        self.n_views = n_views
        self.augment_clustering = augment_clustering
        self.memory_bank = memory_bank
        self.sobel = sobel
        self.pca_components = pca_components
        self.pseudo_labels = pseudo_labels
        self.n_prototypes = n_prototypes
        self.temperature = temperature
        self.sampling = sampling
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.head_momentum = head_momentum
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.warmup_epochs = warmup_epochs
        self.kmeans_n_iter = kmeans_n_iter
        self.kmeans_init = kmeans_init
        self.stop_nmi = stop_nmi
        self.stop_purity = stop_purity
        self.patience = patience
        self.device = device
        self.precision = precision
        self.random_state = random_state

    @classmethod
    def from_recipe(cls, name: str, **parameters: Any) -> Self:
        """An estimator with the parameters of a recipe.

        Parameters
        ----------
        name : str
            A key of ``skdeepcluster.recipes.RECIPES``, such as ``"fast"``.
        **parameters : object
            Parameters that are not in the recipe, or are to be different.

        Returns
        -------
        DeepClusterCategorizer

        Raises
        ------
        ValueError
            If there is no such recipe.

        Examples
        --------
        >>> from skdeepcluster import DeepClusterCategorizer
        >>> DeepClusterCategorizer.from_recipe("fast", n_clusters=48).backbone
        'small_cnn'
        """
        from skdeepcluster.recipes import RECIPES

        if name not in RECIPES:
            raise ValueError(
                f"There is no recipe {name!r}; there are {', '.join(sorted(RECIPES))}."
            )
        return clone(cls(**{**RECIPES[name], **parameters}))

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn clusters from images.

        Parameters
        ----------
        X : array-like
            Images of shape (n_samples, height, width) or (n_samples, height, width,
            channels) with 1 or 3 channels, or rows of shape (n_samples, n_features);
            see `image_shape`. Any real dtype, finite. A memory map is read batch by
            batch; as a whole it is only copied onto a GPU with room for it, and by
            what cuts X into folds, such as ``cross_validate``.
        y : array-like of shape (n_samples,), default=None
            Not used for learning. Handed to callbacks, for monitoring.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the shape is none of these, a pixel is NaN or infinite, there are
            fewer images than clusters, or parameters contradict each other.

        Warns
        -----
        CollapseWarning
            Once, from the fifth epoch on, if one cluster takes nearly all images or
            the network does not learn the pseudo-labels.
        ConvergenceWarning
            Once, after five epochs or more and without a collapse, if hardly anything
            was learnt, or there are far too many or too few clusters.
        """
        self.__dict__.pop("network_", None)  # a fit that fails leaves no mixed model
        self._check_parameters()
        rows = self._check_images(X, reset=True)
        device = runtime.resolve_device(self.device)
        self.device_ = str(device)
        self.precision_ = runtime.resolve_precision(self.precision, device)
        self.pixel_mean_ = self.pixel_std_ = None
        if self._standardize() == "dataset":
            self.pixel_mean_, self.pixel_std_ = images.pixel_statistics(
                rows, self.image_shape_
            )
        context = self._init_callback_context(max_subtasks=self.n_epochs)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)

        with runtime.session(device, seed=self._draw_seed()):
            alternation = self._alternation(rows, device)
            body = alternation.backbone.body
            history: list[dict[str, float]] = []
            collapse = epoch_labels = None
            for epoch in self._monitored(alternation.epochs(), body, context, X, y):
                epoch_labels = epoch.clustering.labels
                history.append(_summary(epoch, self.n_clusters))
                if collapse is None and len(history) >= FIRST_JUDGED_EPOCH:
                    collapse = self._warn_of_collapse(epoch)
            body.zero_grad()
            clustering = alternation.final()

        for name, value in _fitted_attributes(body, clustering).items():
            setattr(self, name, value)
        self.inertia_ = float(clustering.distances.double().square().sum())
        self.last_epoch_labels_ = (
            self.labels_ if epoch_labels is None else epoch_labels.cpu().numpy()
        )
        self.n_epochs_ = len(history)
        self.distance_limits_ = _distance_limits(
            self.labels_, clustering.distances.cpu().numpy()
        )
        self.reader_: dict[str, Any] | None = None
        self.names_: dict[int, str] = {}
        self.history_ = {
            name: np.array([epoch[name] for epoch in history]) for name in _HISTORY
        }
        context.call_on_fit_task_end(
            estimator=self,
            X=X,
            y=y,
            reconstruction_attributes=lambda: _fitted_attributes(body, clustering),
        )
        if collapse is None and len(history) >= FIRST_JUDGED_EPOCH:
            self._warn_of_doubt(clustering, history[-1]["loss"])
        return self

    def fit_predict(
        self, X: ArrayLike, y: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Learn clusters from images and tell the cluster of each.

        Parameters
        ----------
        X : array-like
            Images, as :meth:`fit` takes them.
        y : array-like of shape (n_samples,), default=None
            Not used for learning. Handed to callbacks, for monitoring.

        Returns
        -------
        ndarray of shape (n_samples,), int64
            The same as `labels_`.
        """
        return self.fit(X, y).labels_

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """The cluster of each image: the one whose centroid is nearest.

        Parameters
        ----------
        X : array-like
            Images of the shape that the estimator was fitted on.

        Returns
        -------
        ndarray of shape (n_samples,), int64
            From 0 to ``n_clusters_ - 1``.

        Warns
        -----
        UserWarning
            If the pixels are on quite another scale than those fitted on.
        """
        return self._assign(X)[0]

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """The embedding of each image.

        Parameters
        ----------
        X : array-like
            Images of the shape that the estimator was fitted on.

        Returns
        -------
        ndarray of shape (n_samples, n_embedding), float32
            Rows of length 1.

        Warns
        -----
        UserWarning
            If the pixels are on quite another scale than those fitted on.
        """
        with runtime.session(self._fitted_device()):
            return self._embed(X).cpu().numpy()

    def score_samples(self, X: ArrayLike) -> NDArray[np.float32]:
        """How typical each image is of its own cluster.

        Parameters
        ----------
        X : array-like
            Images of the shape that the estimator was fitted on.

        Returns
        -------
        ndarray of shape (n_samples,), float32
            Minus the Euclidean distance to the image's own centroid, in [-2, 0];
            the higher the more typical.

        Warns
        -----
        UserWarning
            If the pixels are on quite another scale than those fitted on.
        """
        return -self._assign(X)[1]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to one safetensors file, without pickle or code.

        It holds the network, the centroids, the labels and history of the fit, and
        the parameters. Left out: callbacks, `weights` (the network has learnt
        from them) and a `random_state` that is not an int. :meth:`load` reads it on
        any machine; no image is in it.

        Parameters
        ----------
        path : str or path
            The file, conventionally ``*.safetensors``. Replaced if it exists, once
            the new one is complete.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If `backbone` is a callable: its code cannot be saved.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from skdeepcluster import DeepClusterCategorizer
        >>> images = np.random.default_rng(0).random((20, 16, 16))
        >>> est = DeepClusterCategorizer.from_recipe("fast", n_clusters=2, n_epochs=1)
        >>> labels = est.fit_predict(images)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     est.save(f"{folder}/model.safetensors")
        ...     loaded = DeepClusterCategorizer.load(f"{folder}/model.safetensors")
        >>> bool((loaded.predict(images) == labels).all())
        True
        """
        check_is_fitted(self)
        _model_file.write(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a model that :meth:`save` wrote. Nothing in the file is executed.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        DeepClusterCategorizer
            Fitted. On the device that its parameter `device` asks for where there
            is one, else on the CPU with a warning.

        Raises
        ------
        ValueError
            If the file is no such model, is damaged, or comes from a newer version.
        OSError
            If it cannot be read.
        """
        return _model_file.read(cls, path)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    @property
    def _n_features_out(self) -> int:
        return int(self.cluster_centers_.shape[1])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # the embedding is float32
        return tags

    def _check_parameters(self) -> None:
        """Raise ValueError where parameters contradict each other."""
        if self.pseudo_labels == "swapped" and (
            self.temperature is None or self.n_views < 2
        ):
            raise ValueError(
                "pseudo_labels='swapped' has one view predict what another is assigned "
                "to, by cosines over a temperature, so that temperature="
                f"{self.temperature} and n_views={self.n_views} do not do; set "
                "temperature=0.1 and n_views=2, or pseudo_labels='clusters'."
            )
        if self.temperature is not None and self.pca_components is not None:
            raise ValueError(
                f"temperature={self.temperature} classifies embeddings by their "
                "centroids, which pca_components="
                f"{self.pca_components} puts into another space; set one of the two "
                "to None."
            )

    def _standardize(self) -> str | None:
        """Feature vectors are always standardised over the set."""
        return self.standardize if len(self.image_shape_) == 3 else "dataset"

    def _draw_seed(self) -> int:
        """A seed for torch, without touching NumPy's global state."""
        if self.random_state is None:
            return int(np.random.default_rng().integers(2**31))
        random = check_random_state(self.random_state)
        return int(random.randint(2**31 - 1))

    def _network_size(self) -> tuple[int, int]:
        """Height and width at which images enter the network."""
        shape = self.image_shape_
        height, width = shape[:2] if len(shape) == 3 else (1, shape[0])
        if self.image_size is not None and len(shape) == 3:
            height = width = self.image_size
        least = backbones.minimum_size(self.backbone)
        return max(height, least), max(width, least)

    def _images(
        self, rows: NDArray[Any], device: torch.device, *, resident: bool = False
    ) -> images.Images:
        return images.Images(
            rows,
            self.image_shape_,
            size=self._network_size(),
            standardize=self._standardize(),
            mean=self.pixel_mean_,
            std=self.pixel_std_,
            device=device,
            resident=resident,
        )

    def _build_backbone(self) -> backbones.Backbone:
        shape = self.image_shape_
        return backbones.build(
            self.backbone,
            in_channels=shape[2] if len(shape) == 3 else 1,
            size=self._network_size(),
            embedding_layer=self.embedding_layer,
            projection=self.projection,
            sobel=self.sobel,
            weights=self.weights,
        )

    def _view(self) -> Callable[[torch.Tensor], torch.Tensor] | None:
        """What draws a random view of each image of a batch."""
        if self.augmentation is False or len(self.image_shape_) == 1:
            return None
        augmentation = self.augmentation
        if not isinstance(augmentation, Augmentation):
            augmentation = Augmentation()
        augmentation._validate()
        return functools.partial(random_views, **augmentation.get_params())

    def _alternation(self, rows: NDArray[Any], device: torch.device) -> Alternation:
        view = self._view()
        backbone = self._build_backbone()
        backbone.to(device)
        if self.temperature is not None:
            # Centroids classify what was clustered, and not what a neck makes of it.
            backbone.neck = torch.nn.Identity()
        momentum = self.momentum if self.head_momentum is None else self.head_momentum
        return Alternation(
            backbone=backbone,
            images=self._images(rows, device, resident=True),
            view=view,
            n_views=self.n_views,
            clustering_view=view if self.augment_clustering else None,
            memory_bank=self.memory_bank,
            n_clusters=self.n_clusters,
            kmeans_n_iter=self.kmeans_n_iter,
            kmeans_init=self.kmeans_init,
            pseudo_labels=self.pseudo_labels,
            n_prototypes=self.n_prototypes,
            pca_components=self.pca_components,
            temperature=self.temperature,
            sampling=self.sampling,
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            lr_schedule=self.lr_schedule,
            warmup_epochs=self.warmup_epochs,
            momentum=self.momentum,
            head_momentum=momentum,
            weight_decay=self.weight_decay,
            precision=self.precision_,
        )

    def _monitored(
        self,
        epochs: Iterator[Epoch],
        body: torch.nn.Module,
        context: CallbackContext,
        X: ArrayLike,
        y: ArrayLike | None,
    ) -> Iterator[Epoch]:
        """The same epochs, each a task for scikit-learn's callbacks, which may stop."""
        n_stable = 0
        for _ in range(self.n_epochs):
            task = context.subcontext(task_name="epoch")
            task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            # Training goes on changing the network that made the epoch's clusters.
            then = copy.deepcopy(body) if self._network_is_asked_for() else body
            epoch = next(epochs)
            yield epoch
            fitted = functools.partial(_fitted_attributes, then, epoch.clustering)
            n_stable = n_stable + 1 if self._is_stable(epoch) else 0
            asked_to_stop = task.call_on_fit_task_end(
                estimator=self, X=X, y=y, reconstruction_attributes=fitted
            )
            if asked_to_stop or n_stable >= self.patience:
                return

    def _is_stable(self, epoch: Epoch) -> bool:
        """Whether an assignment is as much that of the epoch before as asked for."""
        pairs = (
            (epoch.nmi_previous, self.stop_nmi),
            (epoch.purity_previous, self.stop_purity),
        )
        asked = [(value, least) for value, least in pairs if least is not None]
        return bool(asked) and all(value >= least - _ROUNDING for value, least in asked)

    def _network_is_asked_for(self) -> bool:
        """Whether a callback wants a fitted estimator: networks are copied for it."""
        return any(
            "fitted_estimator" in inspect.signature(callback.on_fit_task_end).parameters
            for callback in getattr(self, "_skl_callbacks", [])
        )

    def _warn_of_collapse(self, epoch: Epoch) -> str | None:
        collapse = None
        if self.n_clusters > 1:
            collapse = find_collapse(epoch, learns_classifier=self.temperature is None)
        if collapse is not None:
            warnings.warn(
                f"The clusters seem to have collapsed: {collapse}. Try smaller batches "
                "(batch_size=64), another learning_rate, milder augmentation, "
                "standardize='dataset' or fewer clusters; where nearly all images are "
                "alike, it is as it should be.",
                CollapseWarning,
                stacklevel=5,
            )
        return collapse

    def _warn_of_doubt(self, clustering: Clustering, loss: float) -> None:
        """Warn where the result itself tells that it is of little use."""
        n_prototypes = self.n_prototypes if self.pseudo_labels == "swapped" else None
        doubt = find_doubt(clustering, loss, n_prototypes)
        if doubt is not None:
            warnings.warn(doubt, ConvergenceWarning, stacklevel=4)

    def _check_images(self, X: ArrayLike, *, reset: bool) -> NDArray[Any]:
        """X as finite rows; remembers the shape of an image, or compares it."""
        rows, shape = fold(X, self.image_shape)
        if not reset and (shape is not None or len(self.image_shape_) == 3):
            given = shape or np.shape(rows)[1:]
            if given != self.image_shape_:
                raise ValueError(
                    f"X has images of shape {given}, and {type(self).__name__} was "
                    f"fitted on {self.image_shape_} (height, width, channels, or the "
                    "length of flat rows); bring them to that shape first."
                )
        rows = validate_data(
            self,
            rows,
            reset=reset,
            dtype="numeric",
            ensure_all_finite=False,
            ensure_min_samples=2 if reset else 1,
        )
        check_finite(rows)
        if not reset:
            return rows
        if len(rows) < self.n_clusters:
            raise ValueError(
                f"n_samples={len(rows)} should be >= n_clusters={self.n_clusters}: "
                "give more images, or ask for fewer clusters."
            )
        self.image_shape_ = shape or (rows.shape[1],)
        return rows

    def __getstate__(self) -> dict[str, Any]:
        """What lies on a GPU as on the CPU: other machines have none."""
        state: dict[str, Any] = super().__getstate__()
        if "network_" in state and self._fitted_device().type != "cpu":
            state = dict(state)
            state["network_"] = copy.deepcopy(self.network_).cpu()
            if (whitening := state["_whitening"]) is not None:
                state["_whitening"] = whitening.to("cpu")
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "network_" in state:
            device = runtime.device_or_cpu(self.device, stacklevel=3)
            self.device_ = str(device)
            self.network_.to(device)
            if (whitening := state["_whitening"]) is not None:
                self._whitening = whitening.to(device)

    def _fitted_device(self) -> torch.device:
        check_is_fitted(self)
        return torch.device(self.device_)

    def _embed(self, X: ArrayLike) -> torch.Tensor:
        rows = self._check_images(X, reset=False)
        mean, std = self.pixel_mean_, self.pixel_std_
        if (
            mean is not None
            and std is not None
            and on_another_scale(rows, self.image_shape_, mean, std)
        ):
            warnings.warn(
                "The pixels of X are on quite another scale than those that "
                f"{type(self).__name__} was fitted on (mean {mean.mean():.3g}, "
                f"standard deviation {std.mean():.3g}), so the clusters may be "
                "wrong; give them in the units of the fit.",
                UserWarning,
                stacklevel=4,
            )
        embeddings = embed(
            self.network_,
            self._images(rows, self._fitted_device()),
            batch_size=self.batch_size,
            precision=self.precision_,
        )
        return on_sphere(embeddings, self._whitening)

    def _assign(self, X: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Labels and distances."""
        with runtime.session(self._fitted_device()):
            embedding = self._embed(X).cpu().numpy()
        return self._assign_embedding(embedding)

    def _assign_embedding(
        self, embedding: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Labels and distances of what `transform` gave."""
        device = self._fitted_device()
        with runtime.session(device):
            centroids = torch.tensor(self.cluster_centers_, device=device)
            points = torch.tensor(embedding, device=device)
            labels, distances = assign(points, centroids)
            return labels.cpu().numpy(), distances.cpu().numpy()


def _fitted_attributes(body: torch.nn.Module, clustering: Clustering) -> dict[str, Any]:
    """What `predict` and `transform` need, as after fitting had stopped there."""
    kept, labels = np.unique(clustering.labels.cpu().numpy(), return_inverse=True)
    return {
        "network_": body.eval().requires_grad_(False),
        "labels_": labels,
        "cluster_centers_": clustering.centroids.cpu().numpy()[kept],
        "n_clusters_": len(kept),
        "_whitening": clustering.whitening,
    }


def _distance_limits(
    labels: NDArray[np.int64], distances: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The distance that 99 % of each cluster's images do not exceed; none is empty."""
    ranked = distances[np.lexsort((distances, labels))]
    sizes = np.bincount(labels)
    places = np.ceil(0.99 * (sizes - 1)).astype(np.intp)
    return ranked[np.cumsum(sizes) - sizes + places]


def _summary(epoch: Epoch, n_clusters: int) -> dict[str, float]:
    """An epoch's values in `history_`."""
    sizes = epoch.clustering.labels.bincount(minlength=n_clusters).cpu().numpy()
    inertia = epoch.clustering.distances.double().square().sum()
    embed_seconds, cluster_seconds, train_seconds = epoch.seconds
    return {
        "loss": epoch.loss,
        "nmi_previous": epoch.nmi_previous,
        "purity_previous": epoch.purity_previous,
        "inertia": float(inertia),
        "smallest_cluster": int(sizes.min()),
        "median_cluster": float(np.median(sizes)),
        "largest_cluster": int(sizes.max()),
        "learning_rate": epoch.learning_rate,
        "embed_seconds": embed_seconds,
        "cluster_seconds": cluster_seconds,
        "train_seconds": train_seconds,
    }
