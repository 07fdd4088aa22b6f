"""The Python of README.md and of the pages runs, on small images and for one epoch."""

import re
import shutil
import signal
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from skdeepcluster import _assembly

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.rst"))]
FENCED = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
DIRECTED = re.compile(r"^\.\. code-block:: python\n\n((?:(?:   .*)?\n)+)", re.MULTILINE)


def blocks(page):
    """The Python of a page, in order."""
    found = FENCED if page.suffix == ".md" else DIRECTED
    return [textwrap.dedent(block) for block in found.findall(page.read_text())]


def test_blocks_are_found():
    assert sum(len(blocks(page)) for page in PAGES) > 20


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem
)
def test_python_of_a_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_assembly, "_EPOCHS", 1)
    monkeypatch.setattr(_assembly, "_STEPS", 1)
    monkeypatch.setattr(_assembly, "_FEWEST", 1)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    digits = load_digits()
    images = digits.images[:150]
    np.save("archive.npy", images)
    Path("archive").mkdir()
    for number, image in enumerate(images):
        Image.fromarray((image * 15).astype(np.uint8)).save(f"archive/{number}.png")
    shutil.copytree("archive", "new")
    Path("names.csv").write_text("cluster,category,excluded,example\n0,x,,1\n1,,,2\n")
    Path("results").mkdir()
    table = "image,frame,slice,cluster\n" + "".join(
        f"{n}.png,,,{n % 3}\n" for n in range(9)
    )
    Path("results/clusters.csv").write_text(table)
    np.save("results/embeddings.npy", np.random.default_rng(0).random((9, 4)))
    paths = [str(path) for path in sorted(Path("archive").iterdir())]
    names = {
        "images": images,
        "new_images": digits.images[150:200],
        "y": digits.target[:150],
        "paths": paths,
        "new_paths": paths[:5],
        "label_of": lambda image: "bright" if image.mean() > 5 else "dark",
        "series_of_image": np.arange(150) // 10,
    }
    terminated = signal.getsignal(signal.SIGTERM)
    try:
        for block in blocks(page):
            exec(compile(block, str(page), "exec"), names)
    finally:
        signal.signal(signal.SIGTERM, terminated)
        plt.close("all")
