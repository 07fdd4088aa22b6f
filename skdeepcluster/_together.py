"""What a fit of several processes needs before it begins."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from skdeepcluster._engine.ranks import Ranks
from skdeepcluster._fingerprint import digest_of_images

if TYPE_CHECKING:
    from skdeepcluster._categorizer import DeepClusterCategorizer

# The first one's seed counts.
_OWN = {"device", "random_state"}


@contextmanager
def said_by_first(est: DeepClusterCategorizer, ranks: Ranks) -> Iterator[None]:
    """Only the first process warns, and calls callbacks."""
    if ranks.is_first:
        yield
        return
    callbacks = est.__dict__.pop("_skl_callbacks", None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if callbacks is not None:
            est._skl_callbacks = callbacks


def check_same_fit(
    est: DeepClusterCategorizer,
    rows: NDArray[Any],
    shape: tuple[int, ...],
    device: torch.device,
    ranks: Ranks,
) -> None:
    """Check that all processes were given the same images and parameters.

    Raises
    ------
    ValueError
        If not.
    """
    if ranks.size == 1:
        return
    if not ranks.agree(digest_of_images(rows, shape)):
        raise ValueError(
            f"The {ranks.size} processes of this fit were given different images: "
            f"process {ranks.rank} has {len(rows):,} of shape {shape}. Give all of "
            "them the whole set, best as a memory map; each works on its share."
        )
    if not ranks.agree(device.type):
        raise ValueError(
            f"The {ranks.size} processes of this fit would work on different kinds of "
            f"devices: process {ranks.rank} on {device.type}. Give all of them "
            "device='cpu', or a GPU each."
        )
    parameters = est.get_params(deep=False)
    # On another machine the same folder may have another path.
    parameters["checkpoint"] = est.checkpoint is not None
    differing = [
        name
        for name, value in parameters.items()
        if name not in _OWN and not ranks.agree(_comparable(value))
    ]
    if differing:
        raise ValueError(
            f"The {ranks.size} processes of this fit have different "
            f"{', '.join(differing)}; give all of them the same."
        )


def _comparable(value: Any) -> Any:
    """A parameter as another process may have it, too."""
    if isinstance(value, BaseEstimator):
        parameters = value.get_params(deep=False)
        return [
            type(value).__name__,
            {k: _comparable(v) for k, v in parameters.items()},
        ]
    if callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    if isinstance(value, dict):  # weights, which the first process hands out
        return sorted(value)
    return str(value) if hasattr(value, "__fspath__") else value
