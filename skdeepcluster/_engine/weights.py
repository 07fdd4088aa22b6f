"""Weights that somebody gives: read without code, and taken whole or not at all."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

Weights = Mapping[str, Tensor] | str | os.PathLike[str]

# What training scripts, timm's among them, put a state dict under: its average first.
_WITHIN = ("state_dict_ema", "model_ema", "state_dict", "model")
_WRAPPERS = ("_orig_mod.", "module.")  # of torch.compile and of training on many GPUs


def read(weights: Weights) -> dict[str, Tensor]:
    """The tensors of a state dict, or of the file of one, by their names.

    Raises
    ------
    ValueError
        If there are none, or they cannot be read without running code.
    OSError
        If the file cannot be read.
    """
    given: Any = weights if isinstance(weights, Mapping) else _of_file(weights)
    for key in _WITHIN:
        if isinstance(given, Mapping) and isinstance(given.get(key), Mapping):
            given = given[key]
            break
    if not isinstance(given, Mapping):
        raise ValueError(f"weights are a {type(given).__name__}, not a state dict.")
    tensors = {_unwrapped(name): tensor for name, tensor in given.items()}
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(
                f"weights[{name!r}] is a {type(tensor).__name__}, not a tensor; give "
                "a state dict, such as model.state_dict()."
            )
    if not tensors:  # for which timm would look on the network
        raise ValueError("weights hold no tensor; give a state dict, or its file.")
    return tensors


def _of_file(path: str | os.PathLike[str]) -> Any:
    name = os.fspath(path)
    try:
        if name.endswith(".safetensors"):
            from safetensors.torch import load_file

            return load_file(name)
        # Many published files hold the options of their training in a Namespace.
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(name, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        raise ValueError(
            f"weights={name!r} are not a state dict that torch can read without "
            f"running code ({type(error).__name__}); save one with "
            "torch.save(model.state_dict(), path) or as safetensors."
        ) from error


def _unwrapped(name: Any) -> str:
    name = str(name)
    while name.startswith(_WRAPPERS):
        name = name.partition(".")[2]
    return name


def check_channels(
    name: str, given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> None:
    """Raise ValueError if weights differ from a network's in its images' channels.

    Parameters
    ----------
    name : str
        Of the network.
    given, wanted : mapping of str to Tensor
        The weights, and those of the network.
    """
    for key, tensor in wanted.items():
        if tensor.ndim != 4:
            continue
        shape, other = tensor.shape, given.get(key, tensor).shape
        if shape[:1] + shape[2:] == other[:1] + other[2:] and shape != other:
            raise ValueError(
                f"weights are of a network for images of {other[1]} channel(s), but "
                f"backbone={name!r} takes {shape[1]}, to which grey images are "
                "repeated; give weights for these."
            )
        return  # it is the first convolution that sees the images


def check_taken(
    name: str,
    n_tensors: int,
    *,
    missing: Iterable[str] = (),
    unexpected: Iterable[str] = (),
    misshapen: Iterable[str] = (),
) -> None:
    """Raise ValueError unless all tensors of a network were given, and no others.

    Parameters
    ----------
    name : str
        Of the network.
    n_tensors : int
        Number of tensors that it has.
    missing, unexpected, misshapen : iterable of str
        Tensors that were not given, that the network lacks, and of another shape. Those
        of the classifier are left out.
    """
    kinds = {
        f"of its {n_tensors} tensors are missing": list(missing),
        "are not of this network": list(unexpected),
        "have another shape": list(misshapen),
    }
    told = [
        f"{len(names)} {what} (such as {names[0]!r})"
        for what, names in kinds.items()
        if names
    ]
    if told:
        raise ValueError(
            f"weights do not belong to backbone={name!r}: {', '.join(told)}. Give the "
            "weights of this network, or name the network that they are of."
        )
