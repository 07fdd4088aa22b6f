"""Which images an epoch trains on, and in which order."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def uniform_over_clusters(labels: Tensor, n_draws: int | None = None) -> Tensor:
    """Image indices in random order, every non-empty cluster drawn equally often.

    "The images are uniformly sampled to balance the distribution of the
    pseudo-labels" (Kart et al., 2021, section 3), so that assigning everything to
    one cluster does not pay. The number of draws from two clusters differs by at
    most one. Within a cluster the draws go round its members in a random order:
    no image is drawn twice before all were drawn once.

    Parameters
    ----------
    labels : Tensor of shape (n_images,), int64
        Pseudo-labels; clusters may be empty.
    n_draws : int or None
        How many indices to draw; None draws as many as there are images.

    Returns
    -------
    Tensor of shape (n_draws,), int64

    Examples
    --------
    >>> import torch
    >>> labels = torch.tensor([0] * 500 + [1] * 3)
    >>> drawn = uniform_over_clusters(labels, 503)
    >>> labels[drawn].bincount().sort().values.tolist()
    [251, 252]
    """
    device = labels.device
    n_draws = len(labels) if n_draws is None else n_draws
    shuffled = torch.randperm(len(labels), device=device)
    members = shuffled[labels[shuffled].argsort(stable=True)]
    sizes = labels.bincount()
    firsts = sizes.cumsum(0) - sizes
    clusters = sizes.nonzero().squeeze(1)
    clusters = clusters[torch.randperm(len(clusters), device=device)]

    draw = torch.arange(n_draws, device=device)
    cluster = clusters[draw % len(clusters)]
    turn = draw // len(clusters)
    drawn = members[firsts[cluster] + turn % sizes[cluster]]
    return drawn[torch.randperm(n_draws, device=device)]


def each_once(labels: Tensor) -> Tensor:
    """Every image's index once, in random order."""
    return torch.randperm(len(labels), device=labels.device)


SAMPLERS: dict[str, Callable[[Tensor], Tensor]] = {
    "clusters": uniform_over_clusters,
    "images": each_once,
}
