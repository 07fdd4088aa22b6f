"""Random affine views: rotation and resized crop in one resampling, per image."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from skdeepcluster._engine.colour import random_colours
from skdeepcluster._engine.ranks import ALONE, Share

View = Callable[[Tensor, Share], Tensor]
Draw = Callable[..., Tensor]


@dataclass(frozen=True)
class Views:
    """What the network sees of a batch.

    Parameters
    ----------
    draw : callable or None
        Draws a random view of each image; None shows the images as they are, once.
    n : int or None
        Number of views of each image; None uses that which is wanted.
    """

    draw: View | None
    n: int | None = None

    def number(self, n_wanted: int) -> int:
        """Number of views of each image."""
        if self.draw is None:
            return 1
        return n_wanted if self.n is None else self.n

    def __call__(self, pixels: Tensor, n_views: int, share: Share) -> Tensor:
        """One view of all these images of a batch after another."""
        if self.draw is not None:
            pixels = torch.cat([self.draw(pixels, share) for _ in range(n_views)])
        return pixels.contiguous(memory_format=torch.channels_last)


def random_views(
    pixels: Tensor,
    share: Share | None = None,
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
    share : Share or None
        Which images of a batch these are; None if they are all.

    Returns
    -------
    Tensor of shape (n, channels, height, width), float32
    """
    n, _, height, width = pixels.shape
    share = ALONE.share(n) if share is None else share
    draw = partial(share.rand, device=pixels.device)
    theta = _random_affine(draw, width / height, rotation, crop_scale, crop_ratio, flip)
    views = pixels
    if n:  # or affine_grid would fail
        grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)
        # Outside, the border is repeated, which in medical images mostly is the
        # background, whatever value that has.
        views = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    if intensity:
        contrast, brightness = _uniform(draw, 2, -intensity, intensity)
        views = views * (1 + contrast).view(n, 1, 1, 1) + brightness.view(n, 1, 1, 1)
    if shading:
        contrast, brightness = _planes(draw, 2, height, width, shading)
        views = views * (1 + contrast) + brightness
    if pixels.shape[1] == 3 and (hue or saturation or greyscale):
        views = random_colours(views, draw(3), hue, saturation, greyscale)
    return views


def _random_affine(
    draw: Draw,
    aspect: float,
    rotation: float,
    crop_scale: tuple[float, float],
    crop_ratio: tuple[float, float],
    flip: float,
) -> Tensor:
    """Maps from view to image in coordinates of [-1, 1], of shape (n, 2, 3)."""
    (angle,) = _uniform(draw, 1, -math.radians(rotation), math.radians(rotation))
    (area,) = _uniform(draw, 1, *crop_scale)
    low, high = crop_ratio
    (log_ratio,) = _uniform(draw, 1, math.log(low), math.log(high))
    width = (area * log_ratio.exp()).sqrt().clamp(max=1)
    height = (area / log_ratio.exp()).sqrt().clamp(max=1)
    shift_x, shift_y = _uniform(draw, 2, -1, 1)
    shift_x, shift_y = shift_x * (1 - width), shift_y * (1 - height)
    mirror = 1 - 2 * (draw() < flip).float()
    cos, sin = angle.cos(), angle.sin()
    # The crop is cut from the rotated image. The angle is one in pixels: in the
    # normalised coordinates of an oblong image it would not be a rotation.
    row_x = [cos * width * mirror, -sin * height / aspect]
    row_x += [cos * shift_x - sin * shift_y / aspect]
    row_y = [sin * width * mirror * aspect, cos * height]
    row_y += [sin * shift_x * aspect + cos * shift_y]
    return torch.stack([torch.stack(row_x, 1), torch.stack(row_y, 1)], 1)


def _uniform(draw: Draw, rows: int, low: float, high: float) -> Tensor:
    return low + (high - low) * draw(rows)


def _planes(draw: Draw, rows: int, height: int, width: int, steepest: float) -> Tensor:
    """Values that rise linearly across an image, of shape (rows, n, 1, height, width).

    Zero in the middle; the slopes to the right and down are within ± `steepest` over
    half an image.
    """
    slopes = _uniform(draw, 2 * rows, -steepest, steepest)
    right = torch.linspace(-1, 1, width, device=slopes.device)
    down = torch.linspace(-1, 1, height, device=slopes.device).unsqueeze(1)
    slope_right, slope_down = slopes.view(2, rows, -1, 1, 1, 1)
    return slope_right * right + slope_down * down
