"""Every link inside the documentation and README.md leads somewhere.

    python .ci/links.py docs/_build README.md

reads built pages and Markdown files, and asks nothing of the network. It exits with 1
if a file, a picture or a place in a page is missing, or if a page loads something from
elsewhere.
"""

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {"img": "src", "script": "src", "link": "href", "iframe": "src"}
MARKDOWN = re.compile(r"\]\(([^)\s]+)\)")


class Page(HTMLParser):
    """What a page links to, what it loads, and which places it has."""

    def __init__(self, path):
        super().__init__()
        self.links, self.loads, self.places = [], [], {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Note what a tag links to, loads or names."""
        values = dict(attrs)
        self.places |= {values[key] for key in ("id", "name") if values.get(key)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag in LOADS and values.get(LOADS[tag]):
            is_note = values.get("rel") in ("canonical", "search", "next", "prev")
            (self.links if is_note else self.loads).append(values[LOADS[tag]])


@cache
def page(path):
    """The page in a file, read once."""
    return Page(path)


def problem(path, link, *, loaded=False):
    """What is wrong with a link of a file; None if it is right."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        is_inline = parts.scheme == "data"
        return "is loaded from elsewhere" if loaded and not is_inline else None
    target = path if not parts.path else path.parent / unquote(parts.path)
    target = target.resolve()
    if not target.exists():
        return "is missing"
    place = unquote(parts.fragment)
    if target.suffix == ".html" and place not in page(target).places:
        return "has no such place"
    return None


def problems(path):
    """Each link of a file that is wrong, and why."""
    if path.suffix == ".md":
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
        checked = [(link, False) for link in MARKDOWN.findall(text)]
    else:
        read = page(path.resolve())
        checked = [(link, False) for link in read.links]
        checked += [(link, True) for link in read.loads]
    for link, loaded in checked:
        if why := problem(path, link, loaded=loaded):
            yield link, why


def _pages(folder):
    """The pages in a folder, without what a theme keeps for itself."""
    return (
        path
        for path in folder.rglob("*.html")
        if "_static" not in path.relative_to(folder).parts
    )


def main(arguments):
    """Print what is wrong; whether anything was."""
    files = []
    for given in map(Path, arguments):
        files += sorted(_pages(given)) if given.is_dir() else [given]
    wrong = {(f, link, why) for f in files for link, why in problems(f)}
    for path, link, why in sorted(wrong):
        print(f"{path}: {link} {why}")
    print(f"{len(files)} files, {len(wrong)} links that lead nowhere")
    return len(wrong) > 0 or not files


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
