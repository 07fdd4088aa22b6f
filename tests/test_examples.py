"""The gallery: what each example has to have. Building the documentation runs them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*/plot_*.py"))


def test_there_are_at_least_twelve():
    assert len(EXAMPLES) >= 12


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_has_a_title_an_introduction_and_a_picture(path):
    text = path.read_text(encoding="utf-8")
    title, underline, _, *introduction = ast.get_docstring(ast.parse(text)).split("\n")
    assert underline == "=" * len(title)
    assert len(introduction) >= 3
    assert "plt.show()" in text


def test_every_section_has_a_place_and_a_title():
    configuration = (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")
    for folder in {path.parent for path in EXAMPLES}:
        assert f'"../examples/{folder.name}"' in configuration
        assert (folder / "README.rst").is_file()
