"""A network that was trained elsewhere, as a parameter."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import StrOptions

from skdeepcluster._engine import pretrained

if TYPE_CHECKING:
    import torch

    from skdeepcluster._categorizer import DeepClusterCategorizer

# What the network's own configuration decides.
_DECIDED = {"embedding_layer": "auto", "standardize": "dataset", "sobel": False}


class Pretrained(BaseEstimator):
    """A network that was trained on other images, from timm or torchvision.

    Its weights come from a file of yours: nothing is downloaded. How pixels are
    normalised and, with ``image_size="auto"``, at what size the network sees images
    come from its own configuration. Grey images are repeated to three channels. The
    embedding is what goes into the network's classifier, which is left out.

    Parameters
    ----------
    name : str
        ``"timm:NAME"`` (see ``timm.list_models()``; needs the extra ``timm``) or
        ``"torchvision:NAME"`` (see ``torchvision.models.list_models()``). A name of
        timm may end in the tag of its weights, as in
        ``"timm:vit_small_patch16_224.dino"``, which decides normalisation and size:
        without it, that network is taken for one that was trained with mean 0.5, and
        not with ImageNet's.

    weights : mapping, path or None, default=None
        Its weights: a state dict, or a file of one as safetensors or as ``torch.save``
        writes it, such as published ones as they were downloaded. No code in it is
        executed. All tensors but those of the classifier have to be those of the
        network. `fit` needs them; a model file holds what became of them.

    trainable : {"all", "head", "none"}, default="all"
        ``"all"`` trains the whole network further; then a `learning_rate` of 0.01 or
        less suits it better than the default. ``"none"`` trains nothing: `fit` embeds
        the images once with frozen features, and clusters them. ``"head"`` keeps the
        features that the frozen network has of four random views of each image, 8
        bytes of memory per feature and image, and trains a projection on them (to
        `projection` features, 128 if that is None), which is many times as fast as
        training the whole.

    See Also
    --------
    DeepClusterCategorizer : Takes one as its parameter `backbone`.

    Examples
    --------
    >>> import numpy as np
    >>> import torchvision
    >>> from skdeepcluster import DeepClusterCategorizer, Pretrained
    >>> network = torchvision.models.resnet18()  # take one that has learnt something
    >>> backbone = Pretrained(
    ...     "torchvision:resnet18", weights=network.state_dict(), trainable="none"
    ... )
    >>> images = np.random.default_rng(0).integers(256, size=(20, 32, 32), dtype="u1")
    >>> est = DeepClusterCategorizer(n_clusters=2, backbone=backbone, image_size=48)
    >>> est.fit(images).embedding_.shape
    (20, 512)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "name": [str],
        "weights": [None, Mapping, str, os.PathLike],
        "trainable": [StrOptions(set(pretrained.TRAINABLE))],
    }

    def __init__(
        self,
        name: str,
        *,
        weights: Mapping[str, torch.Tensor] | str | os.PathLike[str] | None = None,
        trainable: str = "all",
    ) -> None:
        self.name = name
        self.weights = weights
        self.trainable = trainable

    @property
    def input_size(self) -> int:
        """Height and width in pixels at which the network was trained.

        Files that are read at this size, with ``load_archive(image_size=...)``, are
        not resized again.

        Returns
        -------
        int
        """
        pretrained.check_name(self.name)
        return max(pretrained.settings_of(self.name).size)

    def _validate(self) -> None:
        """Raise ValueError where a parameter is not as documented."""
        self._validate_params()
        pretrained.check_name(self.name)

    def _start(self) -> pretrained.Start:
        """What it starts from; ValueError without weights."""
        if self.weights is None:
            raise ValueError(
                f"backbone=Pretrained({self.name!r}) has no weights, and a random "
                "network would have learnt nothing: give its state dict, or the file "
                "of one, as backbone__weights."
            )
        return pretrained.Start(self.weights, self.trainable)


def check_pretrained(est: DeepClusterCategorizer, backbone: Pretrained) -> None:
    """Raise ValueError if a parameter contradicts a network trained elsewhere.

    Parameters
    ----------
    est : DeepClusterCategorizer
        With parameters of valid types.
    backbone : Pretrained
        Its network.
    """
    backbone._validate()
    for name, default in _DECIDED.items():
        given = getattr(est, name)
        if given != default:
            raise ValueError(
                f"{name}={given!r} cannot be combined with backbone="
                f"Pretrained({backbone.name!r}), whose own configuration decides this; "
                f"leave out {name}."
            )
    if backbone.trainable == "none" and est.projection is not None:
        raise ValueError(
            f"projection={est.projection} would stay random with trainable='none'; "
            "use trainable='head', or projection=None."
        )
