"""Sequences: what a scanner makes of tissues."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from skdeepcluster.datasets._anatomy import Array, People, Slate

# Signal of each tissue. "back" is blood that flows down, in the descending aorta.
CINE = (0.06, 0.85, 0.3, 0.33, 0.95, 0.95, 0.45, 0.4)
GRADIENT_ECHO = (0.08, 0.55, 0.5, 0.5, 0.85, 0.7, 0.6, 0.3)
FLOW_MAGNITUDE = (0.04, 0.3, 0.22, 0.25, 1.0, 1.0, 0.28, 0.15)
VELOCITY = (0.0, 0.0, 0.0, 0.02, 0.5, -0.5, 0.0, 0.0)  # of the largest that is coded
T1 = (1.2, 0.26, 0.9, 0.95, 1.6, 1.6, 0.6, 0.45)  # seconds, at 1.5 T
DENSITY = (0.12, 1.0, 0.9, 0.9, 1.0, 1.0, 0.9, 0.5)


def _noise(shape: tuple[int, ...], random: np.random.RandomState) -> NDArray[Any]:
    return random.standard_normal(shape).astype(np.float32)


def _along(angle: Array, size: int) -> Array:
    """How far pixels lie in a direction (in radians), in half-widths of the image."""
    centres = np.linspace(-1, 1, size, dtype=np.float32)
    return np.cos(angle) * centres + np.sin(angle) * centres[:, None]


def magnitude(slate: Slate, person: People, random: np.random.RandomState) -> Array:
    """Shaded by the coil, with Rician noise, between black and a bright percentile."""
    across = _along(person["coil_angle"], slate.signal.shape[1])
    signal = np.abs(slate.signal) * np.exp(person["coil"] * across)
    shape = signal.shape
    noise = person["noise"] * signal.max((1, 2), keepdims=True)
    signal = np.hypot(
        signal + noise * _noise(shape, random), noise * _noise(shape, random)
    )
    white = np.percentile(signal, 99, axis=(1, 2), keepdims=True) * person["window"]
    return (signal / white) ** person["gamma"]


def tagged(slate: Slate, person: People, random: np.random.RandomState) -> Array:
    """Two sets of dark lines, laid down just before the image was taken."""
    n, size, _ = slate.signal.shape
    spacing = random.uniform(0.22, 0.3, (n, 1, 1)).astype(np.float32)
    for turn in (1, -1):
        angle = np.radians(random.uniform(40, 50, (n, 1, 1))).astype(np.float32)
        across = _along(turn * angle, size)
        phase = random.uniform(0, 1, (n, 1, 1)).astype(np.float32)
        line = 0.5 + 0.5 * np.cos(2 * np.pi * (across / spacing + phase))
        slate.signal *= 1 - 0.9 * line**2
    return magnitude(slate, person, random)


def inverted(slate: Slate, person: People, random: np.random.RandomState) -> Array:
    """Magnitude shortly after an inversion pulse: fat is dark, edges may be black."""
    n = len(slate.signal)
    delay = random.uniform(0.1, 0.22, (n, 1, 1)).astype(np.float32)  # seconds
    recovered = 1 - 2 * np.exp(-delay / np.maximum(slate.signal, 0.1))
    slate.signal = slate.density * recovered
    return magnitude(slate, person, random)


def phase(slate: Slate, person: People, random: np.random.RandomState) -> Array:
    """Velocity as grey level; where there are no protons, any phase at all."""
    noise = person["noise"] * 1.5
    shape = slate.signal.shape
    angle = np.pi * slate.signal
    real = slate.density * np.cos(angle) + noise * _noise(shape, random)
    imaginary = slate.density * np.sin(angle) + noise * _noise(shape, random)
    return 0.5 + np.arctan2(imaginary, real) / (2 * np.pi)


def t1_map(slate: Slate, person: People, random: np.random.RandomState) -> Array:
    """T1 in units of two seconds; where there are no protons, anything."""
    noise = person["noise"] / np.maximum(slate.density, 0.05)
    return slate.signal / 2 + 0.6 * noise * _noise(slate.signal.shape, random)


def fit(slate: Slate, person: People, random: np.random.RandomState) -> Array:
    """How well one T1 fits: badly in air, and where tissues share a pixel."""
    sloped = np.stack([ndimage.sobel(slate.signal, axis) for axis in (1, 2)])
    edge = np.hypot(*sloped) / 4
    noise = person["noise"] / np.maximum(slate.density, 0.05)
    misfit = 0.5 * edge + np.abs(noise * _noise(slate.signal.shape, random))
    return 1 - 0.9 * np.minimum(misfit, 1)
