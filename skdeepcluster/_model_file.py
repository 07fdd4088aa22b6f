"""A model and JSON as one safetensors file: tensors, and JSON in the header."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from skdeepcluster._engine import runtime
from skdeepcluster._engine.model import Model
from skdeepcluster._engine.state import below
from skdeepcluster._files import replacing
from skdeepcluster._model_parts import rebuild
from skdeepcluster._rules import check_names

FORMAT = "skdeepcluster"
VERSION = 3
_HEADER = ("format", "version", "model", "document")
DAMAGED = (LookupError, TypeError, ValueError, RuntimeError, AttributeError)


class Stored(NamedTuple):
    """What a model file holds."""

    model: Model
    """On the CPU."""
    arrays: dict[str, NDArray[Any]]
    """All arrays except those of the model."""
    document: dict[str, Any]
    """What was written as JSON."""


def write(
    path: str | os.PathLike[str],
    model: Model,
    arrays: Mapping[str, NDArray[Any]],
    document: Mapping[str, Any],
) -> None:
    """Write the file; an existing one is replaced once the new one is complete.

    Parameters
    ----------
    path : str or path
        The file.
    model : Model
        With a named backbone.
    arrays : mapping of str to ndarray
        Stored beside those of the model; no name begins with "model.".
    document : mapping of str to object
        Anything that JSON can hold.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    tensors = {name: torch.tensor(array) for name, array in arrays.items()}
    tensors |= {f"model.{name}": tensor for name, tensor in _tensors(model).items()}
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    inputs = model.inputs
    described = {
        "architecture": asdict(model.architecture),
        "shape": inputs.shape,
        "size": inputs.size,
        "standardize": inputs.standardize,
        "precision": model.precision,
        "novelty": {"spread": model.novelty.spread, "limits": model.novelty.limits},
    }
    header = {"format": FORMAT, "version": str(VERSION)}
    header["model"] = json.dumps(described, default=np.generic.item)
    header["document"] = json.dumps(document, default=np.generic.item)
    with replacing(path) as unfinished:
        try:
            save_file(tensors, unfinished, metadata=header)
        except SafetensorError as error:
            raise OSError(f"{path} could not be written ({error}).") from error


def read(path: str | os.PathLike[str]) -> Stored:
    """Read what :func:`write` wrote; nothing in it is executed.

    Raises
    ------
    ValueError
        If the file is not a model, is damaged, or has another version.
    OSError
        If it cannot be read.
    """
    try:
        with safe_open(os.fspath(path), framework="pt") as file:
            header = file.metadata() or {}
            _check_format(header, path)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a skdeepcluster model, or is damaged ({_said(error)})."
        ) from error
    try:
        check_names(header, _HEADER, "entry of the header")
        document = json.loads(header["document"])
        model = rebuild(json.loads(header["model"]), below("model.", tensors))
        arrays = {
            name: tensor.numpy()
            for name, tensor in tensors.items()
            if not name.startswith("model.")
        }
    except torch.OutOfMemoryError:
        raise
    except DAMAGED as error:
        raise damaged(path, error) from error
    return Stored(model, arrays, document)


def peek(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What :func:`write` wrote as JSON, without the tensors.

    Raises
    ------
    ValueError
        If the file is not a model, is damaged, or has another version.
    OSError
        If it cannot be read.
    """
    try:
        with safe_open(os.fspath(path), framework="np") as file:
            header = file.metadata() or {}
        _check_format(header, path)
        document: dict[str, Any] = json.loads(header["document"])
    except SafetensorError as error:
        raise ValueError(f"{path} is not a skdeepcluster model.") from error
    except DAMAGED as error:
        raise damaged(path, error) from error
    return document


def damaged(path: str | os.PathLike[str], error: Exception) -> ValueError:
    """The error for a file with unexpected contents."""
    return ValueError(
        f"{path} is a damaged skdeepcluster model ({_said(error)}); save it again."
    )


def _said(error: Exception) -> str:
    """What an error says, safe for a terminal: it may quote the file."""
    text = runtime.first_line(error)
    if isinstance(error, KeyError):
        text = f"it lacks {text}"
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def _tensors(model: Model) -> dict[str, Tensor]:
    found = {
        "centroids": torch.tensor(model.centroids),
        "novelty.directions": torch.tensor(model.novelty.directions),
        "novelty.weights": torch.tensor(model.novelty.weights),
        "novelty.scales": torch.tensor(model.novelty.scales),
    }
    if model.inputs.mean is not None and model.inputs.std is not None:
        found["pixel_mean"] = torch.tensor(model.inputs.mean)
        found["pixel_std"] = torch.tensor(model.inputs.std)
    if model.whitening is not None:
        found["whitening.mean"] = model.whitening.mean
        found["whitening.components"] = model.whitening.components
    for name, tensor in model.network.state_dict().items():
        found[f"network.{name}"] = tensor
    return found


def _check_format(header: dict[str, str], path: str | os.PathLike[str]) -> None:
    if header.get("format") != FORMAT:
        raise ValueError(
            f"{path} is not a skdeepcluster model; use a file that "
            "DeepClusterCategorizer.save wrote."
        )
    version = header.get("version")
    if version == str(VERSION):
        return
    if version in ("1", "2"):
        raise ValueError(
            f"{path} has format version {version}, from before the first release, "
            "which is no longer supported: fit again, with skdeepcluster categorize or "
            "DeepClusterCategorizer.fit, and save."
        )
    raise ValueError(
        f"{path} has format version {version!r}, but this skdeepcluster reads version "
        f"{VERSION}; install a newer skdeepcluster."
    )
