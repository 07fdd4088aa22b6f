"""Who imports whom: one way only."""

import ast
from pathlib import Path

import pytest

import skdeepcluster

ROOT = Path(skdeepcluster.__file__).parent

ABOVE_THE_ENGINE = [
    "_categorizer",
    "_augmentation",
    "_doubts",
    "_model_file",
    "review",
    "archive",
    "cli",
]
FORBIDDEN = {
    "_engine": [*ABOVE_THE_ENGINE, "_majority"],
    "archive": ["_engine", "_categorizer", "review", "cli", "torch"],
    "datasets": ["_engine", "_categorizer", "review", "archive", "cli", "torch"],
    "metrics": ["_engine", "_categorizer", "review", "archive", "cli"],
    "_majority": ["_engine", *ABOVE_THE_ENGINE, "torch"],
    "_doubts": ["_categorizer", "review", "archive", "cli"],
    "_categorizer": ["review", "archive", "cli"],
    "review": ["archive", "cli"],
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
        assert "skdeepcluster.cli" not in set(imports_at_run_time(file)), file


def test_the_loop_fits_one_screen():
    tree = ast.parse((ROOT / "_engine" / "alternation.py").read_text())
    (loop,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "epochs"
    )
    assert loop.end_lineno - loop.lineno < 40
