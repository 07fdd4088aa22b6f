"""Each promise of the page names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "promises.rst").read_text()
NAMED = re.compile(r"``([\w/]+\.py)::(\w+)``")


def test_each_promise_has_a_test():
    tables, _ = TEXT.split("\nWhat is not promised\n")
    _, *rows = tables.split("\n   * - ")
    promises = [row for row in rows if not row.startswith("Promise\n")]
    assert len(promises) > 20
    for promise in promises:
        assert NAMED.search(promise), promise


def test_the_tests_that_hold_promises_are_there():
    named = NAMED.findall(TEXT)
    assert len(named) > 30
    for file, test in named:
        path = ROOT / "tests" / file
        assert f"\ndef {test}(" in path.read_text(), f"{file}::{test}"
