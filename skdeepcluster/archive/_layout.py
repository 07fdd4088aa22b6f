"""Files in folders by category, the originals left where they are."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from skdeepcluster.archive._scan import pixels_of

Way = Literal["hardlink", "symlink", "copy"]

# No folder may be called so on Windows, with whatever ending.
_RESERVED = re.compile(r"(con(in\$|out\$)?|prn|aux|nul|com\d|lpt\d)(\..*)?")


def check_layout(root: Path, target: Path, way: Way) -> None:
    """Raise where files could not be laid out, before anything else is done.

    Parameters
    ----------
    root : path
        The folder of the originals.
    target : path
        The folder to lay them out in; it has to be new or empty, and outside `root`.
    way : {"hardlink", "symlink", "copy"}
        Hard links need both on one file system.

    Raises
    ------
    ValueError
        If it is not so.
    """
    if target.resolve().is_relative_to(root.resolve()):
        raise ValueError(
            f"{target} lies in {root}, where its files would be sorted next time; "
            "choose a folder elsewhere."
        )
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(
            f"{target} is there already and not an empty folder; choose a new one, for "
            "nothing is overwritten."
        )
    existing = next(p for p in (target, *target.resolve().parents) if p.exists())
    if way == "hardlink" and existing.stat().st_dev != root.stat().st_dev:
        raise ValueError(
            f"{target} lies on another file system than {root}, and hard links do not "
            "reach there; use symbolic links or copies."
        )


def lay_out(root: Path, folders: Mapping[str, str], target: Path, way: Way) -> None:
    """Link or copy files into folders; none is moved, changed or overwritten.

    Parameters
    ----------
    root : path
        The folder of the originals.
    folders : mapping of str to str
        For the path of each file, relative to `root`, what its folder is to be called;
        any text. A .hdr file takes its .img file along.
    target : path
        Where the folders are made; below them files keep their relative paths.
    way : {"hardlink", "symlink", "copy"}
        What is made of a file.

    Raises
    ------
    OSError
        If a file cannot be linked or copied, or is there already.
    """
    names = safe_names(folders.values())
    done = set()
    for path, folder in folders.items():
        image = os.fspath(root / path)
        for original in filter(None, (image, pixels_of(image))):
            relative = os.path.relpath(original, root)
            made = target / names[folder] / relative
            # A .img file beside it may be an image by itself, or that of two.
            if made in done or (original != image and relative in folders):
                continue
            done.add(made)
            try:
                made.parent.mkdir(parents=True, exist_ok=True)
                _make(os.path.realpath(original), made, way)
            except OSError as error:  # whose text names files
                raise type(error)(
                    f"A file cannot be laid out in {target} as a {way} "
                    f"({error.strerror}); empty that folder and choose another way of "
                    "hardlink, symlink and copy."
                ) from None


def _make(original: str, made: Path, way: Way) -> None:
    if way == "hardlink":
        os.link(original, made)
    elif way == "symlink":
        os.symlink(original, made)
    else:
        with open(original, "rb") as file, open(made, "xb") as copy:
            shutil.copyfileobj(file, copy)
        shutil.copystat(original, made)


def safe_names(texts: Iterable[str]) -> dict[str, str]:
    """A folder's name for each text, on any system, different for different texts.

    Parameters
    ----------
    texts : iterable of str
        Any.

    Returns
    -------
    dict of str to str
        The same from run to run for the same texts.

    Examples
    --------
    >>> safe_names(["short axis", "2CH/3CH", "..", "Aux"])
    {'..': '_', '2CH/3CH': '2CH_3CH', 'Aux': '_Aux', 'short axis': 'short axis'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for text in sorted(set(texts)):
        printable = "".join(c if c.isprintable() else "_" for c in text)
        name = re.sub(r'[<>:"/\\|?*]', "_", printable)[:60].strip(" .") or "_"
        if _RESERVED.fullmatch(_folded(name)):
            name = f"_{name}"
        number = 1
        unlike = name
        while _folded(unlike) in taken:
            number += 1
            unlike = f"{name} ({number})"
        taken.add(_folded(unlike))
        names[text] = unlike
    return names


def _folded(name: str) -> str:
    """What file systems that mind neither case nor composition take a name for."""
    return unicodedata.normalize("NFKC", name).casefold()
