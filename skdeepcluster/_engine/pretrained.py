"""Networks that were trained elsewhere, as they take our images."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skdeepcluster._engine import of_timm, of_torchvision
from skdeepcluster._engine import weights as weights_
from skdeepcluster._engine.layers import Pooled
from skdeepcluster._engine.runtime import first_line
from skdeepcluster._engine.settings import Settings

LIBRARIES: dict[str, ModuleType] = {"timm": of_timm, "torchvision": of_torchvision}
TRAINABLE = ("all", "head", "none")
N_PROJECTED = 128
"""Features of a trained head, unless others are asked for; as of DeepCluster-v2."""

_NAME = re.compile(r"(timm|torchvision):\w[\w.\-]*", re.ASCII)
_PERCENTILES = (0.5, 99.5)
_N_SAMPLED = 1000, 2**14  # images, and pixels of each, that these are taken from


class Start(NamedTuple):
    """What a network starts from, and how much of it is trained."""

    weights: weights_.Weights
    trainable: str


def is_name(backbone: Any) -> bool:
    """Whether a backbone is one of `LIBRARIES`, and not ours."""
    return isinstance(backbone, str) and ":" in backbone


def check_name(name: Any) -> None:
    """Raise ValueError unless a name can be one of `LIBRARIES`, and nothing else.

    timm would take others for addresses of a network or of a folder, and open them.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"backbone={name!r} is not the name of a network: use 'timm:NAME' or "
            "'torchvision:NAME', without a further ':' or a '/', and give its weights "
            "as backbone__weights."
        )


def settings_of(name: str) -> Settings:
    """What a network asks of its images.

    Raises
    ------
    ValueError
        If there is no such network, or it does not take three channels.
    ImportError
        If its library is missing.
    """
    check_name(name)
    library, _, of_library = name.partition(":")
    settings: Settings = LIBRARIES[library].settings_of(of_library)
    if settings.channels != 3:
        raise ValueError(
            f"backbone={name!r} takes images of {settings.channels} channels; use a "
            "network for 3, which also takes grey images."
        )
    return settings


class Adapted(Pooled):
    """A network that takes our standardised pixels, and gives one vector per image.

    Grey is repeated to three channels. What is darker than black or brighter than white
    is cut off, as in torchvision's colour jitter.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, module: nn.Module, settings: Settings) -> None:
        super().__init__(module)
        for name in ("mean", "std"):
            values = torch.tensor(getattr(settings, name), dtype=torch.float32)
            self.register_buffer(name, values.expand(3).reshape(3, 1, 1).clone())

    def forward(self, pixels: Tensor) -> Tensor:
        shown = (pixels * self.std.mean() + self.mean.mean()).clamp(0, 1)
        features: Any = self.module((shown - self.mean) / self.std)
        if isinstance(features, tuple | list):
            features = torch.stack(tuple(features)).mean(0)
        if features.ndim == 3:  # of tokens
            features = features.mean(1)
        if features.ndim == 4:
            channels_last = getattr(self.module, "output_fmt", "NCHW") == "NHWC"
            features = features.mean((1, 2) if channels_last else (2, 3))
        return features


def network_of(
    name: str, size: tuple[int, int], weights: weights_.Weights | None
) -> tuple[Adapted, int]:
    """A network as it takes our images, and the number of its features.

    Parameters
    ----------
    name : str
        ``"timm:NAME"`` or ``"torchvision:NAME"``.
    size : (int, int)
        Height and width of images.
    weights : mapping, path or None
        None draws random ones, for those that are taken later.

    Raises
    ------
    ValueError
        If there is no such network, or the weights are not its own.
    OSError
        If their file cannot be read.
    ImportError
        If its library is missing.
    """
    settings = settings_of(name)
    library, _, of_library = name.partition(":")
    build = LIBRARIES[library].network_of
    if weights is None:
        module, n_features = build(of_library, size, None)
        return Adapted(module, settings), n_features
    tensors = weights_.read(weights)
    try:
        module, n_features = build(of_library, size, tensors)
    except ValueError as error:
        try:
            module, _ = build(of_library, size, None)
        except Exception as cause:
            raise too_odd(name, size, cause) from cause
        weights_.check_channels(name, tensors, module.state_dict())
        raise error
    return Adapted(module, settings), n_features


def too_odd(name: str, size: tuple[int, int], error: Exception) -> ValueError:
    """The error for a size of images that a network cannot take."""
    own = settings_of(name).size
    return ValueError(
        f"backbone={name!r} cannot take images of {size[0]} × {size[1]} pixels "
        f"({first_line(error)}); use image_size='auto', which is {own[0]} × {own[1]} "
        "for it."
    )


def pixel_scale(
    rows: NDArray[Any], shape: tuple[int, ...], settings: Settings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation that pixels are standardised with, by channel.

    They are those that the network was trained on, the same for all channels, on the
    scale of these pixels: black is 0 in uint8 and else percentile 0.5 of the set, white
    is 255, or percentile 99.5. `Adapted` undoes the difference between channels.

    Parameters
    ----------
    rows : ndarray of shape (n_images, n_pixels)
        Any real dtype.
    shape : (height, width, channels)
        Of an image.
    settings : Settings
        Of the network.
    """
    black, white = 0.0, 255.0
    if rows.dtype != np.uint8:
        n_images, n_pixels = min(len(rows), _N_SAMPLED[0]), _N_SAMPLED[1]
        some = np.linspace(0, len(rows) - 1, n_images).astype(np.intp)
        step = -(-rows.shape[1] // n_pixels)
        sample = rows[some, ::step].astype(np.float64)
        black, white = np.percentile(sample, _PERCENTILES)
        if not black < white:
            black, white = sample.min(), sample.max()
    mean = black + float(np.mean(settings.mean)) * (white - black)
    std = float(np.mean(settings.std)) * (white - black)
    return np.full(shape[2], mean), np.full(shape[2], std)
