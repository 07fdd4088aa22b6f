"""Images that are unlike all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skdeepcluster.review._assignment import checked_embedding

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer


def outliers(
    estimator: DeepClusterCategorizer,
    X: ArrayLike,
    *,
    embedding: NDArray[np.float32] | None = None,
) -> pd.DataFrame:
    """Rank images by how unlike all clusters they are.

    Parameters
    ----------
    estimator : DeepClusterCategorizer
        Fitted.
    X : array-like of shape (n_samples, ...)
        Images, those of the fit or others.
    embedding : ndarray of shape (n_samples, n_embedding), default=None
        The result of `transform` for X, such as `embedding_` for the images of the fit;
        None computes it.

    Returns
    -------
    pandas.DataFrame
        A row for each image, the most unlike first, with the columns

        - rank: from 0;
        - image: the row number in X;
        - cluster: the one it is in;
        - score: minus `decision_function`, so higher is more unlike;
        - doubt: whether it is beyond the limit, which is at 0.

    Raises
    ------
    ValueError
        If `embedding` is not that of these images.

    See Also
    --------
    near_duplicates : Images that are in a set more than once.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepcluster import DeepClusterCategorizer
    >>> from skdeepcluster.review import outliers
    >>> images = load_digits().images[:300]
    >>> est = DeepClusterCategorizer(n_clusters=3, n_epochs=1)
    >>> ranked = outliers(est.fit(images), images)
    >>> look_at = ranked["image"].head(10)
    """
    embedding = checked_embedding(estimator, X, embedding)
    labels, _ = estimator.model_.assign(embedding)
    score = -estimator.model_.decision(embedding)
    order = np.argsort(-score, kind="stable")
    return pd.DataFrame(
        {
            "rank": np.arange(len(order)),
            "image": order,
            "cluster": labels[order],
            "score": score[order],
            "doubt": score[order] > 0,
        }
    )
