"""Spoilt stores: what cannot be used is read anew, and nothing wrong is taken."""

import shutil

import numpy as np
import pandas as pd
import pytest
from mutations import mutated
from PIL import Image

from skdeepcluster.archive import load_archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A folder of pictures, and what is in a store of it, done and half done."""
    root = tmp_path_factory.mktemp("archive")
    generator = np.random.default_rng(0)
    (root / "pictures").mkdir()
    for number in range(6):
        image = generator.integers(0, 256, (9, 12), np.uint8)
        Image.fromarray(image).save(root / "pictures" / f"{number}.png")
    load(root, "done")

    def stop(stage, done, total):
        if stage == "pixels" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(root, "half", progress=stop)
    return root


def load(root, store, **options):
    folder = root / "pictures"
    return load_archive(folder, root / store, image_size=16, n_jobs=1, **options)


@pytest.mark.parametrize(
    "name",
    [
        "done/index.csv",
        "done/images.npy",
        "done/skipped.csv",
        "half/unfinished-16-1.rows",
        "half/unfinished-16-1.values",
    ],
)
def test_a_spoilt_store_is_made_anew(name, archive):
    expected = load(archive, "expected")
    store, file = name.split("/")
    whole = (archive / name).read_bytes()
    n_columns = expected.index.shape[1]
    for number in range(15):
        generator = np.random.default_rng(number)
        shutil.rmtree(archive / "spoilt", ignore_errors=True)
        shutil.copytree(archive / store, archive / "spoilt")
        (archive / "spoilt" / file).write_bytes(mutated(whole, generator))
        found = load(archive, "spoilt")
        assert found.images.shape == expected.images.shape
        assert found.images.dtype == np.uint8
        assert found.index.shape == (len(found.images), n_columns)
        assert found.index["path"].tolist() == expected.index["path"].tolist()
        pd.testing.assert_frame_equal(found.skipped, expected.skipped)
