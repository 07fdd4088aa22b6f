import os
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from skdeepcluster.archive import read_archive, read_array


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)


def test_npy_is_mapped_not_read(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 5, 6), np.int16))
    archive = read_archive(tmp_path / "a.npy")
    assert isinstance(archive.images, np.memmap)
    assert archive.images.shape == (4, 5, 6)
    assert archive.names == ["0", "1", "2", "3"]
    assert archive.skipped == []


def test_npz(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.ones((2, 3, 3)), labels=[1, 2])
    assert read_archive(tmp_path / "a.npz").images.sum() == 18
    assert read_array(tmp_path / "a.npz", "labels").tolist() == [1, 2]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros((2, 3, 3))}, "no array 'images', only 'pictures'"),
        ({}, "no array 'images', only nothing"),
        ({"images": np.zeros((0, 3, 3))}, "holds no image"),
        ({"images": np.array(3)}, "single number"),
        ({"images": np.zeros((9, 64))}, r"shape \(9, 64\); images have the shape"),
        ({"images": np.array([{}, {}])}, r"no \.npy or \.npz file that can be read"),
    ],
)
def test_npz_without_images(arrays, message, tmp_path):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        read_archive(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04rest", b"\x93NUMPY", b"hello"])
def test_files_that_are_no_arrays(content, tmp_path):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz is no folder, and no \.npy"):
        read_archive(tmp_path / "a.npz")


def test_a_member_that_is_no_array(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("images", b"not an array")
    with pytest.raises(ValueError, match=r"a\.npz"):
        read_archive(tmp_path / "a.npz")


def test_pictures_with_damaged_metadata_are_skipped(tmp_path, picture):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture).save(tmp_path / "00.jpg", exif=exif)
    whole = (tmp_path / "00.jpg").read_bytes()
    random = np.random.default_rng(0)
    for number in range(1, 200):
        damaged = bytearray(whole)
        for place in random.integers(2, 80, 3):
            damaged[place] = random.integers(256)
        (tmp_path / f"{number:03}.jpg").write_bytes(damaged)
    archive = read_archive(tmp_path, image_size=16)
    assert archive.names[0] == "00.jpg"
    assert len(archive.images) + len(archive.skipped) == 200


def test_nothing_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_archive(tmp_path / "none.npy")
    with pytest.raises(ValueError, match="holds no PNG or JPEG"):
        read_archive(tmp_path)


def test_a_folder_by_content_and_not_by_name(tmp_path, picture):
    (tmp_path / "b" / "c").mkdir(parents=True)
    Image.fromarray(picture).save(tmp_path / "b" / "c" / "IM0001", format="PNG")
    Image.fromarray(picture).save(tmp_path / "a.PNG", format="JPEG")
    Image.fromarray(picture).save(tmp_path / ".hidden.png")
    (tmp_path / "notes.png").write_text("no picture")
    archive = read_archive(tmp_path, image_size=32)
    assert archive.names == ["a.PNG", "b/c/IM0001"]
    assert archive.images.shape == (2, 32, 32)
    assert archive.images.dtype == np.uint8
    assert archive.skipped == [("notes.png", "Neither PNG nor JPEG.")]


def test_aspect_is_kept_and_padded_with_black(tmp_path):
    Image.new("L", (40, 20), 200).save(tmp_path / "a.png")
    (image,) = read_archive(tmp_path, image_size=64).images
    assert (image[20:44] > 150).all()
    assert (image[:14] == 0).all()
    assert (image[50:] == 0).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_modes_become_grey(mode, tmp_path, picture):
    if mode == "I;16":
        file = Image.fromarray(picture.astype(np.uint16) * 16)  # 12 bits
    else:
        file = Image.fromarray(picture).convert(mode)
    file.save(tmp_path / "a.png")
    (image,) = read_archive(tmp_path, image_size=30).images
    assert image.dtype == np.uint8
    assert image.max() > 240
    if mode != "1":
        assert np.corrcoef(image[5:25].ravel(), picture.ravel())[0, 1] > 0.95


def test_damaged_and_hostile_files_are_skipped(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "good.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    bomb = bytearray(whole)
    bomb[16:24] = (60000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(bomb)
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "good.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    name = '<b>"quoted"\nand broken,.png'
    (tmp_path / name).write_bytes(whole)
    archive = read_archive(tmp_path)
    assert archive.names == [name, "good.png"]
    reasons = dict(archive.skipped)
    assert set(reasons) == {"bomb.png", "cut.png", "empty.jpg", "pipe.png"}
    assert reasons["bomb.png"].startswith("Larger than")
    assert reasons["cut.png"].startswith("Damaged")
    assert reasons["pipe.png"] == "Not a regular file."


def test_archive_imports_no_torch():
    import subprocess
    import sys

    code = "import sys, skdeepcluster.archive; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
