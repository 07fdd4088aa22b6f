"""Arguments for a network that was trained elsewhere."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skdeepcluster import DeepClusterCategorizer


def add_backbone(command: argparse.ArgumentParser) -> None:
    """Which network, and how much of it is trained."""
    command.add_argument(
        "--backbone",
        metavar="timm:NAME|torchvision:NAME",
        help="a network that was trained on other images, in place of the recipe's; "
        "needs --weights",
    )
    command.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="its weights, as a safetensors file or a PyTorch state dict; nothing is "
        "downloaded",
    )
    command.add_argument(
        "--trainable",
        choices=["all", "head", "none"],
        help="what is trained of it: all, a head on its frozen features, or none, so "
        "that frozen features are clustered (default: all)",
    )
    command.add_argument(
        "--learning-rate",
        type=float,
        metavar="RATE",
        help="initial learning rate (default: that of the recipe; 0.01 or less suits a "
        "--backbone of which all is trained)",
    )


def of_backbone(options: argparse.Namespace) -> dict[str, Any]:
    """Parameters of the estimator that the options give."""
    from skdeepcluster import Pretrained

    given = {"weights": options.weights, "trainable": options.trainable}
    given = {name: value for name, value in given.items() if value is not None}
    found: dict[str, Any] = {}
    if options.learning_rate is not None:
        found["learning_rate"] = options.learning_rate
    if options.backbone is None:  # that of the recipe may be one
        return found | {f"backbone__{name}": value for name, value in given.items()}
    return found | {"backbone": Pretrained(options.backbone, **given)}


def reading_size(est: DeepClusterCategorizer) -> int | str:
    """The size at which files are read where none is asked for."""
    from skdeepcluster import Pretrained

    if isinstance(est.backbone, Pretrained) and est.image_size == "auto":
        return est.backbone.input_size
    return "auto"
