"""From clusters to categories, by a few labels or by names that a person gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, pairwise_distances
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from skdeepcluster._clusterers import Categorizer, assigned, typicality
from skdeepcluster._labels import are_right, categories_of, is_value, with_value
from skdeepcluster._names import check_names


class ClusterMajorityClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Categorise images by their cluster, from the labels of a few images.

    Every image gets the most frequent category among the labelled images of its
    cluster. A pure cluster, whose images all belong to one category, needs one label. A
    cluster without labels takes the category of the nearest cluster that has some, and
    is marked in `inferred_`. A cluster that :meth:`DeepClusterCategorizer.extend` made
    is of a kind that the others are not, so without labels it has no category, and its
    images get `unlabeled`. Before any image is labelled there are no categories, but
    :meth:`query` says which images to label first.

    Parameters
    ----------
    categorizer : clusterer
        A clusterer that has `predict` and, once fitted, `cluster_centers_`, such as
        :class:`DeepClusterCategorizer` or :class:`sklearn.cluster.KMeans`. A clone is
        fitted on all images, labelled or not. To use one that is already fitted, wrap
        it in a :class:`sklearn.frozen.FrozenEstimator`.

    unlabeled : object, default=None
        The value in `y` that marks an image without a label: -1 is scikit-learn's
        semi-supervised convention; NaN, None or an empty string work as well. If `y`
        has numbers, None means that all images are labelled. `predict` gives it to
        images without a category.

    Attributes
    ----------
    categorizer_ : clusterer
        The fitted clusterer.

    classes_ : ndarray of shape (n_classes,)
        Categories in sorted order.

    cluster_counts_ : ndarray of shape (n_clusters, n_classes), int64
        Number of labelled images of each category in each cluster.

    cluster_classes_ : ndarray of shape (n_clusters,)
        The category of each cluster; the first of `classes_` if several are equally
        frequent; `unlabeled` if it has none, as `extend` made it.

    inferred_ : ndarray of shape (n_clusters,), bool
        Whether a cluster had no label and took the category of the nearest one.

    n_features_in_ : int
        Number of features of `categorizer_`, if it has this attribute.

    feature_names_in_ : ndarray of shape (n_features,)
        Column names, only if `X` has column names that are all strings.

    See Also
    --------
    sklearn.semi_supervised.LabelSpreading : Spread labels over a graph of images.

    References
    ----------
    .. [1] T. Kart, W. Bai, B. Glocker, D. Rueckert, "DeepMCAT: Large-Scale Deep
       Clustering for Medical Image Categorization", 2021: a cluster is named by the
       majority of its images.

    Examples
    --------
    Ten labels, one for each of ten clusters:

    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from skdeepcluster import ClusterMajorityClassifier
    >>> X, y = make_blobs(500, centers=4, cluster_std=0.7, random_state=3)
    >>> few = np.full(500, -1)
    >>> classifier = ClusterMajorityClassifier(
    ...     KMeans(10, random_state=0), unlabeled=-1
    ... )
    >>> asked = classifier.fit(X, few).query(10)
    >>> few[asked] = y[asked]
    >>> classifier.fit(X, few).score(X, y)
    1.0
    """

    def __init__(self, categorizer: Categorizer, *, unlabeled: object = None) -> None:
        self.categorizer = categorizer
        self.unlabeled = unlabeled

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Cluster all images, and categorise the clusters by the labelled images.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or features, as `categorizer` takes them.
        y : array-like of shape (n_samples,)
            The category of each image, or `unlabeled`.

        Returns
        -------
        Self

        Raises
        ------
        ValueError
            If `y` is not made of categories, or `X` and `y` differ in length.
        TypeError
            If `categorizer` has no `predict`, or no `cluster_centers_` once fitted.
        """
        if not hasattr(self.categorizer, "predict"):
            raise TypeError(
                f"{type(self.categorizer).__name__} cannot assign new images to "
                "clusters: it has no predict; use DeepClusterCategorizer or KMeans."
            )
        # Only checks column names: the categorizer checks the rest, and for images
        # validate_data would count rows of pixels as features.
        validate_data(self, X, y, skip_check_array=True, ensure_2d=False)
        targets: NDArray[Any] = column_or_1d(y, warn=True)
        check_consistent_length(X, targets)
        labelled = ~is_value(targets, self.unlabeled)
        known = categories_of(targets[labelled])
        self.classes_, codes = np.unique(known, return_inverse=True)

        self.categorizer_ = clone(self.categorizer).fit(X, None)
        self._take_features()
        counts = np.zeros((len(self._centers()), len(self.classes_)), dtype=np.int64)
        clusters = assigned(self.categorizer_, X)
        np.add.at(counts, (clusters[labelled], codes), 1)
        self._decide(counts)
        self._labelled = labelled
        self._clusters = clusters
        self._typicality = typicality(self.categorizer_, X)
        return self

    @classmethod
    def from_names(
        cls, categorizer: Categorizer, names: Mapping[int, str]
    ) -> ClusterMajorityClassifier:
        """Name the clusters of a fitted categorizer.

        Parameters
        ----------
        categorizer : clusterer
            A fitted clusterer, used as it is.
        names : mapping of int to str
            The category of each cluster. Clusters with the same name form one category;
            a cluster without a name takes the category of the nearest named one, or
            ``""``, none, if :meth:`DeepClusterCategorizer.extend` made it.

        Returns
        -------
        ClusterMajorityClassifier
            Fitted, but without `query`, which needs images.

        Raises
        ------
        ValueError
            If there are no names, a name is invalid, or a cluster does not exist.

        Examples
        --------
        >>> from sklearn.cluster import KMeans
        >>> from skdeepcluster import ClusterMajorityClassifier
        >>> categorizer = KMeans(3, random_state=0).fit([[0.0], [1.0], [5.0]])
        >>> cluster_of_5 = int(categorizer.predict([[5.0]])[0])
        >>> names = {0: "small", 1: "small", 2: "small"} | {cluster_of_5: "large"}
        >>> named = ClusterMajorityClassifier.from_names(categorizer, names)
        >>> named.predict([[0.9], [4.0]]).tolist()
        ['small', 'large']
        """
        check_is_fitted(categorizer)
        named = cls(FrozenEstimator(categorizer), unlabeled="")
        named.categorizer_ = named.categorizer
        n_clusters = len(named._centers())
        if not names:
            raise ValueError("No cluster has a name; give at least one.")
        names = check_names(names, n_clusters)
        named.classes_, codes = np.unique(list(names.values()), return_inverse=True)
        counts = np.zeros((n_clusters, len(named.classes_)), dtype=np.int64)
        counts[np.array(list(names), dtype=np.intp), codes] = 1
        named._decide(counts)
        named._take_features()
        return named

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Categorise images.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or features, as `categorizer` takes them.

        Returns
        -------
        ndarray of shape (n_samples,)
            The category of each image; `unlabeled` in a cluster that has none.

        Raises
        ------
        ValueError
            If there are no categories yet, or the categorizer has got more clusters
            since: make the classifier again then.
        """
        clusters = self._assign(X)
        return self.cluster_classes_[clusters]

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Give each category's share of the labelled images of an image's cluster.

        In a cluster with a single label, the category of that label has a share of 1:
        shares describe the labels, and do not say how certain a category is.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or features, as `categorizer` takes them.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of `classes_`; rows add up to 1, or are 0 in a cluster that has
            no category.
        """
        clusters = self._assign(X)
        return self._shares[clusters]

    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Compute the share of images that get their category.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Images or features, as `categorizer` takes them.
        y : array-like of shape (n_samples,)
            Their categories.
        sample_weight : array-like of shape (n_samples,), default=None
            How much each image counts.

        Returns
        -------
        float
            In [0, 1]. Images without a label or without a category count as wrong.

        Raises
        ------
        ValueError
            If `y` is text and the categories are numbers, or the other way round.
        """
        found, targets = self.predict(X), column_or_1d(y, warn=True)
        check_consistent_length(found, targets)
        is_right = are_right(found, targets, self.classes_, self.unlabeled)
        all_right = np.ones(len(found), dtype=bool)
        return float(accuracy_score(all_right, is_right, sample_weight=sample_weight))

    def query(self, n: int) -> NDArray[np.int64]:
        """Choose which images of `fit` to label next.

        First comes the most typical image of every cluster without a label, large
        clusters before small ones. Then, one at a time, comes the least typical
        unlabelled image of the cluster that is expected to hold the most images of
        other categories: its size times the share of other categories, estimated from
        its labels by Laplace's rule of succession.

        Parameters
        ----------
        n : int
            Number of images, at least 1.

        Returns
        -------
        ndarray of shape (n,), int64
            Row numbers of different unlabelled images; fewer than `n` if fewer are
            left.

        Raises
        ------
        AttributeError
            If the clusters were named, so that there are no images to choose from.
        ValueError
            If `n` is less than 1.
        """
        check_is_fitted(self)
        if not hasattr(self, "_clusters"):
            raise AttributeError(
                "Clusters were named, so there are no images to choose from; to use "
                "query, fit on images with the categorizer in a FrozenEstimator."
            )
        if n < 1:
            raise ValueError(f"query requires n >= 1, got {n}.")
        totals = self.cluster_counts_.sum(1)
        most = self.cluster_counts_.max(1, initial=0)
        sizes = np.bincount(self._clusters, minlength=len(totals))
        order = np.argsort(-self._typicality, kind="stable")
        unlabelled = order[~self._labelled[order]]
        theirs = self._clusters[unlabelled]
        waiting = {
            cluster: unlabelled[theirs == cluster].tolist()
            for cluster in np.unique(theirs).tolist()
        }
        chosen: list[int] = []
        while waiting and len(chosen) < n:
            unknown = [cluster for cluster in waiting if totals[cluster] == 0]
            if unknown:
                cluster = max(unknown, key=sizes.__getitem__)
                chosen.append(waiting[cluster].pop(0))
            else:
                others = 1 - (most + 1) / (totals + max(2, len(self.classes_)))
                cluster = max(waiting, key=(sizes * others).__getitem__)
                chosen.append(waiting[cluster].pop())
            # Assume that the label will agree with the others.
            totals[cluster] += 1
            most[cluster] += 1
            if not waiting[cluster]:
                del waiting[cluster]
        return np.array(chosen, dtype=np.int64)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.categorizer).input_tags
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "cluster_classes_")

    def _assign(self, X: ArrayLike) -> NDArray[np.int64]:
        check_is_fitted(self)
        if len(self.classes_) == 0:
            raise ValueError(
                f"There are no categories: every y in fit was {self.unlabeled!r} "
                "(`unlabeled`). Label the images that query returns, then fit again."
            )
        validate_data(self, X, reset=False, skip_check_array=True, ensure_2d=False)
        centers, known = self._centers(), self._known_centers
        if not np.array_equal(centers, known):
            raise ValueError(
                f"The categorizer has {len(centers)} clusters, which are not the "
                f"{len(known)} that this classifier was made of, so it has been "
                "extended or fitted since: make the classifier again, with from_names "
                "or fit."
            )
        return assigned(self.categorizer_, X)

    def _take_features(self) -> None:
        """Copy the categorizer's, which counts the pixels of an image."""
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.categorizer_, name):
                setattr(self, name, getattr(self.categorizer_, name))

    def _centers(self) -> NDArray[Any]:
        try:
            return self.categorizer_.cluster_centers_
        except AttributeError:
            raise TypeError(
                f"{type(self.categorizer).__name__} has no cluster_centers_, which are "
                "needed to find the nearest cluster; use DeepClusterCategorizer or "
                "KMeans."
            ) from None

    def _decide(self, counts: NDArray[np.int64]) -> None:
        """Take each cluster's majority, or the nearest cluster's if it has no label."""
        self.cluster_counts_ = counts
        is_empty = counts.sum(1) == 0
        centers = self._centers()
        self._known_centers = np.array(centers)  # another fit may replace them
        n_fitted = getattr(self.categorizer_, "n_fit_clusters_", len(centers))
        self.inferred_ = is_empty & (np.arange(len(centers)) < n_fitted)
        labelled = np.flatnonzero(~is_empty)
        if len(labelled) == 0:
            self.cluster_classes_ = self.classes_[:0]
            return
        nearest = pairwise_distances(centers, centers[labelled]).argmin(1)
        counts = np.where(self.inferred_[:, None], counts[labelled[nearest]], counts)
        totals = counts.sum(1, keepdims=True)
        self._shares = counts / np.maximum(totals, 1)
        self.cluster_classes_ = self.classes_[counts.argmax(1)]
        if not totals.all():
            self.cluster_classes_ = with_value(
                self.unlabeled, self.cluster_classes_, totals[:, 0] == 0
            )
