"""Random affine views: rotation and resized crop in one resampling, per image."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from skdeepcluster._engine.colour import random_colours


@dataclass(frozen=True)
class Views:
    """What the network sees of a batch.

    Parameters
    ----------
    draw : callable or None
        Draws a random view of each image; None shows the images as they are, once.
    n : int or None
        Number of views of each image; None uses `n_wanted`.
    """

    draw: Callable[[Tensor], Tensor] | None
    n: int | None = None

    def __call__(self, pixels: Tensor, n_wanted: int) -> Tensor:
        """One view of all images after another."""
        if self.draw is not None:
            n_views = n_wanted if self.n is None else self.n
            pixels = torch.cat([self.draw(pixels) for _ in range(n_views)])
        return pixels.contiguous(memory_format=torch.channels_last)


def random_views(
    pixels: Tensor,
    *,
    rotation: float,
    crop_scale: tuple[float, float],
    crop_ratio: tuple[float, float],
    flip: float,
    intensity: float,
    shading: float,
    hue: float = 0.0,
    saturation: float = 0.0,
    greyscale: float = 0.0,
) -> Tensor:
    """One random view of each image, of the same size; see `Augmentation`.

    Parameters
    ----------
    pixels : Tensor of shape (n, channels, height, width), float32
        Standardised images.

    Returns
    -------
    Tensor of shape (n, channels, height, width), float32
    """
    n, _, height, width = pixels.shape
    theta = _random_affine(
        n, width / height, rotation, crop_scale, crop_ratio, flip, pixels.device
    )
    grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)
    # Outside, the border is repeated, which in medical images mostly is the
    # background, whatever value that has.
    views = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    if intensity:
        contrast, brightness = _uniform(2, n, -intensity, intensity, pixels.device)
        views = views * (1 + contrast).view(n, 1, 1, 1) + brightness.view(n, 1, 1, 1)
    if shading:
        contrast, brightness = _planes(2, n, height, width, shading, pixels.device)
        views = views * (1 + contrast) + brightness
    if pixels.shape[1] == 3 and (hue or saturation or greyscale):
        views = random_colours(views, hue, saturation, greyscale)
    return views


def _random_affine(
    n: int,
    aspect: float,
    rotation: float,
    crop_scale: tuple[float, float],
    crop_ratio: tuple[float, float],
    flip: float,
    device: torch.device,
) -> Tensor:
    """Maps from view to image in coordinates of [-1, 1], of shape (n, 2, 3)."""
    (angle,) = _uniform(1, n, -math.radians(rotation), math.radians(rotation), device)
    (area,) = _uniform(1, n, *crop_scale, device)
    low, high = crop_ratio
    (log_ratio,) = _uniform(1, n, math.log(low), math.log(high), device)
    width = (area * log_ratio.exp()).sqrt().clamp(max=1)
    height = (area / log_ratio.exp()).sqrt().clamp(max=1)
    shift_x, shift_y = _uniform(2, n, -1, 1, device)
    shift_x, shift_y = shift_x * (1 - width), shift_y * (1 - height)
    mirror = 1 - 2 * (torch.rand(n, device=device) < flip).float()
    cos, sin = angle.cos(), angle.sin()
    # The crop is cut from the rotated image. The angle is one in pixels: in the
    # normalised coordinates of an oblong image it would not be a rotation.
    row_x = [cos * width * mirror, -sin * height / aspect]
    row_x += [cos * shift_x - sin * shift_y / aspect]
    row_y = [sin * width * mirror * aspect, cos * height]
    row_y += [sin * shift_x * aspect + cos * shift_y]
    return torch.stack([torch.stack(row_x, 1), torch.stack(row_y, 1)], 1)


def _uniform(
    rows: int, n: int, low: float, high: float, device: torch.device
) -> Tensor:
    return low + (high - low) * torch.rand(rows, n, device=device)


def _planes(
    rows: int, n: int, height: int, width: int, steepest: float, device: torch.device
) -> Tensor:
    """Values that rise linearly across an image, of shape (rows, n, 1, height, width).

    Zero in the middle; the slopes to the right and down are within ± `steepest` over
    half an image.
    """
    right = torch.linspace(-1, 1, width, device=device)
    down = torch.linspace(-1, 1, height, device=device).unsqueeze(1)
    slopes = _uniform(2 * rows, n, -steepest, steepest, device)
    slope_right, slope_down = slopes.view(2, rows, n, 1, 1, 1)
    return slope_right * right + slope_down * down
