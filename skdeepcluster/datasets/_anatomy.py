"""Cuts through a chest, painted tissue by tissue."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # float32, (n, height, width) or what broadcasts to that

TISSUES = ("lung", "fat", "muscle", "myocardium", "blood", "back", "liver", "bone")
"""What is painted. "back" is blood that flows down, in the descending aorta."""

AIR = 0.02  # density of protons outside the body

Tissues = dict[str, tuple[Any, float]]  # signal, density of protons


class People(dict[str, Array]):
    """The properties in which subjects differ, one value for each subject."""

    def of(self, subjects: NDArray[np.int64]) -> People:
        """The values of some, ready to be combined with images."""
        return People({name: self[name][subjects, None, None] for name in self})


class Slate:
    """Images being painted, one tissue over the other."""

    def __init__(self, x: Array, y: Array, pixel: Array, tissues: Tissues) -> None:
        self.x, self.y, self.pixel, self.tissues = x, y, pixel, tissues
        self.signal: Array = np.zeros(x.shape, np.float32)
        self.density: Array = np.full(x.shape, AIR, np.float32)

    def moved(self, right: Array, down: Array, angle: Array, scale: Array) -> Slate:
        """The same images, painted on from another place and angle (in degrees)."""
        slate = copy.copy(self)
        cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        x, y = self.x - right, self.y - down
        slate.x, slate.y = (cos * x + sin * y) / scale, (cos * y - sin * x) / scale
        slate.pixel = self.pixel / scale
        return slate

    def ellipse(self, tissue: str, x: Any, y: Any, a: Any, b: Any) -> None:
        """Paint an ellipse about (x, y) with the half-axes a and b."""
        reach = np.sqrt(np.square((self.x - x) / a) + np.square((self.y - y) / b))
        self._paint(tissue, (1 - reach) * np.minimum(a, b))

    def tube(
        self, tissue: str, start: tuple[float, float], end: tuple[float, float], r: Any
    ) -> None:
        """Paint everything within r of a straight line."""
        (x, y), dx, dy = start, end[0] - start[0], end[1] - start[1]
        along = ((self.x - x) * dx + (self.y - y) * dy) / (dx * dx + dy * dy)
        along = np.clip(along, 0, 1)
        away = np.hypot(self.x - x - along * dx, self.y - y - along * dy)
        self._paint(tissue, r - away)

    def _paint(self, tissue: str, depth: Array) -> None:
        signal, density = self.tissues[tissue]
        cover = np.clip(depth / self.pixel + 0.5, 0, 1)
        self.signal += cover * (signal - self.signal)
        self.density += cover * (density - self.density)


def _trunk(
    slate: Slate, person: People, width: float, height: float, down: float = 0.0
) -> None:
    """Muscle in a rim of fat; `width` and `height` are half-axes."""
    across, rim = width * person["build"], person["padding"]
    slate.ellipse("fat", 0, down, across, height)
    slate.ellipse("muscle", 0, down, across - rim, height - rim)


def axial(slate: Slate, person: People) -> None:
    """A cut across the chest, seen from the feet: spine below, front above."""
    _trunk(slate, person, 1.0, 0.74)
    slate.ellipse("lung", -0.5, -0.02, 0.34 * person["build"], 0.48)
    slate.ellipse("lung", 0.52, 0, 0.32 * person["build"], 0.48)
    slate.ellipse("bone", 0.02, 0.5, 0.13, 0.12)


def oblique(slate: Slate, person: People) -> None:
    """A cut through lungs and liver, as of short-axis slices."""
    _trunk(slate, person, 0.95, 0.88)
    slate.ellipse("lung", 0.35, -0.12, 0.45, 0.58)
    slate.ellipse("lung", -0.45, -0.3, 0.3, 0.38)
    slate.ellipse("liver", -0.3, 0.58, 0.5, 0.24)
    slate.ellipse("back", 0.6, 0.45, 0.08, 0.08)


def sagittal(slate: Slate, person: People) -> None:
    """A cut along the body, front to the left and spine to the right."""
    _trunk(slate, person, 0.82, 1.3)
    slate.ellipse("lung", 0.05, -0.2, 0.52, 0.72)
    slate.ellipse("liver", -0.1, 0.75, 0.52, 0.32)
    for vertebra in range(-3, 4):
        slate.ellipse("bone", 0.66, 0.28 * vertebra, 0.09, 0.1)


def coronal(slate: Slate, person: People) -> None:
    """A cut along the body, seen from the front."""
    _trunk(slate, person, 0.92, 1.5, down=0.2)
    slate.ellipse("lung", -0.47, -0.12, 0.33, 0.6)
    slate.ellipse("lung", 0.47, -0.12, 0.33, 0.6)
    slate.ellipse("liver", -0.3, 0.72, 0.5, 0.28)
    slate.ellipse("fat", 0.45, 0.72, 0.2, 0.16)


def short_axis(slate: Slate, person: People, level: Array) -> None:
    """A slice at a level from 0, the apex, to 1, the base."""
    outer, wall = 0.17 + 0.12 * level, person["wall"]
    a, b = (0.1 + 0.16 * level) * person["right_heart"], outer * 0.95
    x = 0.08 - outer - 0.3 * a
    slate.ellipse("myocardium", x, 0.02, a + 0.03, b + 0.03)
    slate.ellipse("blood", x, 0.02, a, b)
    slate.ellipse("myocardium", 0.08, 0, outer, outer)
    slate.ellipse("blood", 0.08, 0, outer - wall, outer - wall)
    for angle in (0.6, 2.3):  # the papillary muscles
        reach = 0.6 * (outer - wall)
        px, py = 0.08 + reach * np.cos(angle), reach * np.sin(angle)
        slate.ellipse("myocardium", px, py, 0.03, 0.035)


def two_chamber(slate: Slate, person: People, level: Array) -> None:
    wall = person["wall"]
    slate.ellipse("myocardium", -0.1, 0, 0.42, 0.21)
    slate.ellipse("blood", -0.08, 0, 0.4 - wall, 0.21 - wall)
    slate.ellipse("blood", 0.4, 0.02, 0.19, 0.21)
    slate.tube("myocardium", (0.23, -0.18), (0.23, 0.18), 0.015)


def three_chamber(slate: Slate, person: People, level: Array) -> None:
    wall = person["wall"]
    slate.ellipse("myocardium", -0.02, -0.24, 0.33, 0.13 * person["right_heart"])
    slate.ellipse("blood", -0.02, -0.24, 0.3, 0.1 * person["right_heart"])
    slate.ellipse("myocardium", -0.12, 0.05, 0.4, 0.19)
    slate.ellipse("blood", -0.1, 0.05, 0.38 - wall, 0.19 - wall)
    slate.ellipse("blood", 0.38, 0.2, 0.2, 0.14)
    slate.tube("blood", (0.15, 0), (0.6, -0.2), 0.075 * person["vessel"])
    slate.tube("myocardium", (0.2, 0.06), (0.22, 0.24), 0.015)


def four_chamber(slate: Slate, person: People, level: Array) -> None:
    wall, right = person["wall"], person["right_heart"]
    slate.ellipse("myocardium", -0.15, -0.04, 0.18 * right, 0.31)
    slate.ellipse("blood", -0.15, -0.04, 0.18 * right - 0.03, 0.28)
    slate.ellipse("myocardium", 0.12, -0.1, 0.2, 0.38)
    slate.ellipse("blood", 0.12, -0.08, 0.2 - wall, 0.37 - wall)
    slate.ellipse("blood", -0.19, 0.33, 0.17 * right, 0.17)
    slate.ellipse("blood", 0.16, 0.34, 0.16, 0.15)
    slate.tube("myocardium", (-0.34, 0.17), (0.3, 0.19), 0.018)


def outflow_tract(slate: Slate, person: People, level: Array) -> None:
    vessel = 0.085 * person["vessel"]
    slate.ellipse("blood", -0.26, 0.16, 0.15 * person["right_heart"], 0.22)
    slate.ellipse("blood", 0.24, -0.24, 0.12, 0.1)
    slate.ellipse("myocardium", 0.2, 0.2, 0.26, 0.24)
    slate.ellipse("blood", 0.18, 0.19, 0.26 - person["wall"], 0.24 - person["wall"])
    slate.tube("blood", (0.05, 0.08), (-0.07, -0.45), vessel)
    slate.tube("blood", (-0.07, -0.45), (0.14, -0.6), vessel)


def aorta(slate: Slate, person: People, level: Array) -> None:
    """At the height of the pulmonary arteries."""
    vessel = person["vessel"]
    slate.ellipse("fat", -0.05, -0.08, 0.36, 0.34)
    slate.ellipse("muscle", -0.05, -0.08, 0.33, 0.31)
    slate.tube("blood", (0.1, -0.28), (0.18, 0.02), 0.1 * vessel)
    slate.tube("blood", (0.18, 0.02), (-0.24, 0.12), 0.07 * vessel)
    slate.ellipse("blood", -0.14, -0.12, 0.12 * vessel, 0.12 * vessel)
    slate.ellipse("blood", -0.3, -0.02, 0.06, 0.06)
    slate.ellipse("back", 0.2, 0.32, 0.09 * vessel, 0.09 * vessel)


def valve(slate: Slate, person: People, level: Array) -> None:
    """At the height of the aortic valve."""
    vessel = person["vessel"]
    slate.ellipse("myocardium", 0.02, -0.05, 0.4, 0.36)
    slate.ellipse("blood", 0.08, 0.2, 0.24, 0.1)
    slate.ellipse("blood", -0.26, 0.02, 0.11, 0.16)
    slate.ellipse("blood", 0.1, -0.27, 0.2, 0.1)
    slate.ellipse("myocardium", 0.0, -0.03, 0.15 * vessel, 0.15 * vessel)
    slate.ellipse("blood", 0.0, -0.03, 0.12 * vessel, 0.12 * vessel)
    slate.ellipse("back", 0.22, 0.4, 0.09 * vessel, 0.09 * vessel)
