import numpy as np
import pytest

from skdeepcluster.archive._find import numbers_for
from skdeepcluster.archive._sources import (
    Source,
    Sources,
    digest_of,
    name_of_folder,
)


def test_what_is_written_is_read(tmp_path):
    sources = Sources((Source('/a "b",\nc', 3, ""), Source("", 10, "ab12")))
    sources.write(tmp_path / "sources.csv")
    assert Sources.read(tmp_path / "sources.csv") == sources
    assert Sources.read(tmp_path / "missing.csv") == Sources()


def test_one_is_changed_or_added():
    first, other, new = (Source(name, 1, "") for name in ("/a", "/b", "/c"))
    both = Sources((first, other))
    assert both.with_one(1, new).listed == (first, new)
    assert both.with_one(2, new).listed == (first, other, new)
    assert (both.number_of("/b"), both.number_of("/c")) == (1, None)


@pytest.mark.parametrize("hidden", [False, True])
def test_folders_within_each_other(tmp_path, hidden):
    key = tmp_path / "key.csv" if hidden else None
    root = tmp_path / "archive" / "2024"
    (root / "sub").mkdir(parents=True)
    name = name_of_folder(root, key)
    assert name == ("0000001" if hidden else str(root))
    assert name_of_folder(root / "." / "sub" / "..", key) == name
    sources = Sources((Source(name, 1, ""),))
    assert sources.are_anonymous == hidden
    for apart in (root, root.with_name("2025")):
        sources.check_apart(apart, key)
    for within in (root.parent, root / "sub"):
        with pytest.raises(ValueError, match="lie within each other"):
            sources.check_apart(within, key)


def test_an_array_that_begins_as_others_did(tmp_path):
    images = np.random.default_rng(0).random((9, 4, 4))
    parts = images[:4], images[4:7]
    sources = Sources(tuple(Source("", len(part), digest_of(part)) for part in parts))
    for grown in (images, images[:7]):
        sources.check_array(grown, tmp_path)
    for other in (images[:6], images[::-1], images.astype(np.float32)):
        with pytest.raises(ValueError, match="are not those of"):
            sources.check_array(other, tmp_path)
    Sources((Source("/folder", 4, ""),)).check_array(images[::-1], tmp_path)


def test_digests_tell_arrays_apart():
    images = np.random.default_rng(0).integers(0, 255, (5000, 4, 4), np.uint8)
    same = digest_of(images)
    assert digest_of(images.copy(order="F")) == same
    others = [images[:-1], images.astype(np.int16), images.reshape(5000, 2, 8)]
    changed = images.copy()
    changed[-1] += 1
    for other in [*others, changed, images[::-1]]:
        assert digest_of(other) != same


def test_a_key_of_other_files_is_refused(tmp_path):
    """A file that has the number of the folder is no folder."""
    root, key, other = tmp_path / "archive", tmp_path / "key.csv", tmp_path / "2.csv"
    root.mkdir()
    numbers_for(["a", "b", "c"], key)
    sources = Sources((Source(name_of_folder(root, key), 3, ""),))
    numbers_for(["d", "e", "f", "g", str(root)], other)
    sources.check_key(key, tmp_path)
    for wrong in (other, tmp_path / "missing.csv", None):
        with pytest.raises(ValueError, match=r"KEY"):
            sources.check_key(wrong, tmp_path)
