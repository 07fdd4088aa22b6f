"""A fitted estimator as one safetensors file: tensors, and JSON in the header."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from skdeepcluster._augmentation import Augmentation
from skdeepcluster._engine import runtime
from skdeepcluster._engine.embedding import Whitening

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

FORMAT = "skdeepcluster"
VERSION = 1
_CONTROLS = ("Cc", "Cs", "Zl", "Zp")  # also halves of characters, and line separators
_ARRAYS = ("cluster_centers_", "distance_limits_", "labels_", "last_epoch_labels_")
_MAYBE_ARRAYS = ("pixel_mean_", "pixel_std_")
_VALUES = (
    "image_shape_",
    "inertia_",
    "n_clusters_",
    "n_epochs_",
    "n_features_in_",
    "precision_",
)


def write(estimator: DeepClusterCategorizer, path: str | os.PathLike[str]) -> None:
    """See `DeepClusterCategorizer.save`."""
    if callable(estimator.backbone):
        raise ValueError(
            f"backbone={estimator.backbone!r} is code, which a model file does not "
            "hold; use pickle or joblib for this estimator, or a backbone by name."
        )
    parameters = estimator.get_params(deep=False)
    parameters["weights"] = None
    parameters["device"] = str(parameters["device"])
    if not isinstance(parameters["random_state"], int | np.integer):
        parameters["random_state"] = None
    if isinstance(parameters["augmentation"], Augmentation):
        parameters["augmentation"] = parameters["augmentation"].get_params()
    attributes = {name: getattr(estimator, name) for name in _VALUES}
    if hasattr(estimator, "feature_names_in_"):
        attributes["feature_names_in_"] = list(estimator.feature_names_in_)

    attributes["reader_"] = estimator.reader_
    _check_names(estimator)
    # Of JSON, the keys of a dictionary are text.
    attributes["names_"] = [[int(key), name] for key, name in estimator.names_.items()]

    arrays = {name: getattr(estimator, name) for name in (*_ARRAYS, *_MAYBE_ARRAYS)}
    arrays |= {f"history_.{name}": row for name, row in estimator.history_.items()}
    tensors = {
        name: torch.tensor(array) for name, array in arrays.items() if array is not None
    }
    if estimator._whitening is not None:
        tensors["whitening.mean"] = estimator._whitening.mean
        tensors["whitening.components"] = estimator._whitening.components
    for name, tensor in estimator.network_.state_dict().items():
        tensors[f"network_.{name}"] = tensor
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}

    model = {"parameters": parameters, "attributes": attributes}
    header = {"format": FORMAT, "version": str(VERSION)}
    header["model"] = json.dumps(model, default=np.generic.item)
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {target.parent} to save into.")
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.unfinished")
    try:
        save_file(tensors, unfinished, metadata=header)
        os.replace(unfinished, target)
    except SafetensorError as error:
        raise OSError(f"{path} could not be written ({error}).") from error
    finally:
        unfinished.unlink(missing_ok=True)


def read(
    cls: type[DeepClusterCategorizer], path: str | os.PathLike[str]
) -> DeepClusterCategorizer:
    """See `DeepClusterCategorizer.load`."""
    try:
        with safe_open(os.fspath(path), framework="pt") as file:
            header = file.metadata() or {}
            _check_format(header, path)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{path} is no model of skdeepcluster, or is damaged ({error})."
        ) from error
    try:
        return _rebuild(cls, json.loads(header["model"]), tensors)
    except torch.OutOfMemoryError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        reason = runtime.first_line(error)
        raise ValueError(
            f"{path} is a damaged model of skdeepcluster ({reason}); save it again."
        ) from error


def is_one_line(name: str) -> bool:
    """Whether a name can go into a table and to a terminal as it is."""
    return not any(unicodedata.category(each) in _CONTROLS for each in name)


def _check_names(estimator: DeepClusterCategorizer) -> None:
    for cluster, name in estimator.names_.items():
        if cluster not in range(estimator.n_clusters_):
            raise ValueError(
                f"names_ has a name for cluster {cluster!r}, and clusters are numbered "
                f"from 0 to {estimator.n_clusters_ - 1}."
            )
        if not isinstance(name, str) or not is_one_line(name):
            raise ValueError(
                f"names_ of cluster {cluster} is {name!r}; give a text without control "
                "characters."
            )


def _check_format(header: dict[str, str], path: str | os.PathLike[str]) -> None:
    if header.get("format") != FORMAT:
        raise ValueError(
            f"{path} is no model of skdeepcluster: give a file that "
            "DeepClusterCategorizer.save wrote."
        )
    if header.get("version") != str(VERSION):
        raise ValueError(
            f"{path} has format version {header.get('version')!r}, and this "
            f"skdeepcluster reads version {VERSION}: install the newer one."
        )


def _rebuild(
    cls: type[DeepClusterCategorizer],
    model: dict[str, Any],
    tensors: dict[str, torch.Tensor],
) -> DeepClusterCategorizer:
    parameters = dict(model["parameters"])
    parameters["weights"] = None  # no file that a header names is opened
    if parameters["image_shape"] is not None:
        parameters["image_shape"] = tuple(parameters["image_shape"])
    if isinstance(parameters["augmentation"], dict):
        ranges: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in parameters["augmentation"].items()
        }
        parameters["augmentation"] = Augmentation(**ranges)
    estimator = cls(**parameters)
    estimator._validate_params()

    attributes = dict(model["attributes"])
    for name in _VALUES:
        setattr(estimator, name, attributes[name])
    estimator.image_shape_ = tuple(estimator.image_shape_)
    if "feature_names_in_" in attributes:
        names = np.array(attributes["feature_names_in_"], dtype=object)
        estimator.feature_names_in_ = names
    estimator.reader_ = attributes.get("reader_")
    if not isinstance(estimator.reader_, dict | None):
        raise ValueError("how its images were read is no dictionary")
    estimator.names_ = {int(key): str(name) for key, name in attributes["names_"]}
    _check_names(estimator)
    for name in _ARRAYS:
        setattr(estimator, name, tensors[name].numpy())
    for name in _MAYBE_ARRAYS:
        setattr(estimator, name, tensors[name].numpy() if name in tensors else None)
    estimator.history_ = {
        name.removeprefix("history_."): tensor.numpy()
        for name, tensor in tensors.items()
        if name.startswith("history_.")
    }

    device = runtime.device_or_cpu(estimator.device, stacklevel=6)
    estimator.device_ = str(device)
    estimator._whitening = None
    if "whitening.mean" in tensors:
        estimator._whitening = Whitening(
            tensors["whitening.mean"], tensors["whitening.components"]
        ).to(device)
    with runtime.NothingDrawn():
        backbone = estimator._build_backbone()
    state = {
        name.removeprefix("network_."): tensor
        for name, tensor in tensors.items()
        if name.startswith("network_.")
    }
    backbone.body.load_state_dict(state, assign=True)
    backbone.body.float()
    backbone.neck = torch.nn.Identity()  # the classifier's, not needed to predict
    backbone.to(device)
    estimator.network_ = backbone.body.eval().requires_grad_(False)
    n_features = backbone.n_features
    if estimator._whitening is not None:
        n_features = len(estimator._whitening.components)
    if estimator.cluster_centers_.shape != (estimator.n_clusters_, n_features):
        raise ValueError("the centroids do not fit the network")
    if estimator.distance_limits_.shape != (estimator.n_clusters_,):
        raise ValueError("the limits of distances do not fit the centroids")
    return estimator
