"""By what a fit is recognised: its parameters and its images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from torch import Tensor

from skdeepcluster import _parameters
from skdeepcluster._pretrained import Pretrained

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

_N_HASHED = 4096  # images by which a set is recognised


def fingerprint_of(
    est: DeepClusterCategorizer,
    rows: NDArray[Any],
    shape: tuple[int, ...],
    precision: str,
    seed: int,
) -> str:
    """Identify a fit by its parameters and its images.

    Parameters
    ----------
    est : DeepClusterCategorizer
    rows : ndarray of shape (n_images, n_features)
    shape : tuple of int
        Of an image.
    precision : {"float32", "bfloat16"}
        What `est.precision` means here.
    seed : int
        From `est.random_state`; ignored if that is None, so that any seed matches.

    Raises
    ------
    ValueError
        If a parameter is code without a `checkpoint_name`.
    """
    parameters = est.get_params(deep=False)
    for name in ("checkpoint", "device"):
        del parameters[name]
    parameters["precision"] = precision
    parameters["random_state"] = None if est.random_state is None else seed
    described = {name: _described(name, each) for name, each in parameters.items()}
    digest = hashlib.sha256(json.dumps(described, default=_plain).encode())
    digest.update(digest_of_images(rows, shape))
    return digest.hexdigest()[:32]


def digest_of_images(rows: NDArray[Any], shape: tuple[int, ...]) -> bytes:
    """Identify a set by its size and some of its images."""
    some = np.linspace(0, len(rows) - 1, min(len(rows), _N_HASHED)).astype(np.intp)
    described = [len(rows), shape, rows.dtype.str]
    digest = hashlib.sha256(json.dumps(described).encode())
    digest.update(np.ascontiguousarray(rows[some]).data)
    return digest.digest()


def _described(name: str, value: Any) -> Any:
    """A parameter as JSON has it."""
    is_object = isinstance(value, BaseEstimator)
    if not is_object and not callable(value):
        return value
    given = getattr(value, "checkpoint_name", None)
    if is_object and _parameters.is_ours(value):
        given = type(value).__name__
    if not isinstance(given, str):
        raise ValueError(
            f"{name}={value!r} is code, which cannot be compared with that of an "
            "unfinished fit: give it an attribute checkpoint_name, a text that you "
            "change whenever you change the code, or set checkpoint=None."
        )
    parameters = value.get_params(deep=False) if is_object else {}
    if isinstance(value, Pretrained):
        parameters["weights"] = _digest_of_weights(value.weights)
    return [given, {key: _described(key, each) for key, each in parameters.items()}]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise ValueError(
        f"A checkpoint cannot compare {value!r} with other values; use plain values."
    )


def _digest_of_weights(weights: Any) -> str | None:
    if weights is None:
        return None
    digest = hashlib.sha256()
    if isinstance(weights, Mapping):
        for name, tensor in sorted(weights.items()):
            digest.update(name.encode())
            digest.update(content_of(tensor.detach().cpu()).data)
    else:
        with open(weights, "rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    return digest.hexdigest()


def content_of(tensor: Tensor) -> NDArray[np.uint8]:
    """The bytes of a tensor on the CPU; NumPy has no bfloat16."""
    return tensor.reshape(-1).view(torch.uint8).numpy()


@contextmanager
def unless_done(random_state: Any) -> Iterator[None]:
    """Set a generator back if a fit does not end, so that the same call resumes it."""
    if not isinstance(random_state, np.random.RandomState):
        yield
        return
    before = random_state.get_state()
    try:
        yield
    except BaseException:
        random_state.set_state(before)
        raise
