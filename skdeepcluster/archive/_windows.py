"""Which images share a window, and what the store calls them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable, Mapping, Sequence

from skdeepcluster._reader_options import Options, Window
from skdeepcluster.archive._choice import Found
from skdeepcluster.archive._find import Files
from skdeepcluster.archive._store import Row

Limits = tuple[float, float]


def rows_of(
    images: Sequence[Found],
    files: Files,
    options: Options,
    known: Mapping[Hashable, Limits],
) -> list[Row]:
    """What the store shall hold of each image, and with which window.

    `known` has the windows that need not be computed, by what images share.
    """
    keys = [shared_by(image, files, options.window) for image in images]
    # The window of a group depends on all of its images, and so does its digest.
    members: dict[Hashable, list[str]] = {}
    for image, key in zip(images, keys, strict=True):
        frame, slice_ = image.header.address
        member = f"{files.fingerprints[image.file]} {frame} {slice_}"
        members.setdefault(key, []).append(member)
    members[None] = []
    digests = {key: _digest(options, names) for key, names in members.items()}
    fixed = options.window if isinstance(options.window, tuple) else (0.0, 255.0)
    return [
        Row(
            files.fingerprints[image.file],
            digests[key],
            image.header.address,
            (image.header.height, image.header.width),
            fixed if key is None else known.get(key),
        )
        for image, key in zip(images, keys, strict=True)
    ]


def shared_by(image: Found, files: Files, window: Window) -> Hashable:
    """Equal for images that share a window; None where none is computed."""
    if window == "image":
        return image
    if window != "series" or image.header.shown:
        return None
    if image.is_picture:
        return "folder", os.path.dirname(files.kept[image.file].path)
    return image.series


def _digest(options: Options, members: list[str]) -> str:
    settings = f"{options.image_size} {options.channels} {options.window}"
    text = "\n".join([settings, *sorted(members)])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
