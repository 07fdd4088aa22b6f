"""DeepClusterCategorizer: parameters, validation and the scikit-learn contract."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import replace
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
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import Tags, check_random_state, check_scalar
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from skdeepcluster import _warnings
from skdeepcluster._assembly import (
    alternation_of,
    architecture_of,
    inputs_of,
    n_epochs_of,
    origin_of,
)
from skdeepcluster._augmentation import Augmentation
from skdeepcluster._callbacks import learn
from skdeepcluster._checkpoint import checkpoint_of
from skdeepcluster._engine import backbones, clustering, descent, memory, runtime
from skdeepcluster._engine.alternation import Alternation
from skdeepcluster._engine.batch_norm import over_one_rank
from skdeepcluster._engine.growing import grow
from skdeepcluster._engine.images import Inputs
from skdeepcluster._engine.model import Model
from skdeepcluster._engine.ranks import Ranks, together
from skdeepcluster._engine.sampling import SAMPLERS
from skdeepcluster._fingerprint import unless_done
from skdeepcluster._learning import Learning
from skdeepcluster._parameters import check_parts, set_of_parts
from skdeepcluster._pretrained import Pretrained
from skdeepcluster._saving import OF_EXTEND, SavingMixin
from skdeepcluster._stopping import Stability
from skdeepcluster._together import check_same_fit, said_by_first
from skdeepcluster._validation import (
    MAX_SIDE,
    check_finite,
    check_sides,
    fold,
    on_another_scale,
)
from skdeepcluster.objectives import Objective


class DeepClusterCategorizer(
    CallbackSupportMixin,
    SavingMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClusterMixin,
    BaseEstimator,
):
    """Cluster images with a CNN that is trained on these images alone.

    The network learns `objective` for some epochs. Then it is frozen, and turns each
    image, without augmentation, into its embedding, a vector of features. K-means
    clusters the L2-normalised embeddings: `labels_` and :meth:`predict` give these
    clusters.

    The defaults suit any images and any machine: a small network first learns by
    swapped prediction [3]_ (from one view of an image, predict the group of another
    view), and then also the clusters that K-means finds in its embeddings. The method
    of the paper, DeepMCAT [1]_, which builds on DeepCluster [2]_, is the recipe
    ``"deepmcat"`` of :meth:`from_recipe`: in every epoch, all images are embedded and
    clustered with K-means, and the network is trained to tell the clusters apart, on
    images sampled uniformly over the clusters. It needs many images and a GPU.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters to find, at least 1. The paper uses 8 times the expected
        number of categories (over-clustering): pure clusters, whose images all belong
        to one category, are easy to merge, but mixed ones cannot be separated.

    backbone : str, callable or Pretrained, default="small_cnn"
        The network, with random initial weights: torchvision's ``"vgg11"`` to
        ``"vgg19_bn"`` or ``"resnet18"`` to ``"resnet152"``; ``"small_cnn"``, four
        convolutions for small images on a laptop; or a callable without arguments
        that returns a ``torch.nn.Module`` from images to vectors or feature maps. The
        first convolution is replaced if it expects another number of channels. A
        :class:`~skdeepcluster.Pretrained` is a network that was trained elsewhere; it
        decides for itself what `embedding_layer`, `standardize` and `sobel` do
        otherwise.

    embedding_layer : {"auto", "fc", "pool"}, default="auto"
        The layer whose output is clustered: ``"fc"`` is the second fully connected
        layer before its ReLU (4096 values, VGG only, as in DeepCluster); ``"pool"`` is
        the average over the last feature map; ``"auto"`` is ``"fc"`` for VGG and
        ``"pool"`` for others. ``"small_cnn"`` gives its own 512 values for ``"auto"``
        and ``"pool"``.

    projection : int or None, default=None
        If an int, project the output of `embedding_layer` to this many features with
        a perceptron of one hidden layer, and cluster those, as in DeepCluster-v2 (128).

    image_size : int, "auto" or None, default="auto"
        Height and width in pixels to which images are resized for the network, from 1
        to 4096. ``"auto"`` is 64 for images whose longer side has 96 pixels or more,
        and 32 for others; None keeps their size, if no side is above 4096. Sizes are
        raised to the backbone's minimum: 48 for ResNet, 32 for the other names, 1 for
        callables. Of a `Pretrained` network, ``"auto"`` is its own size.

    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of images that are passed
        as flat rows. Without it, flat rows are feature vectors: standardised column by
        column, never rotated or cropped.

    standardize : {"image", "dataset"} or None, default="dataset"
        ``"dataset"`` scales the pixels of all images together to mean 0 and variance 1
        (per channel), ``"image"`` those of each image by itself, as in the paper; None
        does not scale. ``"image"`` discards the absolute grey level, which has no
        meaning in MR but distinguishes tissues in CT.

    augmentation : Augmentation, False or None, default=None
        The random changes that make views of an image to train on; None is
        ``Augmentation()``, False uses the images as they are. With an instance, a grid
        search can set ``augmentation__rotation`` and so on.

    n_views : int or None, default=None
        Number of views of each image in a training step, at least 1; None uses that of
        `objective`. Two take about twice as long as one.

    cluster_on : {"views", "images", "bank"}, default="bank"
        What is clustered in every epoch: ``"views"``, a random view of each image, as
        in the paper; ``"images"``, the images as they are, as in DeepCluster; or
        ``"bank"``, a memory bank of the embeddings from training (the mean over an
        image's views), as in DeepCluster-v2 [3]_, which saves a pass over all images.
        The bank starts from views. An image that is not drawn in an epoch (with
        ``sampling="clusters"``) keeps its previous embedding.

    sobel : bool, default=False
        Whether the network sees the two Sobel derivatives of an image instead of the
        image, as in DeepCluster.

    pca_components : int or None, default=None
        If an int, reduce embeddings to this many whitened principal components before
        they are normalised, as in DeepCluster (256); at most as many as the numbers of
        images and of features allow.

    objective : Objective or None, default=None
        What the network learns: an object of `skdeepcluster.objectives` or of your own
        class. :class:`~skdeepcluster.objectives.ClusterClassification` is the paper's,
        :class:`~skdeepcluster.objectives.SwappedPrediction` that of SwAV, and
        :class:`~skdeepcluster.objectives.CentroidClassification` that of
        DeepCluster-v2, which cannot be combined with `pca_components`. None is
        :class:`~skdeepcluster.objectives.TwoStages`: swapped prediction first, then
        both that and classification by the centroids. `fit` works on a clone. With an
        instance, a grid search can set ``objective__first__temperature`` and so on.

    sampling : {"clusters", "images"}, default="images"
        Whether an epoch draws from every cluster equally often, as in the paper and
        in DeepCluster, or every image once.

    n_epochs : int or "auto", default="auto"
        Number of epochs, at least 0; each clusters the images and then trains on them.
        ``"auto"`` is 20 for about 3,000 images; more for fewer, so that there are at
        least 470 training steps: a small set takes as long as one of 3,000; and fewer
        for more, so that the steps grow with the square root of their number: 10 for
        12,000, and 8 for 19,000 or more. With 0, the embedding of the random network
        is clustered, as a baseline.

    batch_size : int, default=128
        Number of images per training step, at least 2. An epoch is split into batches
        of equal size, none larger than this unless that avoids a batch of one image.
        With 256, a few thousand images make too few steps to learn much. On a GPU,
        smaller batches are padded to this size to be embedded, because it rounds
        differently for other sizes.

    learning_rate : float, default=0.1
        Initial learning rate of SGD, above 0.

    momentum : float, default=0.9
        SGD momentum, in [0, 1).

    weight_decay : float, default=1e-5
        L2 penalty on the weights, at least 0.

    lr_schedule : {"constant", "cosine"}, default="cosine"
        Whether the learning rate stays constant or falls to zero along half a cosine.
        A classifier that is reset in every epoch keeps a constant rate, because it has
        to catch up each time.

    warmup_epochs : int, default=3
        Number of first epochs over which the learning rate rises linearly.

    kmeans_n_iter : int, default=20
        Number of iterations in each run of K-means.

    final_init : {"random", "ward"}, default="ward"
        Where the K-means after the last epoch starts: at random images, or at the
        cluster means of Ward's hierarchical clustering, which gives purer clusters. Of
        many images, Ward's uses a random sample: 5,000, or twice `n_clusters` if that
        is more. During training, K-means starts at random images.

    stopping : Stability or None, default=None
        When to stop before all `n_epochs` are done: with a
        :class:`~skdeepcluster.Stability`, once the assignments of consecutive epochs
        agree, as in LDPO [4]_; with None, never. With an instance, ``stopping__nmi``
        and so on can be set.

    checkpoint : str, path or None, default=None
        A folder in which `fit` saves its state after every epoch. When an interrupted
        fit is called again with the same parameters and images, it resumes from there,
        and on one CPU the result is bit for bit that of an uninterrupted fit. The file
        holds the embeddings of the images, but no pixels, paths or headers. A fit
        removes its file when it ends; :func:`skdeepcluster.remove_checkpoints` removes
        those that others left. This parameter is not saved with a model.

    device : str or torch.device, default="auto"
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...; ``"auto"`` uses CUDA if there is a
        GPU.

    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of the network's matrix products. ``"auto"`` is bfloat16 on hardware
        built for it (CPUs with AMX or AVX-512 for bfloat16, such as AMD's since Zen 4,
        and GPUs since Ampere), else float32. Images are always assigned to clusters in
        float32.

    random_state : int, RandomState instance or None, default=None
        An int makes `fit` repeatable bit for bit on one CPU machine. On a GPU, numbers
        are summed in no fixed order, and the differences grow with the epochs. With
        None each fit differs, and NumPy's global state is not touched.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int64
        The cluster of each image of `fit`, from 0 to ``n_clusters_ - 1``; the same as
        ``predict(X)``. After :meth:`extend` of a loaded model without the images of
        `fit`, still those of before.

    cluster_centers_ : ndarray of shape (n_found, n_embedding), float32
        Centroids of the `n_clusters_` clusters found, in the space of
        :meth:`transform`.

    n_clusters_ : int
        The number of clusters, those that :meth:`extend` made included.

    n_fit_clusters_ : int
        The number of clusters that `fit` found and that are not empty, at most
        `n_clusters`. Those from this number on were made by :meth:`extend`.

    inertia_ : float
        Sum of squared distances of the images of `fit` to their centroids; brought up
        to date with `labels_`.

    last_epoch_labels_ : ndarray of shape (n_samples,), int64
        The clusters that K-means found at the start of the last epoch, on what
        `cluster_on` names; the paper's Table 1 reports these. Numbers of empty clusters
        do not occur. With ``n_epochs=0`` the same as `labels_`.

    history_ : dict of str to ndarray of shape (n_done,)
        One value for each of the `n_epochs_` epochs done: ``loss`` (mean, in nats for
        the objectives of this library), ``nmi_previous`` (normalised mutual information
        of this assignment and the previous one: 1 if they are equal, near 0 if they are
        unrelated), ``purity_previous`` (purity of this assignment with the previous
        clusters as classes: the share of images in the most frequent class of their
        cluster), ``inertia``, ``smallest_cluster``,
        ``median_cluster`` and ``largest_cluster`` (numbers of images, empty clusters
        count as 0), ``learning_rate``, ``embed_seconds``, ``cluster_seconds``,
        ``train_seconds``. The first epoch has no previous one: NaN.

    n_epochs_ : int
        Number of epochs done; fewer than `n_epochs` if a callback or `stopping` ended
        the fit, or learning diverged.

    model_ : Model
        Network, centroids and everything else that `predict` and `transform` use, in
        one object.

    embedding_ : ndarray of shape (n_samples, n_embedding) or None
        The embedding of the images of `fit`, as `transform` would compute it again;
        float32, 2 KB per image with `small_cnn`. None in a model from a pickle or a
        file, as neither holds it, until :meth:`extend` is given the images of `fit`;
        and, if several processes fitted, in all but the first.

    n_new_clusters_ : int
        The number of clusters that the last :meth:`extend` made; like the next three,
        there only after `extend`.

    new_labels_ : ndarray of shape (n_new_samples,), int64
        The cluster, old or new, of each image of the last :meth:`extend`; the same as
        ``predict`` gives.

    new_outliers_ : ndarray of shape (n_new_samples,), bool
        Which of these images are outliers still: unlike those of all clusters, and too
        few to be a new one.

    new_embedding_ : ndarray of shape (n_new_samples, n_embedding) or None
        Their embedding, as `transform` gives it. None in a model from a pickle or a
        file.

    network_ : torch.nn.Module
        From standardised pixels to the embedding before normalisation. A VGG only
        accepts images of the size that it was fitted on.

    image_shape_ : tuple of int
        ``(height, width, channels)`` of the images, or ``(n_features,)``.

    reader_ : dict or None
        How the command line read the images from files (`image_size`, `channels`,
        `frames`, `window`); saved with the model, so that new files are read in the
        same way. None after `fit`.

    names_ : dict of int to str
        Names of clusters, set by the command line or by you; saved with the model.
        Empty after `fit`.

    pretrained_ : dict or None
        Of a `Pretrained` network, the ``library`` with its version, and the ``licence``
        of the weights of that name, where the library knows it; saved with the model.

    pixel_mean_, pixel_std_ : ndarray of shape (n_channels,) or (n_features,)
        Mean and standard deviation of the set, if the set was standardised; those that
        a `Pretrained` network expects, in the units of the pixels; else None.

    device_ : str
        The device of the network.

    precision_ : str
        ``"float32"`` or ``"bfloat16"``, as resolved in `fit`.

    n_features_in_ : int
        Number of pixel values per image.

    feature_names_in_ : ndarray of shape (n_features,)
        Column names, only if X was a data frame with string column names.

    See Also
    --------
    Augmentation : What may vary in an image.
    Stability : When to stop.
    skdeepcluster.objectives.Objective : What the network learns.
    skdeepcluster.metrics.cluster_purity_score : Purity against known classes.
    sklearn.cluster.KMeans : Clustering of the pixels themselves.

    Notes
    -----
    Every recipe departs from the paper in two ways: empty clusters are left out of
    `labels_`, and the final clusters come from images without augmentation. The recipe
    ``"deepmcat"`` says what else was chosen where the paper states nothing.

    bfloat16 and float32 networks disagree on some images, so `predict` always uses
    `precision_`, also after loading on another machine.

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
    >>> est = DeepClusterCategorizer(n_clusters=40, n_epochs=2, random_state=0)
    >>> labels = est.fit_predict(images)
    >>> cluster_purity_score(categories, labels) > 0.7
    True
    >>> est.transform(images[:3]).shape
    (3, 512)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "backbone": [StrOptions(set(backbones.NAMES)), callable, Pretrained],
        "embedding_layer": [StrOptions(set(backbones.LAYERS))],
        "projection": [None, Interval(Integral, 1, None, closed="left")],
        "image_size": [
            None,
            StrOptions({"auto"}),
            Interval(Integral, 1, MAX_SIDE, closed="both"),
        ],
        "image_shape": [None, tuple],
        "standardize": [None, StrOptions({"image", "dataset"})],
        "augmentation": [None, Options(bool, {False}), Augmentation],
        "n_views": [None, Interval(Integral, 1, None, closed="left")],
        "cluster_on": [StrOptions(set(memory.MEMORIES))],
        "sobel": ["boolean"],
        "pca_components": [None, Interval(Integral, 1, None, closed="left")],
        "objective": [None, Objective],
        "sampling": [StrOptions(set(SAMPLERS))],
        "n_epochs": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "lr_schedule": [StrOptions(set(descent.SCHEDULES))],
        "warmup_epochs": [Interval(Integral, 0, None, closed="left")],
        "kmeans_n_iter": [Interval(Integral, 1, None, closed="left")],
        "final_init": [StrOptions(set(clustering.INITS))],
        "stopping": [None, Stability],
        "checkpoint": [None, str, os.PathLike],
        "device": [str, torch.device],
        "precision": [StrOptions({"auto", *runtime.PRECISIONS})],
        "random_state": ["random_state"],
    }

    model_: Model
    embedding_: NDArray[np.float32] | None
    new_embedding_: NDArray[np.float32] | None

    _doc_link_module = "skdeepcluster"
    _doc_link_template = (
        "https://skdeepcluster.readthedocs.io/en/stable/generated/"
        "skdeepcluster.{estimator_name}.html"
    )

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        backbone: str | Callable[[], torch.nn.Module] | Pretrained = "small_cnn",
        embedding_layer: str = "auto",
        projection: int | None = None,
        image_size: int | str | None = "auto",
        image_shape: tuple[int, ...] | None = None,
        standardize: str | None = "dataset",
        augmentation: Augmentation | bool | None = None,
        n_views: int | None = None,
        cluster_on: str = "bank",
        sobel: bool = False,
        pca_components: int | None = None,
        objective: Objective | None = None,
        sampling: str = "images",
        n_epochs: int | str = "auto",
        batch_size: int = 128,
        learning_rate: float = 0.1,
        momentum: float = 0.9,
        weight_decay: float = 1e-5,
        lr_schedule: str = "cosine",
        warmup_epochs: int = 3,
        kmeans_n_iter: int = 20,
        final_init: str = "ward",
        stopping: Stability | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        device: str | torch.device = "auto",
        precision: str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.backbone = backbone
        self.embedding_layer = embedding_layer
        self.projection = projection
        self.image_size = image_size
        self.image_shape = image_shape
        self.standardize = standardize
        self.augmentation = augmentation
        self.n_views = n_views
        self.cluster_on = cluster_on
        self.sobel = sobel
        self.pca_components = pca_components
        self.objective = objective
        self.sampling = sampling
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.warmup_epochs = warmup_epochs
        self.kmeans_n_iter = kmeans_n_iter
        self.final_init = final_init
        self.stopping = stopping
        self.checkpoint = checkpoint
        self.device = device
        self.precision = precision
        self.random_state = random_state

    @classmethod
    def from_recipe(cls, name: str, **parameters: Any) -> Self:
        """Make an estimator with the parameters of a recipe.

        Parameters
        ----------
        name : str
            A key of ``skdeepcluster.recipes.RECIPES``, such as ``"deepmcat"``.
        **parameters : object
            Parameters that the recipe lacks or that override it; also those of its
            objects, such as ``objective__first__temperature``.

        Returns
        -------
        DeepClusterCategorizer

        Raises
        ------
        ValueError
            If there is no such recipe, or no object that a parameter belongs to.

        Examples
        --------
        >>> from skdeepcluster import DeepClusterCategorizer
        >>> est = DeepClusterCategorizer.from_recipe(
        ...     "fast", n_clusters=48, augmentation__rotation=30
        ... )
        >>> est.backbone, est.augmentation.rotation
        ('small_cnn', 30)
        """
        from skdeepcluster.recipes import RECIPES

        if name not in RECIPES:
            raise ValueError(
                f"There is no recipe {name!r}; use one of {', '.join(sorted(RECIPES))}."
            )
        flat = {key: value for key, value in parameters.items() if "__" not in key}
        nested = {key: value for key, value in parameters.items() if "__" in key}
        # What is set then belongs to the clone, and not to the recipe.
        est = clone(cls(**{**RECIPES[name], **flat}))
        return set_of_parts(est, nested)

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn clusters from images.

        Parameters
        ----------
        X : array-like
            Images of shape (n_samples, height, width) or (n_samples, height, width,
            channels) with 1 or 3 channels, or rows of shape (n_samples, n_features);
            see `image_shape`. Any real dtype, finite. A memory map, an array that
            stays in its file (``np.load(path, mmap_mode="r")``), is read batch by
            batch; the whole is only copied to a GPU with room for it, and by what
            splits X into folds, such as ``cross_validate``.
        y : array-like of shape (n_samples,), default=None
            Not used for learning; passed to callbacks, for monitoring.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the shape is none of these, a pixel is NaN or infinite, there are
            fewer images than clusters, or parameters contradict each other. Of several
            processes: if they were given different images or parameters.
        OSError
            If the folder `checkpoint` cannot be created or written to.
        RuntimeError
            Of several processes: if another one has ended.

        Warns
        -----
        ConvergenceWarning
            Once, when learning diverges: an epoch in which a loss, a weight or an
            embedding is not finite is repeated from its start at half the learning
            rate. And again if that has not helped three times, so that `fit` ends
            with the epochs before.
        CollapseWarning
            Once, from the fifth epoch on, if one cluster takes nearly all images, most
            clusters have none, or an objective that learns the clusters does not learn
            them.
        ConvergenceWarning
            Once, at the end of five epochs or more without a collapse, if hardly
            anything was learnt, or there are far too many or too few clusters.

        Notes
        -----
        Where torchrun started several processes, or there is a process group of
        `torch.distributed`, they fit together: each embeds and clusters its share of
        the images, and trains on its part of each batch. All of them get the same
        model. Only the first one warns, calls callbacks and writes checkpoints. All
        other methods work in each process by itself.
        """
        # A fit that fails leaves no mixed model.
        for name in ("model_", "embedding_", *OF_EXTEND):
            self.__dict__.pop(name, None)
        ranks = together()
        with said_by_first(self, ranks), unless_done(self.random_state):
            return self._fit(X, y, ranks)

    def _fit(self, X: ArrayLike, y: ArrayLike | None, ranks: Ranks) -> Self:
        """Fit as one of several processes, or alone."""
        check_parts(self)
        rows, shape = self._check_images(X)
        device = runtime.resolve_device(self.device)
        ranks.use(device)
        inputs = inputs_of(self, rows, shape)
        n_epochs = n_epochs_of(self, len(rows))
        context = self._init_callback_context(max_subtasks=n_epochs)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)

        seed = ranks.told(self._draw_seed())
        check_same_fit(self, rows, shape, device, ranks)
        with (
            checkpoint_of(self, rows, shape, device, seed, ranks) as kept,
            runtime.session(device, seed=seed if kept is None else kept.first_seed()),
        ):
            loop = alternation_of(self, rows, inputs, device, ranks)
            learning = Learning(loop, self.stopping)
            if kept is not None:
                kept.resume(learning)
            body = loop.backbone.body
            fitted_as = functools.partial(self._fitted_as, inputs, loop)
            try:
                learn(
                    *(learning, kept),
                    estimator=self,
                    context=context,
                    X=X,
                    y=y,
                    fitted_as=fitted_as,
                )
                body.zero_grad()
                clusters, embedding = learning.final()
            except clustering.DivergenceError as error:
                raise ValueError(
                    "Embeddings are NaN or infinite: training diverged with "
                    f"learning_rate={self.learning_rate} in {loop.precision}, or the "
                    "pixels or weights are too large. Try a lower learning_rate, "
                    "precision='float32', or another standardize."
                ) from error

        over_one_rank(body)
        fitted = fitted_as(clusters, body)
        # The first process alone has what it is measured on.
        novelty = ranks.told(fitted["model_"].novelty)
        fitted["model_"] = replace(fitted["model_"], novelty=novelty)
        for name, value in fitted.items():
            setattr(self, name, value)
        self.embedding_ = None if embedding is None else embedding.cpu().numpy()
        self.inertia_ = float(clusters.distances.double().square().sum())
        history = learning.history
        last = self.labels_ if history.labels is None else history.labels
        self.last_epoch_labels_ = last
        self.n_epochs_ = len(history)
        self.history_ = history.arrays()
        self.reader_: dict[str, Any] | None = None
        self.names_: dict[int, str] = {}
        self.n_fit_clusters_ = self.n_clusters_
        self.pretrained_ = origin_of(self)
        context.call_on_fit_task_end(
            estimator=self, X=X, y=y, reconstruction_attributes=lambda: fitted
        )
        if kept is not None:
            kept.end()
        learning.say_doubts(clusters)
        return self

    def fit_predict(
        self, X: ArrayLike, y: ArrayLike | None = None
    ) -> NDArray[np.int64]:
        """Learn clusters from images, and return the cluster of each.

        Parameters
        ----------
        X : array-like
            Images, as :meth:`fit` takes them.
        y : array-like of shape (n_samples,), default=None
            Not used for learning; passed to callbacks, for monitoring.

        Returns
        -------
        ndarray of shape (n_samples,), int64
            The same as `labels_`.
        """
        return self.fit(X, y).labels_

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Assign each image to the cluster with the nearest centroid.

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
            If the pixels are on a very different scale from those of `fit`.
        """
        return self._assign(X)[0]

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Compute the embedding of each image, a vector of features.

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
            If the pixels are on a very different scale from those of `fit`.
        """
        return self._embed(X)

    def score_samples(self, X: ArrayLike) -> NDArray[np.float32]:
        """Score how typical each image is of its own cluster.

        Parameters
        ----------
        X : array-like
            Images of the shape that the estimator was fitted on.

        Returns
        -------
        ndarray of shape (n_samples,), float32
            Minus the Euclidean distance to the image's own centroid, in [-2, 0];
            higher is more typical.

        Warns
        -----
        UserWarning
            If the pixels are on a very different scale from those of `fit`.
        """
        return -self._assign(X)[1]

    def decision_function(self, X: ArrayLike) -> NDArray[np.float32]:
        """Tell outliers, which may be of kinds that `fit` never saw, from others.

        An outlier lies farther from every centroid than 98 % of the images of `fit`
        would if they were new. The distance is that of Mahalanobis, with one covariance
        within clusters for all of them, shrunk half-way to a sphere [1]_: directions in
        which images of one cluster differ anyway count less. It is in units of the
        spread of the cluster, for which 50 images of the spread of all are added. A
        network knows the images that it was trained on, so all is measured on a random
        view of each, or if there is no `augmentation`, on the images themselves, which
        marks more.

        Parameters
        ----------
        X : array-like
            Images of the shape that the estimator was fitted on.

        Returns
        -------
        ndarray of shape (n_samples,), float32
            How much nearer to a centroid an image is than the limit; below 0 for
            outliers.

        Warns
        -----
        UserWarning
            If the pixels are on a very different scale from those of `fit`.

        References
        ----------
        .. [1] Lee, K., Lee, K., Lee, H., Shin, J. (2018). "A Simple Unified Framework
           for Detecting Out-of-Distribution Samples and Adversarial Attacks". NeurIPS.
        """
        embedding = self._embed(X)
        return self.model_.decision(embedding)

    def extend(
        self,
        X: ArrayLike,
        X_fit: ArrayLike | None = None,
        *,
        n_new_clusters: int | None = None,
    ) -> Self:
        """Add clusters for kinds of images that `fit` never saw.

        Images that are unlike those of every cluster, but like each other, become new
        clusters. The network, the old centroids, their numbers and names stay; new
        clusters have the numbers after them, the largest first, and no name. An image
        that is like no other stays an outlier, in its nearest cluster (see
        `new_outliers_`). If nothing is new, no cluster is added.

        From then on, `predict` takes the nearest centroid, old or new. So a few images
        of old kinds go to new clusters, too: about 1 % of new ones as a rule, and fewer
        of those of `fit`.

        Parameters
        ----------
        X : array-like
            New images, of the shape that the estimator was fitted on.
        X_fit : array-like, default=None
            The images of `fit` in their order, to bring `labels_`, `inertia_` and
            `embedding_` up to date in a model that was loaded, which has no
            `embedding_`. Without them these stay as they are.
        n_new_clusters : int, default=None
            Number of clusters to add, at least 1; None finds it.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X is nothing that `predict` takes, `X_fit` are other images than those of
            `fit`, fewer images than `n_new_clusters` are new, or a new cluster would
            have no image. The estimator is unchanged then.

        Warns
        -----
        UserWarning
            If the pixels are on a very different scale from those of `fit`.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skdeepcluster import DeepClusterCategorizer
        >>> digits = load_digits()
        >>> images, is_old = digits.images[:600], digits.target[:600] > 0
        >>> est = DeepClusterCategorizer(n_clusters=30, n_epochs=3, random_state=0)
        >>> est = est.fit(images[is_old]).extend(images)
        >>> in_new = est.new_labels_ >= est.n_fit_clusters_
        >>> bool(in_new[~is_old].mean() > 0.8 and in_new[is_old].mean() < 0.1)
        True
        """
        check_is_fitted(self)
        if n_new_clusters is not None:
            check_scalar(n_new_clusters, "n_new_clusters", Integral, min_val=1)
        embedding = self._embed(X)
        of_fit = self._embedding_of_fit(X_fit)
        model = grow(self.model_, embedding, n_new_clusters)
        labels, _ = model.assign(embedding)
        outliers = model.decision(embedding) < 0
        if of_fit is not None:
            self.labels_, distances = model.assign(of_fit)
            self.inertia_ = float(np.square(distances, dtype=np.float64).sum())
        self.embedding_ = of_fit
        self.n_new_clusters_ = len(model.centroids) - self.n_clusters_
        self.new_labels_ = labels
        self.new_outliers_ = outliers
        self.new_embedding_ = embedding
        self.model_ = model
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    @property
    def network_(self) -> torch.nn.Module:
        return self.model_.network

    @property
    def cluster_centers_(self) -> NDArray[np.float32]:
        return self.model_.centroids

    @property
    def n_clusters_(self) -> int:
        return len(self.model_.centroids)

    @property
    def image_shape_(self) -> tuple[int, ...]:
        return self.model_.inputs.shape

    @property
    def pixel_mean_(self) -> NDArray[np.float64] | None:
        return self.model_.inputs.mean

    @property
    def pixel_std_(self) -> NDArray[np.float64] | None:
        return self.model_.inputs.std

    @property
    def precision_(self) -> str:
        return self.model_.precision

    @property
    def device_(self) -> str:
        return str(self.model_.device)

    @property
    def _n_features_out(self) -> int:
        return int(self.cluster_centers_.shape[1])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # the embedding is float32
        return tags

    def _draw_seed(self) -> int:
        """A seed for torch, without touching NumPy's global state."""
        if self.random_state is None:
            return int(np.random.default_rng().integers(2**31))
        random = check_random_state(self.random_state)
        return int(random.randint(2**31 - 1))

    def _fitted_as(
        self,
        inputs: Inputs,
        loop: Alternation,
        clusters: clustering.Clustering,
        body: torch.nn.Module,
    ) -> dict[str, Any]:
        """What `predict` and `transform` need, as if fitting had stopped there."""
        model, labels = Model.of(
            clusters,
            loop.backbone.whole(body),
            architecture=architecture_of(self),
            inputs=inputs,
            precision=loop.precision,
        )
        return {"model_": model, "labels_": labels}

    def _check_images(self, X: ArrayLike) -> tuple[NDArray[Any], tuple[int, ...]]:
        """X of `fit` as finite rows, and the shape of an image."""
        rows, shape = fold(X, self.image_shape)
        rows = validate_data(
            self,
            rows,
            dtype="numeric",
            ensure_all_finite=False,
            ensure_min_samples=2,
        )
        check_finite(rows)
        if self.image_size is None and shape is not None:
            check_sides(shape)
        if len(rows) < self.n_clusters:
            raise ValueError(
                f"n_samples={len(rows)} should be >= n_clusters={self.n_clusters}: "
                "give more images, or ask for fewer clusters."
            )
        return rows, shape or (rows.shape[1],)

    def _check_new_images(self, X: ArrayLike) -> NDArray[Any]:
        """X of all other methods as finite rows: images like those of `fit`."""
        check_is_fitted(self)
        rows, shape = fold(X, self.image_shape)
        if shape is not None or len(self.image_shape_) == 3:
            given = shape or np.shape(rows)[1:]
            if given != self.image_shape_:
                raise ValueError(
                    f"X has images of shape {given}, but {type(self).__name__} was "
                    f"fitted on {self.image_shape_} (height, width, channels, or the "
                    "length of flat rows); bring them to that shape first."
                )
        rows = validate_data(
            self, rows, reset=False, dtype="numeric", ensure_all_finite=False
        )
        check_finite(rows)
        return rows

    def _embedding_of_fit(self, X: ArrayLike | None) -> NDArray[np.float32] | None:
        """The embedding of the images of `fit`, if it can be had."""
        if X is None:
            return self.embedding_
        embedding = self._embed(X)
        if len(embedding) != len(self.labels_):
            raise ValueError(
                f"X_fit has {len(embedding)} images, but fit had {len(self.labels_)}; "
                "give the images of fit in their order, or leave X_fit out."
            )
        agree = float((self.model_.assign(embedding)[0] == self.labels_).mean())
        if agree < 0.9:
            raise ValueError(
                f"Only {agree:.0%} of the images in X_fit are in the cluster that "
                "labels_ has for them; give the images of fit in their order, or leave "
                "X_fit out."
            )
        return embedding

    def _embed(self, X: ArrayLike) -> NDArray[np.float32]:
        rows = self._check_new_images(X)
        mean, std = self.pixel_mean_, self.pixel_std_
        if (
            mean is not None
            and std is not None
            and on_another_scale(rows, self.image_shape_, mean, std)
        ):
            name = type(self).__name__
            told = _warnings.another_scale(name, float(mean.mean()), float(std.mean()))
            _warnings.warn(told)
        return self.model_.embed(rows, batch_size=self.batch_size)

    def _assign(self, X: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Labels and distances."""
        embedding = self._embed(X)
        return self.model_.assign(embedding)
