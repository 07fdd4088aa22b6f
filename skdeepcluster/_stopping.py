"""When to stop before all epochs are done."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

_ROUNDING = 1e-9  # the NMI of equal assignments may fall short of 1 by as much


class Stability(BaseEstimator):
    """Stop when the assignments of consecutive epochs agree, as in LDPO.

    The assignment of each epoch is compared with that of the epoch before. Stable
    clusters need not be pure: stopping saves time, and says nothing about quality.

    Parameters
    ----------
    nmi : float or None, default=0.9
        Smallest normalised mutual information (NMI) of two stable assignments, in
        (0, 1]; it is 1 for equal assignments and near 0 for unrelated ones. None
        ignores it.
    purity : float or None, default=0.9
        Smallest purity of a stable assignment, with the clusters of the epoch before
        as classes, in (0, 1]: the share of images in the most frequent class of their
        cluster. None ignores it.
    patience : int, default=2
        Consecutive stable epochs required before stopping, at least 1.

    See Also
    --------
    DeepClusterCategorizer : Takes one as its parameter `stopping`.

    References
    ----------
    Wang, X. et al. (2017). "Unsupervised Joint Mining of Deep Features and Image Labels
    for Large-Scale Radiology Image Categorization and Scene Recognition". WACV. The
    thresholds are ours, as we found none there.

    Examples
    --------
    >>> from skdeepcluster import Stability
    >>> Stability(nmi=0.95, purity=None)
    Stability(nmi=0.95, purity=None)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "nmi": [None, Interval(Real, 0, 1, closed="right")],
        "purity": [None, Interval(Real, 0, 1, closed="right")],
        "patience": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        nmi: float | None = 0.9,
        purity: float | None = 0.9,
        patience: int = 2,
    ) -> None:
        self.nmi = nmi
        self.purity = purity
        self.patience = patience

    def _validate(self) -> None:
        """Raise ValueError where a parameter is out of its range."""
        self._validate_params()
        if self.nmi is None and self.purity is None:
            raise ValueError(
                "Stability(nmi=None, purity=None) compares nothing; set at least one "
                "of the two, or use stopping=None."
            )

    def _is_reached(self, nmi: Sequence[float], purity: Sequence[float]) -> bool:
        """Whether the last epochs were stable; a value an epoch, NaN for the first."""
        asked = [
            (values, least)
            for values, least in ((nmi, self.nmi), (purity, self.purity))
            if least is not None
        ]
        return len(nmi) >= self.patience and all(
            value >= least - _ROUNDING
            for values, least in asked
            for value in values[-self.patience :]
        )
