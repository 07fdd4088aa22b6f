import os

import numpy as np
import pytest

from skdeepcluster.archive import _rows
from skdeepcluster.archive._rows import (
    distinct,
    new_memmap,
    rows_on_disk,
    unnamed_memmap,
    write_in_turn,
)


def test_copies_are_found_by_their_bytes():
    images = np.random.default_rng(0).random((5, 3, 4))
    images[1] = images[0]
    images[1, 0, 0] = np.nextafter(images[0, 0, 0], 1)
    kept, places = distinct(images[[0, 1, 0, 2, 2, 1]])
    assert kept.tolist() == [0, 1, 3]
    assert places.tolist() == [0, 1, 0, 2, 2, 1]
    kept, places = distinct(images[:0])
    assert len(kept) == len(places) == 0


def test_rows_that_may_not_fit_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(_rows, "_AT_ONCE", 4)
    images = np.arange(60).reshape(10, 2, 3)
    rows = np.array([9, 0, 3, 3, 8, 1])
    np.save(tmp_path / "images.npy", images)
    on_disk = np.load(tmp_path / "images.npy", mmap_mode="r")
    for array in (images, on_disk):
        found = rows_on_disk(array, rows, tmp_path)
        np.testing.assert_array_equal(found, images[rows])
        assert isinstance(found, np.memmap) == isinstance(array, np.memmap)
    whole = unnamed_memmap((19, 2, 3), images.dtype, tmp_path)
    write_in_turn([on_disk, images[:9]], whole)
    np.testing.assert_array_equal(whole, [*images, *images[:9]])
    assert [path.name for path in tmp_path.iterdir()] == ["images.npy"]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="needs POSIX")
def test_the_room_on_the_disk_is_taken_before_it_is_written_to(tmp_path):
    path = tmp_path / "images.npy"
    images = new_memmap(path, (100, 50, 40), np.dtype(np.float32))
    assert path.stat().st_blocks * 512 >= images.nbytes
    images[:] = 1
    images.flush()
    assert (np.load(path) == 1).all()
