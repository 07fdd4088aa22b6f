"""Who imports whom: one way only."""

import ast
from pathlib import Path

import pytest

import skdeepcluster

ROOT = Path(skdeepcluster.__file__).parent

ABOVE_THE_ENGINE = [
    "_assembly",
    "_attributes",
    "_augmentation",
    "_callbacks",
    "_categorizer",
    "_checkpoint",
    "_checkpoint_file",
    "_doubts",
    "_fingerprint",
    "_history",
    "_learning",
    "_model_file",
    "_model_parts",
    "_parameters",
    "_saving",
    "_stopping",
    "_together",
    "_validation",
    "metrics",
    "objectives",
    "_results",
    "recipes",
    "review",
    "archive",
    "cli",
]
FORBIDDEN = {
    "_engine": [*ABOVE_THE_ENGINE, "_majority"],
    "archive": ["_engine", "_categorizer", "review", "cli", "torch"],
    "datasets": ["_engine", "_categorizer", "review", "archive", "cli", "torch"],
    "metrics": ["_engine", "_categorizer", "review", "archive", "cli"],
    "objectives": ["_categorizer", "_model_file", "review", "archive", "cli"],
    "_names": ["_engine", *ABOVE_THE_ENGINE, "torch"],
    "_attributes": ["_categorizer", "objectives", "review", "archive", "cli"],
    "_model_file": ["_categorizer", "objectives", "review", "archive", "cli"],
    "_model_parts": ["_categorizer", "objectives", "review", "archive", "cli"],
    "_reader_options": ["_engine", *ABOVE_THE_ENGINE, "torch"],
    "_saving": ["_categorizer", "review", "archive", "cli"],
    "_majority": ["_engine", *ABOVE_THE_ENGINE, "torch"],
    "_clusterers": ["_engine", *ABOVE_THE_ENGINE, "torch"],
    "_doubts": ["_categorizer", "review", "archive", "cli"],
    "_categorizer": ["review", "archive", "cli"],
    "_checkpoint": ["_categorizer", "objectives", "review", "archive", "cli"],
    "_checkpoint_file": ["_checkpoint", "_categorizer", "objectives", "review", "cli"],
    "_fingerprint": ["_categorizer", "objectives", "review", "archive", "cli"],
    "_interruption": ["_engine", *ABOVE_THE_ENGINE, "torch"],
    "_results": ["cli", "torch"],
    "_together": ["_categorizer", "objectives", "review", "archive", "cli"],
    "review": ["archive", "cli", "_results"],
}


def imports_at_run_time(path):
    tree = ast.parse(path.read_text())
    typed = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in typed:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", FORBIDDEN)
def test_imports_go_one_way(room):
    place = ROOT / room
    files = place.glob("*.py") if place.is_dir() else [place.with_suffix(".py")]
    for file in files:
        names = set(imports_at_run_time(file))
        for other in FORBIDDEN[room]:
            bad = {
                name
                for name in names
                if name.startswith((other, f"skdeepcluster.{other}"))
            }
            assert not bad, f"{file.name} imports {bad}"


def test_nothing_imports_the_command_line():
    for file in ROOT.rglob("*.py"):
        if file.parent.name != "cli":
            assert "skdeepcluster.cli" not in set(imports_at_run_time(file)), file


def test_one_file_of_the_engine_talks_to_other_processes():
    for file in ROOT.rglob("*.py"):
        if file.parent.name == "cli" or file.name == "ranks.py":
            continue
        names = set(imports_at_run_time(file))
        assert not any(name.startswith("torch.distributed") for name in names), file


def test_files_hold_one_idea():
    for file in ROOT.rglob("*.py"):
        if file.name != "_categorizer.py":
            assert len(file.read_text().splitlines()) <= 400, file


def test_the_loop_reads_like_the_paper():
    """On one screen, the whole file, and nothing depends on what a text says."""
    code = (ROOT / "_engine" / "alternation.py").read_text()
    assert len(code.splitlines()) <= 120
    for node in ast.walk(ast.parse(code)):
        assert not isinstance(node, ast.Match)
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                assert not isinstance(getattr(side, "value", None), str)


@pytest.mark.parametrize("room", ["review", "cli", "_results"])
def test_nothing_private_of_an_estimator_is_used(room):
    place = ROOT / room
    files = place.glob("*.py") if place.is_dir() else [place.with_suffix(".py")]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
                of = ast.unparse(node.value)
                assert of not in ("est", "estimator"), f"{file.name}: {of}.{node.attr}"
