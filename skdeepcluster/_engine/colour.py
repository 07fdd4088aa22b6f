"""Random changes of colour, as one product with a matrix of 3 × 3 per image."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def random_colours(
    pixels: Tensor, drawn: Tensor, hue: float, saturation: float, greyscale: float
) -> Tensor:
    """Images with hue and saturation varied, and some in grey; see `Augmentation`.

    Parameters
    ----------
    pixels : Tensor of shape (n, 3, height, width), float32
    drawn : Tensor of shape (3, n), float32
        Random numbers in [0, 1).
    hue : float
        Largest share of a full turn.
    saturation : float
        Largest change of the factor on the difference from grey.
    greyscale : float
        Probability.

    Returns
    -------
    Tensor of the same shape
    """
    n, device = len(pixels), pixels.device
    angle = (2 * drawn[0] - 1) * hue * 2 * math.pi
    factor = 1 + (2 * drawn[1] - 1) * saturation
    factor = torch.where(drawn[2] < greyscale, 0, factor).view(n, 1, 1)
    to_grey = torch.tensor([_LUMA] * 3, device=device)
    of_colour = torch.eye(3, device=device) - to_grey
    change = to_grey + factor * (of_colour @ _turn(angle))
    return torch.einsum("nij,njhw->nihw", change, pixels)


def _turn(angle: Tensor) -> Tensor:
    """Rotations about the axis of greys by Rodrigues' formula, of shape (n, 3, 3)."""
    cos, sin = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    axis = torch.full((3, 3), 1 / 3, device=angle.device)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=angle.device)
    unit = torch.eye(3, device=angle.device)
    return cos * unit + sin * cross / math.sqrt(3) + (1 - cos) * axis
