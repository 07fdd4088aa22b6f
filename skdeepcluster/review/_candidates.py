"""Which images may be copies of each other, by embedding and by their rough shape."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from skdeepcluster.review._differences import GreyLevels

_Floats = NDArray[np.float32]
_Rows = NDArray[np.intp]

_BLOCK = 2**22  # pixels read at a time
_SIDE = 16  # of a sketch, at most
_N_CLUSTERS = 3  # in which an image is sought: its own and the two nearest
_N_NEIGHBORS = 20  # by embedding
_N_SKETCHED = 5  # of these, by sketch
_LEAST_ALIKE = 0.8  # correlation of sketches; brightened to saturation it may be 0.85
_QUERIES = 1024  # images whose products with a cluster are held at once, at most
_PRODUCTS = 2**24  # such products


class Sketches(NamedTuple):
    """What is kept of images that were read once."""

    firsts: _Rows
    """For each image, the first one with the same bytes."""
    shapes: NDArray[np.float16]
    """Means over at most 16 × 16 fields, of mean 0 and length 1; of blank images 0."""

    @classmethod
    def of(cls, grey: GreyLevels) -> Sketches:
        """Read all images, some at a time."""
        images = grey.images
        n, height, width = images.shape[:3]
        down, across = _means(height), _means(width).T
        shapes = np.empty((n, len(down) * across.shape[1]), dtype=np.float16)
        digests = np.empty((n, 2), dtype=np.uint64)
        step = max(1, _BLOCK // max(1, height * width))
        for start in range(0, n, step):
            part = slice(start, start + step)
            digests[part] = _digests(np.ascontiguousarray(images[part]))
            means = (down @ grey.of(part) @ across).reshape(-1, shapes.shape[1])
            means -= means.mean(axis=1, keepdims=True)
            lengths = np.linalg.norm(means, axis=1, keepdims=True)
            shapes[part] = means / np.where(lengths > 1e-3, lengths, np.inf)
        _, firsts, groups = np.unique(
            digests, axis=0, return_index=True, return_inverse=True
        )
        return cls(firsts[groups.ravel()], shapes)


def _means(side: int) -> _Floats:
    """The matrix that takes the means of at most 16 parts of a side."""
    n_parts = min(_SIDE, side)
    edges = np.linspace(0, side, n_parts + 1)
    pixels = np.arange(side)
    ends = np.minimum(edges[1:, None], pixels + 1)
    overlaps = np.clip(ends - np.maximum(edges[:-1, None], pixels), 0, None)
    return (overlaps * n_parts / side).astype(np.float32)


def _digests(images: NDArray[Any]) -> NDArray[np.uint64]:
    found = [hashlib.blake2b(image.data, digest_size=16).digest() for image in images]
    return np.frombuffer(b"".join(found), dtype=np.uint64).reshape(-1, 2)


def candidates(embedding: _Floats, centers: _Floats, sketches: Sketches) -> _Rows:
    """Pairs of images that may be copies.

    For each image, the 20 nearest by embedding are sought in its own cluster and in the
    two nearest others; of these, the five with the most similar sketches are taken. Of
    images with the same bytes, only the first is sought.

    Parameters
    ----------
    embedding : ndarray of shape (n, n_embedding), float32
        Rows of length 1.
    centers : ndarray of shape (n_clusters, n_embedding), float32
    sketches : Sketches

    Returns
    -------
    ndarray of shape (n_pairs, 2), int
        Row numbers, the lower one first, in order; each pair once.
    """
    rows = np.unique(sketches.firsts)
    nearest = _nearest_clusters(embedding, centers, rows)
    found = [np.zeros((0, 2), dtype=np.intp)]
    for cluster in range(len(centers)):
        # Who has this cluster among its nearest: then one of two is found by the other
        # even if only one of them has the other's cluster among its own.
        members = rows[(nearest == cluster).any(axis=1)]
        queries = rows[nearest[:, 0] == cluster]
        if len(members) > 1 and len(queries):
            found.append(_near(embedding, sketches.shapes, queries, members))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _nearest_clusters(embedding: _Floats, centers: _Floats, rows: _Rows) -> _Rows:
    """The clusters in which each image is sought, the nearest first."""
    columns = torch.tensor(centers).T
    half_norms = columns.square().sum(0) / 2
    n = min(_N_CLUSTERS, len(centers))
    nearest = np.empty((len(rows), n), dtype=np.intp)
    for start in range(0, len(rows), 8 * _QUERIES):
        part = slice(start, start + 8 * _QUERIES)
        closeness = torch.from_numpy(embedding[rows[part]]) @ columns - half_norms
        nearest[part] = closeness.topk(n).indices.numpy()
    return nearest


def _near(
    embedding: _Floats, shapes: NDArray[np.float16], queries: _Rows, members: _Rows
) -> _Rows:
    """Pairs of queries, which are members, with other members."""
    points = torch.from_numpy(embedding[members]).T
    pairs = []
    step = min(_QUERIES, max(1, _PRODUCTS // len(members)))
    for start in range(0, len(queries), step):
        asked = queries[start : start + step]
        own = np.searchsorted(members, asked)
        closeness = torch.from_numpy(embedding[asked]) @ points
        closeness[np.arange(len(asked)), own] = -torch.inf
        n = min(_N_NEIGHBORS, len(members) - 1)
        near = closeness.topk(n).indices.numpy()
        sketched = shapes[members[near]].astype(np.float32)
        alike = np.einsum("ijk,ik->ij", sketched, shapes[asked].astype(np.float32))
        ranked = np.argsort(-alike, axis=1, kind="stable")[:, :_N_SKETCHED]
        line, place = np.nonzero(np.take_along_axis(alike, ranked, 1) >= _LEAST_ALIKE)
        others = members[near[line, ranked[line, place]]]
        pairs.append(np.stack([asked[line], others], axis=1))
    return np.concatenate(pairs)
