"""Every score in README.md and docs is one that benchmarks/RESULTS.md has.

    python .ci/figures.py

looks at figures from 0 to 1 with three decimals, and exits with 1 if one is not there.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SCORE = re.compile(r"(?<![\w.])0\.\d{3}(?![\w.]*\d)")


def main():
    """Print what RESULTS.md does not have; whether there was any."""
    measured = set(SCORE.findall((ROOT / "benchmarks/RESULTS.md").read_text()))
    n_missing = 0
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.rst"))):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for score in SCORE.findall(line):
                if score not in measured:
                    n_missing += 1
                    print(f"{path.relative_to(ROOT)}:{number}: {score}")
    print(f"{n_missing} figures that benchmarks/RESULTS.md does not have")
    return n_missing > 0


if __name__ == "__main__":
    sys.exit(main())
