"""The curves of a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from sklearn.callback import ScoringMonitor

    from skdeepcluster._categorizer import DeepClusterCategorizer

_TITLES = {"nmi": "NMI", "purity": "Purity"}
_ROOM = 20  # points below a title, for a legend


class TrainingHistoryDisplay:
    """Loss, NMI of consecutive assignments and cluster sizes over the epochs.

    NMI is the normalised mutual information of two assignments: 1 if they are equal,
    near 0 if they are unrelated. The paper advises to watch these curves: a sudden fall
    of the NMI or rise of the loss is a sign of worse clusters, but a falling loss alone
    is not a sign of purer ones. With scores against known classes, the figure is
    Figure 2 of Kart et al. (2021).

    Make it with :meth:`from_estimator`.

    Parameters
    ----------
    history : mapping of str to ndarray of shape (n_epochs,)
        As in `DeepClusterCategorizer.history_`.
    scores : mapping of str to ndarray of shape (n_epochs,)
        Scores of each epoch's assignment against known classes, by name; may be empty.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes
        Loss, NMI, one panel for each score except NMI, and sizes.
    figure_ : matplotlib.figure.Figure
        The figure of the axes.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepcluster import DeepClusterCategorizer
    >>> from skdeepcluster.review import TrainingHistoryDisplay
    >>> images = np.random.default_rng(0).random((20, 16, 16))
    >>> est = DeepClusterCategorizer(n_clusters=2, n_epochs=2)
    >>> display = TrainingHistoryDisplay.from_estimator(est.fit(images))
    """

    def __init__(
        self,
        history: Mapping[str, NDArray[Any]],
        scores: Mapping[str, NDArray[Any]],
    ) -> None:
        self.history = history
        self.scores = scores

    @classmethod
    def from_estimator(
        cls,
        estimator: DeepClusterCategorizer,
        *,
        monitor: ScoringMonitor | None = None,
        axes: Sequence[Axes] | None = None,
    ) -> Self:
        """Draw the history of a fit.

        Parameters
        ----------
        estimator : DeepClusterCategorizer
            Fitted.
        monitor : sklearn.callback.ScoringMonitor, default=None
            The callback of that fit, to draw its scores too; best is
            :func:`skdeepcluster.metrics.pseudo_label_monitor`. If a fit resumed after
            an interruption, it has no scores of the epochs before, and none are drawn.
        axes : sequence of matplotlib.axes.Axes, default=None
            Where to draw, one for each panel, best with ``layout="constrained"``, as
            there are legends above; None makes a figure.

        Returns
        -------
        TrainingHistoryDisplay

        Raises
        ------
        ValueError
            If the monitor's last run was not that fit: its epochs differ.
        """
        check_is_fitted(estimator)
        scores = {} if monitor is None else _scores(monitor, estimator.n_epochs_)
        return cls(estimator.history_, scores).plot(axes=axes)

    def plot(self, *, axes: Sequence[Axes] | None = None) -> Self:
        """Draw.

        Parameters
        ----------
        axes : sequence of matplotlib.axes.Axes, default=None
            Where to draw, one for each panel, best with ``layout="constrained"``, as
            there are legends above; None makes a figure.

        Returns
        -------
        TrainingHistoryDisplay

        Raises
        ------
        ValueError
            If the number of `axes` differs from that of the panels.
        """
        others = [name for name in self.scores if name != "nmi"]
        n_panels = 3 + len(others)
        if axes is None:
            size = (3.7 * n_panels, 3.2)
            axes = plt.subplots(1, n_panels, figsize=size, layout="constrained")[1]
        self.axes_ = np.asarray(axes, dtype=object)
        if self.axes_.shape != (n_panels,):
            raise ValueError(
                f"plot requires {n_panels} axes, got shape {self.axes_.shape}."
            )
        self.figure_: Any = self.axes_[0].figure
        self._plot_loss(self.axes_[0])
        self._plot_nmi(self.axes_[1])
        for name, ax in zip(others, self.axes_[2:-1], strict=True):
            self._plot_score(ax, name)
        self._plot_sizes(self.axes_[-1])
        for ax in self.axes_:
            ax.set_xlabel("epoch")
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.spines[["top", "right"]].set_visible(False)
            ax.set_title(ax.get_title(), pad=_ROOM)
        return self

    def _plot_loss(self, ax: Axes) -> None:
        _plot_line(ax, self.history["loss"])
        ax.set(title="Loss", ylabel="cross-entropy (nats)", ylim=(0, None))

    def _plot_nmi(self, ax: Axes) -> None:
        _plot_line(ax, self.history["nmi_previous"], label="with the epoch before")
        ax.set(title="NMI with the previous epoch", ylabel="NMI t/t−1", ylim=(0, 1))
        if "nmi" in self.scores:
            _plot_line(ax, self.scores["nmi"], label="with known classes")
            _add_legend(ax)
            ax.set(title="NMI", ylabel="NMI")

    def _plot_score(self, ax: Axes, name: str) -> None:
        _plot_line(ax, self.scores[name])
        ax.set(title=_TITLES.get(name, name), ylabel="against known classes")
        if name == "purity":
            ax.set(ylim=(0, 1))

    def _plot_sizes(self, ax: Axes) -> None:
        for name in ("largest", "median", "smallest"):
            _plot_line(ax, self.history[f"{name}_cluster"], label=name)
        ax.set(title="Images in a cluster", ylabel="images", ylim=(0, None))
        _add_legend(ax)


def _add_legend(ax: Axes) -> None:
    """Between the axes and their title: inside, curves go everywhere."""
    ax.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1),
        ncols=3,
        fontsize="small",
        frameon=False,
        borderaxespad=0.1,
        handlelength=1,
        handletextpad=0.4,
        columnspacing=1,
    )


def _plot_line(ax: Axes, values: NDArray[Any], label: str | None = None) -> None:
    """A value an epoch, from the first on."""
    ax.plot(np.arange(1, len(values) + 1), values, marker=".", label=label)


def _scores(monitor: ScoringMonitor, n_epochs: int) -> dict[str, NDArray[np.float64]]:
    """The scores that a monitor has of the epochs of its last run; else NaN."""
    log = monitor.get_logs().data
    epochs = [row for row in log if row["task_name"] == "epoch"]
    numbers = [row["task_id"] for row in epochs]
    if numbers != list(range(n_epochs - len(epochs), n_epochs)):
        raise ValueError(
            f"The monitor's last run has {len(epochs)} epochs, but the estimator did "
            f"{n_epochs}; pass the monitor that was its callback."
        )
    about_the_task = {
        "task_id_path",
        "parent_task_id_path",
        "estimator_name",
        "task_name",
        "task_id",
        "sequential_subtasks",
    }
    names = [
        name for name in (epochs[0] if epochs else {}) if name not in about_the_task
    ]
    before = [np.nan] * (n_epochs - len(epochs))
    return {name: np.array([*before, *(row[name] for row in epochs)]) for name in names}
