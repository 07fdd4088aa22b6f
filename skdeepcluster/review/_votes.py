"""The vote of the images of a series."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_consistent_length, column_or_1d


def series_vote(categories: ArrayLike, series: ArrayLike) -> pd.DataFrame:
    """Give each series the most frequent category of its images.

    Parameters
    ----------
    categories : array-like of shape (n_images,)
        Text; an image without a category (empty text) does not vote.
    series : array-like of shape (n_images,)
        The series of each image, such as the column `series` of the index of
        :func:`skdeepcluster.load_archive`. Images without one (NaN or None) are left
        out.

    Returns
    -------
    pandas.DataFrame
        A row for each series, with the columns

        - series: as given, in sorted order;
        - images: its number of images;
        - category: the most frequent one, or the first in sorted order of several;
          empty if no image has one;
        - share: the share of that category among all its images, in [0, 1].

    Raises
    ------
    ValueError
        If the two differ in length, or are not one-dimensional.

    Examples
    --------
    >>> from skdeepcluster.review import series_vote
    >>> series_vote(["SA", "SA", "LA", "LA", ""], [7, 7, 7, 8, 8])
       series  images category     share
    0       7       3       SA  0.666667
    1       8       2       LA  0.500000
    """
    votes = pd.DataFrame(
        {"category": column_or_1d(np.asarray(categories, dtype=object))}
    )
    check_consistent_length(votes, series)
    votes["series"] = pd.Series(series).reset_index(drop=True)
    images = votes.groupby("series").size().rename("images")
    counts = votes[votes["category"] != ""].groupby(["series", "category"]).size()
    most = counts.groupby("series").idxmax().str[1].rename("category")
    agreeing = counts.groupby("series").max().rename("share")
    table = pd.concat([images, most, agreeing], axis=1).sort_index()
    table["category"] = table["category"].fillna("")
    table["share"] = table["share"].fillna(0) / table["images"]
    return table.rename_axis("series").reset_index()
