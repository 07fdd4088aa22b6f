"""A fitted model, as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from PIL import Image

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

_TILE = 64  # pixels
_TALLEST = 24_000  # pixels; Matplotlib draws no figure of 2**16


def plot_montage(
    images: NDArray[Any], labels: ArrayLike, scores: ArrayLike, *, n_columns: int = 12
) -> Figure:
    """A row per cluster with its most typical images, the most typical first.

    Parameters
    ----------
    images : ndarray of shape (n, height, width) or (n, height, width, channels)
        As `DeepClusterCategorizer` takes them. Shown between the darkest and the
        brightest percent of the pixels shown.
    labels : array-like of shape (n,)
        Clusters, such as ``predict`` gives.
    scores : array-like of shape (n,)
        How typical each image is, such as ``score_samples`` gives.
    n_columns : int, default=12
        Images a cluster.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster.review import plot_montage
    >>> images = np.random.default_rng(0).random((6, 8, 8))
    >>> figure = plot_montage(images, [0, 0, 1, 1, 1, 1], -np.arange(6))
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    clusters, sizes = np.unique(labels, return_counts=True)
    tile = max(8, min(_TILE, _TALLEST // len(clusters)))
    ranked = np.lexsort((-scores, labels))
    firsts = np.cumsum(sizes) - sizes
    shown = [
        ranked[first : first + min(size, n_columns)]
        for first, size in zip(firsts, sizes, strict=True)
    ]
    pixels = images[np.sort(np.concatenate(shown))].astype(np.float64)
    low, high = np.percentile(pixels, (1, 99))

    sheet = np.full((len(clusters) * tile, n_columns * tile, 3), 255, np.uint8)
    for row, members in enumerate(shown):
        for column, member in enumerate(members):
            place = sheet[row * tile : (row + 1) * tile, column * tile :][:, :tile]
            place[:] = _thumbnail(images[member], tile, low, high)

    width, height = sheet.shape[1] / 96, sheet.shape[0] / 96  # inches
    full_width, full_height = width + 1.5, height + 0.5  # with names and title
    figure = Figure(figsize=(full_width, full_height), dpi=96)
    left, bottom = 1.4 / full_width, 0.1 / full_height
    axes = figure.add_axes((left, bottom, width / full_width, height / full_height))
    axes.imshow(sheet, interpolation="nearest", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks(
        (np.arange(len(clusters)) + 0.5) * tile - 0.5,
        [
            f"{cluster}  (n = {size})"
            for cluster, size in zip(clusters, sizes, strict=True)
        ],
        fontsize=min(10, tile * 0.7),
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("Clusters, most typical images first", loc="left", fontsize=11)
    return figure


def plot_history(
    estimator: DeepClusterCategorizer,
    *,
    nmi: ArrayLike | None = None,
    purity: ArrayLike | None = None,
) -> Figure:
    """Loss, NMI of adjacent assignments and cluster sizes over the epochs.

    What the paper advises to watch: a sudden fall of the NMI, or rise of the loss,
    is a sign of worse clusters; a falling loss alone is none of purer ones. With `nmi`
    and `purity`, the figure is Figure 2 of Kart et al. (2021).

    Parameters
    ----------
    estimator : DeepClusterCategorizer
        Fitted.
    nmi, purity : array-like of shape (n_epochs,), default=None
        Of each epoch's assignment against known classes, such as
        :class:`sklearn.callback.ScoringMonitor` collects with
        :func:`skdeepcluster.metrics.pseudo_label_nmi` and
        :func:`skdeepcluster.metrics.pseudo_label_purity`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If `nmi` or `purity` has not one value for each epoch done.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import DeepClusterCategorizer
    >>> from skdeepcluster.review import plot_history
    >>> images = np.random.default_rng(0).random((20, 16, 16))
    >>> est = DeepClusterCategorizer.from_recipe("fast", n_clusters=2, n_epochs=2)
    >>> figure = plot_history(est.fit(images))
    """
    history = estimator.history_
    epochs = np.arange(1, estimator.n_epochs_ + 1)
    for name, values in (("nmi", nmi), ("purity", purity)):
        if values is not None and np.shape(values) != epochs.shape:
            raise ValueError(
                f"{name} has shape {np.shape(values)}, and {len(epochs)} epochs were "
                "done: give one value for each of them."
            )
    n_panels = 3 if purity is None else 4
    figure = Figure(figsize=(3.7 * n_panels, 3.2), dpi=96, layout="constrained")
    panels = list(figure.subplots(1, n_panels))
    loss, agreement, sizes = panels[0], panels[1], panels[-1]
    loss.plot(epochs, history["loss"], marker=".")
    loss.set(title="Loss", ylabel="cross-entropy (nats)", ylim=(0, None))
    agreement.plot(
        epochs, history["nmi_previous"], marker=".", label="with the epoch before"
    )
    agreement.set(title="NMI with the previous epoch", ylabel="NMI t/t−1", ylim=(0, 1))
    if nmi is not None:
        agreement.plot(epochs, np.asarray(nmi), marker=".", label="with known classes")
        agreement.legend(loc="lower right")
        agreement.set(title="NMI", ylabel="NMI")
    if purity is not None:
        panels[2].plot(epochs, np.asarray(purity), marker=".")
        panels[2].set(title="Purity", ylabel="against known classes", ylim=(0, 1))
    for name in ("largest", "median", "smallest"):
        sizes.plot(epochs, history[f"{name}_cluster"], marker=".", label=name)
    sizes.set(title="Images in a cluster", ylabel="images", ylim=(0, None))
    sizes.legend()
    for axes in panels:
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _thumbnail(
    image: NDArray[Any], tile: int, low: float, high: float
) -> NDArray[np.uint8]:
    """An image in a white margin, aspect kept, of shape (tile, tile, 3)."""
    scaled = (image.astype(np.float64) - low) / (high - low if high > low else 1)
    pixels = (np.clip(scaled, 0, 1) * 255).astype(np.uint8)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    picture = Image.fromarray(pixels).convert("RGB")
    zoom = (tile - 2) / max(picture.size)
    size = [max(1, round(side * zoom)) for side in picture.size]
    smooth = Image.Resampling.NEAREST if zoom > 2 else Image.Resampling.BILINEAR
    sheet = Image.new("RGB", (tile, tile), "white")
    sheet.paste(
        picture.resize(size, smooth), ((tile - size[0]) // 2, (tile - size[1]) // 2)
    )
    return np.asarray(sheet)
