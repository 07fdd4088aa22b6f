"""Images that are in a set more than once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from skdeepcluster.review._assignment import checked_embedding
from skdeepcluster.review._candidates import Sketches, candidates
from skdeepcluster.review._differences import GreyLevels, differences, halved
from skdeepcluster.review._thumbnails import as_pictures

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

_BLOCK = 2**16  # pixels of pairs that are compared at a time: they fit a cache
_LEAST_HALVED = 32  # pixels of the shorter side of images compared at half size first
_ROUGHLY = 3  # times the limit, at half size
_COLUMNS = ["group", "image", "keep", "kind", "copy_of", "difference"]


def near_duplicates(
    estimator: DeepClusterCategorizer,
    X: ArrayLike,
    *,
    max_difference: float = 0.9,
    embedding: NDArray[np.float32] | None = None,
) -> pd.DataFrame:
    """Find images that are in a set more than once.

    Exact copies are found by their bytes, wherever they are. Others, such as images
    that were compressed again or made brighter, are sought among their nearest
    neighbours by embedding, in their own cluster and in the two nearest others, and
    compared pixel by pixel: see Notes.

    Parameters
    ----------
    estimator : DeepClusterCategorizer
        Fitted on images.
    X : array-like of shape (n_samples, ...)
        Images, those of the fit or others. A memory map is read once from end to end,
        and then at the pairs that are compared.
    max_difference : float, default=0.9
        Up to which difference two images are copies, at least 0, in quantisation steps
        of JPEG at quality 50. Raise it for stronger compression; lower it if
        consecutive slices or frames that hardly differ are found.
    embedding : ndarray of shape (n_samples, n_embedding), default=None
        The result of `transform` for X, such as `embedding_` for the images of the fit;
        None computes it.

    Returns
    -------
    pandas.DataFrame
        A row for each image that has a copy, group by group, with the columns

        - group: from 0, in the order of their first images; an image is in the group of
          all that it is a copy of, and of their copies;
        - image: the row number in X;
        - keep: whether it is the first of its group in X;
        - kind: "exact" if it has the bytes of another image, else "near";
        - copy_of: the image of the group that it was found to be most similar to;
        - difference: from that image, as for `max_difference`; 0 for exact copies.

    Raises
    ------
    ValueError
        If `max_difference` is negative, `estimator` was fitted on feature vectors, or
        `embedding` is not that of these images.

    See Also
    --------
    outliers : Images unlike all others.

    Notes
    -----
    The grey values of one image are mapped to those of the other by the best
    ``a x + b``, clipped to its range. What remains is transformed as in JPEG (ITU-T
    T.81): by the discrete cosine transform of blocks of 8 × 8 pixels, whose
    coefficients are divided by the quantisation steps for luminance at quality 50. The
    difference is the root mean square over the 15 lowest frequencies, in the block
    where it is largest. One compression at that quality changes a coefficient by up to
    half a step, or a little more where pixels are clipped. The limit was chosen on
    MNIST, USPS, digits and `make_cardiac_views`: 95 to 100 % of copies compressed at
    quality 50 are below it. Images of other types than uint8 are taken as 8 bits
    between their darkest and brightest percent.

    Consecutive frames of a film that hardly moves, and consecutive slices, can differ
    less than a compressed copy from its original: they are found, too. Images that were
    cropped, turned or mirrored are other images. Blank images have exact copies only.

    It takes 0.5 to 1 KB an image beside the embedding, and time that grows with the
    square of the number of images in a cluster.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skdeepcluster import DeepClusterCategorizer
    >>> from skdeepcluster.review import near_duplicates
    >>> images = load_digits().images[:200]
    >>> images = np.concatenate([images, images[:1], 0.8 * images[1:2]])
    >>> est = DeepClusterCategorizer(n_clusters=3, n_epochs=1, random_state=0)
    >>> copies = near_duplicates(est.fit(images), images, max_difference=0.1)
    >>> copies.drop(columns="difference")
       group  image   keep   kind  copy_of
    0      0      0   True  exact      200
    1      0    200  False  exact        0
    2      1      1   True   near      201
    3      1    201  False   near        1
    """
    if not max_difference >= 0:
        raise ValueError(f"max_difference should be >= 0, got {max_difference}.")
    images = as_pictures(estimator, X)
    embedding = checked_embedding(estimator, X, embedding)
    grey = GreyLevels(images)
    sketches = Sketches.of(grey)
    pairs = candidates(embedding, estimator.cluster_centers_, sketches)
    apart = _compared(grey, pairs, max_difference)
    is_near = apart <= max_difference
    copies = np.flatnonzero(sketches.firsts != np.arange(len(images)))
    exact = np.stack([sketches.firsts[copies], copies], axis=1)
    links = pd.DataFrame(
        np.concatenate([exact, pairs[is_near]]), columns=["image", "copy_of"]
    )
    links["difference"] = np.concatenate([np.zeros(len(exact)), apart[is_near]])
    links["kind"] = ["exact"] * len(exact) + ["near"] * int(is_near.sum())
    return _grouped(links, len(images))


def _compared(
    grey: GreyLevels, pairs: NDArray[np.intp], max_difference: float
) -> NDArray[np.float32]:
    """The differences of pairs, whose pixels are read some at a time.

    Infinite where even at half the size it is far beyond the limit, as for most pairs.
    Compression leaves less there, and saturation up to 2.4 on the benchmarks' sets.
    """
    apart = np.full(len(pairs), np.inf, dtype=np.float32)
    height, width = grey.images.shape[1:3]
    is_large = min(height, width) >= _LEAST_HALVED
    step = max(1, _BLOCK // (height * width))
    for start in range(0, len(pairs), step):
        part = pairs[start : start + step]
        rows, places = np.unique(part, return_inverse=True)
        pixels = grey.of(rows)
        ones, others = pixels[places.reshape(part.shape)].swapaxes(0, 1)
        close = np.arange(len(part))
        if is_large:
            rough = differences(halved(ones), halved(others))
            close = np.flatnonzero(rough <= _ROUGHLY * max_difference)
        apart[start + close] = differences(ones[close], others[close])
    return apart


def _grouped(links: pd.DataFrame, n: int) -> pd.DataFrame:
    """Groups of linked images, and of each image the closest link."""
    ends = links["image"].to_numpy(), links["copy_of"].to_numpy()
    graph = coo_array((np.ones(len(links), dtype=bool), ends), shape=(n, n))
    _, groups = connected_components(graph, directed=False)
    back = links.rename(columns={"image": "copy_of", "copy_of": "image"})
    order = ["kind", "difference", "copy_of"]  # "exact" comes before "near"
    closest = pd.concat([links, back]).sort_values(["image", *order])
    table = closest.drop_duplicates("image").reset_index(drop=True)
    # Numbered anew, in the order of their first images.
    table["group"] = pd.factorize(groups[table["image"].to_numpy(dtype=np.intp)])[0]
    table["keep"] = ~table["group"].duplicated()
    table = table.sort_values(["group", "image"], ignore_index=True)
    return table[_COLUMNS]
