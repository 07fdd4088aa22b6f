"""One HTML file that needs no other: template, style, scripts and data."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from skdeepcluster import __version__
from skdeepcluster._files import replacing

_DATA = '<script type="application/json" id="data">'
_PAGE = files("skdeepcluster.review") / "page"
# In the order in which they need each other.
_SCRIPTS = (
    "shared.js",
    "clustering.js",
    "naming.js",
    "csv.js",
    "tiles.js",
    "completion.js",
    "cards.js",
    "opened.js",
    "categories.js",
    "theme.js",
    "finds.js",
    "actions.js",
    "fields.js",
    "files.js",
    "report.js",
    "keys.js",
)


def as_json(data: Any) -> Markup:
    """Data for a script element, which no text in the data can end.

    Plain ASCII: even invalid text, such as a file name that is not UTF-8, is escaped.
    """
    return htmlsafe_json_dumps(data, separators=(",", ":"), allow_nan=False)


def write_html(
    path: str | os.PathLike[str],
    *,
    title: str,
    data: dict[str, Any],
    sheets: Iterable[bytes],
    with_image_names: bool,
) -> None:
    """Write the page, or leave an existing file unchanged.

    Parameters
    ----------
    path : str or os.PathLike
    title : str
    data : dict
        What the scripts read.
    sheets : iterable of bytes
        A JPEG picture for each cluster, and then for each find.
    with_image_names : bool
        Whether `data` has names of images, which the page then mentions.
    """
    with replacing(path) as unfinished:
        style = _asset("report.css")
        scripts = [_asset(name) for name in _SCRIPTS]
        page = _template().stream(
            title=title.encode("utf-8", "replace").decode(),
            policy=_policy(style, scripts),
            style=Markup(style),
            scripts=[Markup(script) for script in scripts],
            data=as_json(data),
            sheets=(Markup(base64.b64encode(sheet).decode()) for sheet in sheets),
            with_image_names=with_image_names,
            with_new=any("isNew" in card for card in data["clusters"]),
            with_finds=bool(data["finds"]),
            version=__version__,
        )
        page.dump(str(unfinished), encoding="utf-8")


def rename(
    path: Path,
    target: Path,
    names: Mapping[int, str],
    excluded: Sequence[tuple[int, list[int]]],
) -> None:
    """Write a page again, with other names and marks to begin with.

    A browser in which somebody has named on the page goes on with theirs.

    Parameters
    ----------
    path : path
        What :func:`write_html` wrote.
    target : path
    names : mapping of int to str
    excluded : sequence of (cluster, rows)

    Raises
    ------
    ValueError
        If it is another file.
    """
    with open(path, encoding="utf-8", newline="") as file:
        page = file.read()
    before, start, rest = page.partition(_DATA)
    written, end, after = rest.partition("</script>")
    data = json.loads(written) if start and end else None
    if not isinstance(data, dict):
        raise ValueError(f"{path} is not the page that skdeepcluster wrote.")
    data |= {"names": dict(names), "excluded": list(excluded)}
    with replacing(target) as unfinished:
        parts = [before, start, as_json(data), end, after]
        unfinished.write_bytes("".join(parts).encode())


def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, loader=FunctionLoader(_asset)
    )
    return environment.get_template("report.html.j2")


def _asset(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")


def _policy(style: str, scripts: list[str]) -> str:
    """A content security policy: nothing from elsewhere, no code but ours.

    Blobs are made by the page's scripts: sheets, unpacked when they are shown.
    """
    allowed = " ".join(map(_hash, scripts))
    return (
        f"default-src 'none'; img-src data: blob:; style-src {_hash(style)}; "
        f"script-src {allowed}; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
