"""The page of promises names tests that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_tests_that_hold_promises_are_there():
    text = (ROOT / "docs" / "promises.rst").read_text()
    named = re.findall(r"``([\w/]+\.py)::(\w+)``", text)
    assert len(named) > 30
    for file, test in named:
        path = ROOT / "tests" / file
        assert f"\ndef {test}(" in path.read_text(), f"{file}::{test}"
