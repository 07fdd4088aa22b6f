"""Forms of words that must not come back, in all that a person reads.

    python .ci/forms.py

prints each place where one is, and exits with 1 if there are any.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACES = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/*.rst",
    "docs/drawings/*.svg",
    "examples/**/*.rst",
    "examples/**/*.py",
    "skdeepcluster/**/*.py",
    "skdeepcluster/**/*.j2",
    "skdeepcluster/**/*.js",
)
# Between two words: also the end of a line, in a comment or a string, and the next.
GAP = r"(?:[\s\"'#*]|(?<=\s)f(?=[\"']))+"
# The form, and what to write instead. Capitals matter where the form has one.
FORMS = (
    ("do not do", "say what is required, or what happens"),
    ("so many", "as many, that number of, ..."),
    ("is no", "is not a; or: there is no"),
    ("are no", "are not; or: there are no"),
    ("look at before", "inspect ... before"),
    ("goes before it", "overrides it"),
    ("go before it", "override it"),
    ("Other than", "Unlike"),
    ("is like that", "no ... match"),
    ("telling the clusters", "assigning"),
    ("name it so", "use this name"),
)
THERE = re.compile(r"\bthere$", re.IGNORECASE)
LONGER = re.compile(rf"^{GAP}longer\b")


def places():
    """The files to read, each once."""
    return sorted({path for place in PLACES for path in ROOT.glob(place)})


def found(text):
    """Line and form of each place in a text, and what to write instead."""
    for form, instead in FORMS:
        case = 0 if form[0].isupper() else re.IGNORECASE
        words = GAP.join(map(re.escape, form.split()))
        for match in re.finditer(rf"\b{words}\b", text, case):
            before = re.sub(rf"{GAP}$", "", text[: match.start()])
            is_right = form.endswith(" no") and (
                THERE.search(before) or LONGER.search(text[match.end() :])
            )
            if not is_right:
                yield text.count("\n", 0, match.start()) + 1, form, instead


def main():
    """Print what is found; whether there was any."""
    n_found = 0
    for path in places():
        for line, form, instead in sorted(found(path.read_text(encoding="utf-8"))):
            n_found += 1
            print(f'{path.relative_to(ROOT)}:{line}: "{form}" (write: {instead})')
    print(f"{n_found} forms that should not be there")
    return n_found > 0


if __name__ == "__main__":
    sys.exit(main())
