"""Networks by name, cut where their embedding comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from weakref import WeakSet

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skdeepcluster._engine import pretrained
from skdeepcluster._engine.images import Inputs
from skdeepcluster._engine.layers import Pooled, Spread, accelerate
from skdeepcluster._engine.runtime import NothingDrawn, first_line

VGGS = tuple(f"vgg{depth}{bn}" for depth in (11, 13, 16, 19) for bn in ("", "_bn"))
RESNETS = tuple(f"resnet{depth}" for depth in (18, 34, 50, 101, 152))
NAMES = (*VGGS, *RESNETS, "small_cnn")
LAYERS = ("auto", "fc", "pool")

_taken: WeakSet[nn.Module] = WeakSet()  # users' modules, which fits train in place
_REFUSALS = (RuntimeError, ValueError, AssertionError)  # of images of an odd size


@dataclass
class Backbone:
    """A network in two parts: images → embedding → input of a classifier.

    With a `frozen` network, the first part is only what comes after that.
    """

    body: nn.Module
    neck: nn.Module
    n_features: int
    frozen: nn.Module | None = None

    def to(self, device: torch.device) -> None:
        """Move all parts, in the memory layout that is fast for convolutions."""
        for module in (self.body, self.neck, self.frozen):
            if module is not None:
                module.to(device).to(memory_format=torch.channels_last)

    def whole(self, body: nn.Module) -> nn.Module:
        """Images → embedding, with `body` or a copy of it."""
        return body if self.frozen is None else nn.Sequential(self.frozen, body)


@dataclass(frozen=True)
class Architecture:
    """What a backbone is built from, apart from its images."""

    backbone: str | Callable[[], nn.Module]
    embedding_layer: str = "auto"
    projection: int | None = None
    sobel: bool = False

    def build(self, inputs: Inputs, start: pretrained.Start | None = None) -> Backbone:
        """The backbone for such images; see the function `build`.

        Parameters
        ----------
        inputs : Inputs
        start : pretrained.Start or None
            What a network that was trained elsewhere starts from; None for one of ours,
            and where weights follow.
        """
        if isinstance(self.backbone, str) and pretrained.is_name(self.backbone):
            return _build_pretrained(self.backbone, self.projection, inputs, start)
        return build(
            self.backbone,
            in_channels=inputs.n_channels,
            size=inputs.size,
            embedding_layer=self.embedding_layer,
            projection=self.projection,
            sobel=self.sobel,
        )


def minimum_size(backbone: str | Callable[[], nn.Module]) -> int:
    """The smallest height and width, in pixels, that a backbone is given.

    Then no convolution sees a map narrower than two pixels. On such a map, oneDNN's
    strided bfloat16 convolutions leave parts of the gradient unwritten, and give an
    image another embedding alone than among others.
    """
    if callable(backbone) or pretrained.is_name(backbone):
        return 1
    return 48 if backbone in RESNETS else 32


def build(
    backbone: str | Callable[[], nn.Module],
    *,
    in_channels: int,
    size: tuple[int, int],
    embedding_layer: str = "auto",
    projection: int | None = None,
    sobel: bool = False,
) -> Backbone:
    """A randomly initialised backbone.

    Parameters
    ----------
    backbone : str or callable
        One of `NAMES`, or a function that returns an ``nn.Module``.
    in_channels : int
        Channels of the images. No torchvision model takes one channel, so the
        first convolution is replaced if its number of channels differs.
    embedding_layer : {"auto", "fc", "pool"}
        ``"fc"`` is the output of the second fully connected layer, before its
        ReLU (VGG only), ``"pool"`` the average over the last feature map;
        ``"auto"`` is ``"fc"`` for VGG and ``"pool"`` elsewhere.
    projection : int or None
        Number of features to project those to, with one hidden layer.
    sobel : bool
        Whether the network sees the two derivatives of the grey image instead.

    Raises
    ------
    ValueError
        If the layer does not exist in that backbone.
    TypeError
        If a callable does not return a module, or is itself one.
    """
    model, neck = _build_model(backbone, embedding_layer)
    _adapt_first_convolution(model, 2 if sobel else in_channels)
    body = model
    if sobel:
        body = nn.Sequential()
        body.add_module("sobel", Sobel())
        body.add_module("backbone", model)
    n_features = _embedding_size(body, backbone, in_channels, size)
    if projection is not None:
        body = nn.Sequential(body, Projection(neck, n_features, projection))
        neck, n_features = nn.Identity(), projection
    if backbone in VGGS:
        _simplify_vgg(model, size)
    accelerate(body)
    return Backbone(body, neck, n_features)


def _build_pretrained(
    name: str, projection: int | None, inputs: Inputs, start: pretrained.Start | None
) -> Backbone:
    """A network that was trained elsewhere; its layers are left as they are."""
    weights = None if start is None else start.weights
    with NothingDrawn():
        network, n_features = pretrained.network_of(name, inputs.size, weights)
    if start is not None:
        try:
            _n_outputs(network, inputs.n_channels, inputs.size)
        except _REFUSALS as error:
            raise pretrained.too_odd(name, inputs.size, error) from error
    if projection is None:
        return Backbone(network, nn.Identity(), n_features)
    head = Projection(nn.Identity(), n_features, projection)
    accelerate(head)
    if start is not None and start.trainable == "head":
        return Backbone(head, nn.Identity(), projection, network.eval())
    return Backbone(nn.Sequential(network, head), nn.Identity(), projection)


def _build_model(
    backbone: str | Callable[[], nn.Module], embedding_layer: str
) -> tuple[nn.Module, nn.Module]:
    if embedding_layer == "fc" and backbone not in VGGS:
        raise ValueError(
            f"embedding_layer='fc' needs a VGG, but backbone={backbone!r} does not "
            "have two fully connected layers; use 'pool' or 'auto'."
        )
    if isinstance(backbone, nn.Module):
        raise TypeError(
            "backbone is a module, which fit would train in place; pass what makes "
            "one: its class, or a function that returns a new module."
        )
    if callable(backbone):
        model = backbone()
        if not isinstance(model, nn.Module):
            raise TypeError(
                f"backbone={backbone!r} returned {type(model).__name__}; "
                "a callable backbone must return a torch.nn.Module."
            )
        layers = [each for each in model.modules() if [*each.parameters(False)]]
        if any(each in _taken for each in layers):
            raise TypeError(
                f"backbone={backbone!r} returned a module that an earlier fit has "
                "used; return a new one each time, such as copy.deepcopy(module)."
            )
        _taken.update(layers)
        return Pooled(model), nn.Identity()
    if backbone == "small_cnn":
        return SmallCNN(), nn.Identity()

    import torchvision.models  # 1.5 s, so only where one of its models is asked for

    model = getattr(torchvision.models, backbone)(weights=None)
    if backbone in RESNETS:
        model.fc = nn.Identity()
        return model, nn.Identity()
    if embedding_layer == "pool":
        model.avgpool = nn.AdaptiveAvgPool2d(1)
        model.classifier = nn.Identity()
        return model, nn.Identity()
    layers = model.classifier
    layers[4].inplace = False  # or it would change the embeddings it is given
    model.classifier = layers[:4]  # linear, ReLU, dropout, linear
    return model, layers[4:6]  # ReLU, dropout; the last one knows ImageNet's classes


def _embedding_size(
    body: nn.Module,
    backbone: str | Callable[[], nn.Module],
    in_channels: int,
    size: tuple[int, int],
) -> int:
    try:
        return _n_outputs(body, in_channels, size)
    except _REFUSALS as error:
        reason = first_line(error)
        raise ValueError(
            f"backbone={backbone!r} cannot take images of {in_channels} channel(s) and "
            f"{size[0]} × {size[1]} pixels ({reason}); use another image_size."
        ) from error


def _n_outputs(body: nn.Module, in_channels: int, size: tuple[int, int]) -> int:
    """Number of features of two blank images."""
    with torch.no_grad():
        features = body.eval()(torch.zeros(2, in_channels, *size))
    if features.ndim != 2 or len(features) != 2 or not features.is_floating_point():
        raise TypeError(
            f"The backbone gives {features.dtype} of shape {tuple(features.shape)} for "
            "2 images, instead of floats of shape (2, n_features)."
        )
    return features.shape[1]


def _adapt_first_convolution(model: nn.Module, in_channels: int) -> None:
    convolutions = (
        (name, layer)
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d)
    )
    name, layer = next(convolutions, ("", None))
    if layer is None or layer.in_channels == in_channels:
        return
    first = nn.Conv2d(
        in_channels,
        layer.out_channels,
        layer.kernel_size,  # type: ignore[arg-type]
        layer.stride,  # type: ignore[arg-type]
        layer.padding,  # type: ignore[arg-type]
        layer.dilation,  # type: ignore[arg-type]
        layer.groups,
        bias=layer.bias is not None,
        padding_mode=layer.padding_mode,
    )
    nn.init.kaiming_normal_(first.weight, mode="fan_out")
    if first.bias is not None:
        nn.init.zeros_(first.bias)
    parent, _, attribute = name.rpartition(".")
    setattr(model.get_submodule(parent), attribute, first)


def _simplify_vgg(model: nn.Module, size: tuple[int, int]) -> None:
    """Leave out what a VGG computes twice; the names of its weights stay."""
    layers: Any = model.features
    for index, (layer, after) in enumerate(pairwise(list(layers))):
        # What is largest stays so in a ReLU, which has less to do after pooling.
        if isinstance(layer, nn.ReLU) and isinstance(after, nn.MaxPool2d):
            layers[index], layers[index + 1] = after, layer
    cells = size[0] // 32, size[1] // 32
    n_cells = cells[0] * cells[1]
    if isinstance(model.classifier, nn.Sequential) and n_cells < Spread.grid**2:
        first: Any = model.classifier[0]
        n_channels = first.in_features // Spread.grid**2
        model.avgpool = Spread(cells)
        first = nn.Linear(n_channels * n_cells, first.out_features)
        nn.init.normal_(first.weight, 0, 0.01)  # as torchvision does
        nn.init.zeros_(first.bias)
        model.classifier[0] = first


class Sobel(nn.Module):
    """Grey image → its two derivatives by Sobel's kernels, as in DeepCluster."""

    def forward(self, pixels: Tensor) -> Tensor:
        grey = F.pad(pixels.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
        left, middle, right = grey[..., :-2], grey[..., 1:-1], grey[..., 2:]
        across, along = left - right, left + 2 * middle + right
        horizontal = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
        vertical = along[..., :-2, :] - along[..., 2:, :]
        return torch.cat([horizontal, vertical], 1)


class SmallCNN(nn.Module):
    """Four convolutions of 32, 64, 128 and 256 channels and a fully connected layer.

    For small images on a laptop. The last map is kept as a grid instead of being
    averaged to one vector, so that position still counts.
    """

    grid = 4
    n_features = 512

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 32, 64, 128, 256)
        layers: list[nn.Module] = []
        for depth, (n_in, n_out) in enumerate(pairwise(widths)):
            if depth == 0:  # at full resolution it would take half of the time
                layers.append(nn.Conv2d(n_in, n_out, 4, 2, padding=1, bias=False))
            else:
                layers.append(nn.Conv2d(n_in, n_out, 3, padding=1, bias=False))
            layers.append(nn.BatchNorm2d(n_out))
            if depth in (1, 2):
                layers.append(nn.MaxPool2d(2))
            layers.append(nn.ReLU(inplace=True))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(self.grid)
        self.fc = nn.Sequential(
            nn.Linear(widths[-1] * self.grid**2, self.n_features, bias=False),
            nn.BatchNorm1d(self.n_features),
            nn.ReLU(inplace=True),
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")

    def forward(self, pixels: Tensor) -> Tensor:
        features = self.features(pixels)
        if features.shape[2:] != (self.grid, self.grid):
            features = self.avgpool(features)
        # Channels last, or the gradients of the convolutions come in the slow layout.
        return self.fc(features.permute(0, 2, 3, 1).flatten(1))


class Projection(nn.Sequential):
    """A perceptron with one hidden layer, as in SimCLR and DeepCluster-v2."""

    def __init__(self, neck: nn.Module, n_features: int, n_outputs: int) -> None:
        super().__init__(
            neck,
            nn.Linear(n_features, n_features),
            nn.BatchNorm1d(n_features),
            nn.ReLU(inplace=True),
            nn.Linear(n_features, n_outputs),
        )
