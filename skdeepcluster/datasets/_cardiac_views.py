"""Schematic magnetic resonance images of the heart, of many subjects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from skdeepcluster.datasets import _anatomy as cut
from skdeepcluster.datasets import _sequences as mr
from skdeepcluster.datasets._anatomy import TISSUES, Array, People, Slate

CARDIAC_VIEWS = (
    "AO",
    "FLOW",
    "FLOW MAG",
    "FLOW PHA",
    "LA (2 ch)",
    "LA (3 ch)",
    "LA (4 ch)",
    "LVOT",
    "SA",
    "SHMOLLI",
    "SHMOLLI FITPAR",
    "SHMOLLI T1MAP",
    "CINE TAG",
)
"""The 13 classes of Kart et al. (2021), Table 2, in its order.

Cross-sections of the aorta, anatomical, magnitude and phase images of flow in it,
long-axis views of 2, 3 and 4 chambers, the left ventricle's outflow tract, short-axis
slices, shMOLLI T1 mapping (image, fit parameter, T1 map), and tagged short-axis cine.
"""

_UKBB = (7859, 7782, 7782, 7782, 7931, 7943, 7937, 7831, 83372, 7565, 7561, 7560, 23367)
_BLOCK = 128  # images painted at a time


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "class_weights": [StrOptions({"balanced", "ukbb"}), "array-like"],
        "image_size": [Interval(Integral, 16, None, closed="left")],
        "return_subjects": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_cardiac_views(
    n_samples: int = 1000,
    *,
    class_weights: str | Sequence[float] = "balanced",
    image_size: int = 64,
    return_subjects: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[NDArray[Any], ...]:
    """Draw schematic magnetic resonance images of the heart, of 13 kinds.

    Every image belongs to a subject with an anatomy, a place and an orientation in the
    scanner, a contrast, coil shading and noise of their own. A subject's images share
    these, up to small differences from scan to scan. Tissues are painted with the
    signal that each sequence would give them, and noise is added as a receiver does.

    The images are for trying things, for examples and for tests, because cardiac MR of
    real people may not be shared. They are difficult in the same ways, but no figure
    reached on them says what would be reached on real ones.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images, at least 1.
    class_weights : {"balanced", "ukbb"} or sequence of 13 floats, default="balanced"
        How the images are divided among `CARDIAC_VIEWS`: ``"balanced"`` evenly;
        ``"ukbb"`` as in dataset (ii) of Kart et al. [1]_, where 43 % are short-axis
        slices and most classes have 4 %; or in the given proportions. Counts are
        rounded, not drawn.
    image_size : int, default=64
        Height and width in pixels, at least 16.
    return_subjects : bool, default=False
        Whether to return the subject of each image as well, for splits such as
        :class:`~sklearn.model_selection.GroupKFold`. Subjects have at most 13 images
        each, and their numbers differ by at most one.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same images each time.

    Returns
    -------
    X : ndarray of shape (n_samples, image_size, image_size), uint8
        The images, in random order.
    y : ndarray of shape (n_samples,), int64
        Their classes: indices into `CARDIAC_VIEWS`.
    subjects : ndarray of shape (n_samples,), int64
        Their subjects. Only returned if `return_subjects` is true.

    Raises
    ------
    ValueError
        If weights are not 13 finite numbers of at least 0 with a positive sum, or
        another parameter is out of range.

    References
    ----------
    .. [1] Kart, T., Bai, W., Glocker, B., Rueckert, D. (2021). "DeepMCAT: Large-Scale
       Deep Clustering for Medical Image Categorization".
    .. [2] Petersen, S. E. et al. (2015). "UK Biobank's cardiovascular magnetic
       resonance protocol". Journal of Cardiovascular Magnetic Resonance.

    Examples
    --------
    >>> from skdeepcluster.datasets import CARDIAC_VIEWS, make_cardiac_views
    >>> X, y = make_cardiac_views(26, random_state=0)
    >>> X.shape, X.dtype
    ((26, 64, 64), dtype('uint8'))
    >>> [CARDIAC_VIEWS[label] for label in y[:2]]
    ['FLOW', 'CINE TAG']
    """
    random = check_random_state(random_state)
    counts = _counts(n_samples, class_weights)
    y = np.repeat(np.arange(len(CARDIAC_VIEWS)), counts)
    # Dealt like cards, so that all subjects have equally many of each class.
    n_subjects = -(-n_samples // len(CARDIAC_VIEWS))
    subjects = random.permutation(n_subjects)[np.arange(n_samples) % n_subjects]
    order = random.permutation(n_samples)
    y, subjects = y[order], subjects[order]

    people = _draw_subjects(n_subjects, random)
    X = np.empty((n_samples, image_size, image_size), np.uint8)
    for label, name in enumerate(CARDIAC_VIEWS):
        (members,) = np.nonzero(y == label)
        for start in range(0, len(members), _BLOCK):
            block = members[start : start + _BLOCK]
            X[block] = _scan(name, people.of(subjects[block]), image_size, random)
    return (X, y, subjects) if return_subjects else (X, y)


def _counts(n_samples: int, class_weights: str | Sequence[float]) -> NDArray[np.int64]:
    """How many images of each class: the largest remainders are rounded up."""
    n_classes = len(CARDIAC_VIEWS)
    named: dict[str, Sequence[float]] = {"balanced": [1] * n_classes, "ukbb": _UKBB}
    given = named[class_weights] if isinstance(class_weights, str) else class_weights
    try:
        weights = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        weights = np.array(np.nan)
    if (
        weights.shape != (n_classes,)
        or not np.isfinite(weights).all()
        or weights.min() < 0
        or not weights.any()
    ):
        raise ValueError(
            f"class_weights must be 'balanced', 'ukbb' or {n_classes} finite numbers, "
            "none of them negative and not all zero: one for each of CARDIAC_VIEWS. "
            f"Got {class_weights!r} instead."
        )
    weights /= weights.max()  # whose sum may be too large for a float
    shares = weights / weights.sum() * n_samples
    counts = np.floor(shares).astype(np.int64)
    order = np.argsort(counts - shares, kind="stable")
    counts[order[: n_samples - counts.sum()]] += 1
    return counts


def _draw_subjects(n: int, random: np.random.RandomState) -> People:
    ranges = {
        "angle": (-15, 15),  # degrees
        "scale": (0.85, 1.15),
        "right": (-0.12, 0.12),  # of the half-width of the image, as all lengths here
        "down": (-0.12, 0.12),
        "heart_angle": (-15, 15),
        "heart_scale": (0.9, 1.3),
        "heart_right": (-0.08, 0.08),
        "heart_down": (-0.08, 0.08),
        "wall": (0.05, 0.1),
        "right_heart": (0.85, 1.2),
        "vessel": (0.85, 1.2),
        "build": (0.9, 1.1),
        "padding": (0.03, 0.14),
        "coil_angle": (0, 2 * np.pi),
        "coil": (0.1, 0.8),
        "noise": (0.02, 0.06),
        "window": (0.8, 1.2),
        "gamma": (0.75, 1.3),
    }
    people = {name: random.uniform(*limits, n) for name, limits in ranges.items()}
    for tissue in TISSUES:
        people[tissue] = random.uniform(0.85, 1.15, n)
    for wave in range(4):
        people[f"wave {wave}"] = random.uniform(0, 2 * np.pi, n)
    return People({name: values.astype(np.float32) for name, values in people.items()})


@dataclass(frozen=True)
class _View:
    """How the images of a class are made."""

    body: Callable[[Slate, People], None]
    heart: Callable[[Slate, People, Array], None]
    angle: float  # degrees, of the heart in the image
    sequence: Callable[[Slate, People, np.random.RandomState], Array]
    signals: tuple[float, ...]
    levels: tuple[float, float] = (0.0, 1.0)


def _scan(
    name: str, person: People, size: int, random: np.random.RandomState
) -> NDArray[np.uint8]:
    """One image of each person."""
    view = _VIEWS[name]
    n = len(person["angle"])

    def differ(amount: float) -> Array:  # from scan to scan
        return random.uniform(-amount, amount, (n, 1, 1)).astype(np.float32)

    tissues = {
        tissue: (signal * person[tissue] * (1 + differ(0.05)), density)
        for tissue, signal, density in zip(
            TISSUES, view.signals, mr.DENSITY, strict=True
        )
    }
    centres = ((np.arange(size) + 0.5) * 2 / size - 1).astype(np.float32)
    y, x = np.broadcast_arrays(centres[:, None], centres)
    # Real outlines are not ellipses: bend what is painted with each subject's waves.
    waves = [person[f"wave {wave}"] for wave in range(4)]
    bent_x = x + 0.03 * (np.sin(4 * y + waves[0]) + np.sin(7 * y + waves[1]))
    bent_y = y + 0.03 * (np.sin(4 * x + waves[2]) + np.sin(7 * x + waves[3]))
    scanner = Slate(bent_x, bent_y, np.array(2.4 / size, np.float32), tissues)
    body = scanner.moved(
        person["right"] + differ(0.04),
        person["down"] + differ(0.04),
        person["angle"] + differ(5),
        person["scale"] + differ(0.05),
    )
    view.body(body, person)
    heart = body.moved(
        person["heart_right"] + differ(0.03),
        person["heart_down"] + differ(0.03),
        view.angle + person["heart_angle"] + differ(5),
        person["heart_scale"] + differ(0.05),
    )
    low, high = view.levels
    view.heart(heart, person, (low + high) / 2 + differ((high - low) / 2))
    image = view.sequence(body, person, random)
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


_VIEWS = {
    "AO": _View(cut.axial, cut.aorta, 0, mr.magnitude, mr.CINE),
    "FLOW": _View(cut.axial, cut.valve, 0, mr.magnitude, mr.GRADIENT_ECHO),
    "FLOW MAG": _View(cut.axial, cut.valve, 0, mr.magnitude, mr.FLOW_MAGNITUDE),
    "FLOW PHA": _View(cut.axial, cut.valve, 0, mr.phase, mr.VELOCITY),
    "LA (2 ch)": _View(cut.sagittal, cut.two_chamber, -30, mr.magnitude, mr.CINE),
    "LA (3 ch)": _View(cut.sagittal, cut.three_chamber, -20, mr.magnitude, mr.CINE),
    "LA (4 ch)": _View(cut.axial, cut.four_chamber, 30, mr.magnitude, mr.CINE),
    "LVOT": _View(cut.coronal, cut.outflow_tract, 0, mr.magnitude, mr.CINE),
    "SA": _View(cut.oblique, cut.short_axis, 0, mr.magnitude, mr.CINE),
    "SHMOLLI": _View(cut.oblique, cut.short_axis, 0, mr.inverted, mr.T1, (0.4, 0.7)),
    "SHMOLLI FITPAR": _View(cut.oblique, cut.short_axis, 0, mr.fit, mr.T1, (0.4, 0.7)),
    "SHMOLLI T1MAP": _View(
        cut.oblique, cut.short_axis, 0, mr.t1_map, mr.T1, (0.4, 0.7)
    ),
    "CINE TAG": _View(cut.oblique, cut.short_axis, 0, mr.tagged, mr.CINE),
}
