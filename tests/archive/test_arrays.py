import zipfile

import numpy as np
import pytest

from skdeepcluster.archive import _arrays
from skdeepcluster.archive._arrays import (
    distinct,
    read_array,
    read_images,
    rows_on_disk,
    unnamed_memmap,
    write_in_turn,
)


def test_npy_is_mapped_not_read(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 5, 6), np.int16))
    images = read_images(tmp_path / "a.npy")
    assert isinstance(images, np.memmap)
    assert images.shape == (4, 5, 6)


def test_npz(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.ones((2, 3, 3)), labels=[1, 2])
    assert read_images(tmp_path / "a.npz").sum() == 18
    assert read_array(tmp_path / "a.npz", "labels").tolist() == [1, 2]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros((2, 3, 3))}, "no array 'images', only 'pictures'"),
        ({}, "no array 'images', only nothing"),
        ({"images": np.zeros((0, 3, 3))}, "holds no image"),
        ({"images": np.array(3)}, "single number"),
        ({"images": np.zeros((9, 64))}, r"shape \(9, 64\); images have the shape"),
        ({"images": np.array([{}, {}])}, r"nor a \.npy or \.npz file that can be read"),
    ],
)
def test_npz_without_images(arrays, message, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        read_images(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04rest", b"\x93NUMPY", b"hello"])
def test_files_that_are_no_arrays(content, tmp_path):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz is not a folder, nor a \.npy"):
        read_images(tmp_path / "a.npz")


def test_a_member_that_is_no_array(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("images", b"not an array")
    with pytest.raises(ValueError, match=r"a\.npz"):
        read_images(tmp_path / "a.npz")


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_images(tmp_path / "none.npy")


@pytest.mark.parametrize("name", ["set.npy", "set.npz"])
def test_objects_are_refused(name, tmp_path):
    """They are pickled, and a pickle is a program."""
    images = np.full((2, 3, 4), print, dtype=object)
    if name == "set.npy":
        np.save(tmp_path / name, images, allow_pickle=True)
    else:
        np.savez(tmp_path / name, images=images)
    with pytest.raises(ValueError, match="can be read"):
        read_images(tmp_path / name)


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
    monkeypatch.setattr(_arrays, "_AT_ONCE", 4)
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
