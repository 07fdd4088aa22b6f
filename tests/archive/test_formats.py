import os
import warnings

import numpy as np
import pytest
from PIL import Image

from skdeepcluster.archive._file import Unreadable
from skdeepcluster.archive._formats import open_image


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "damaged"),
        (b"hello, this is a text\n", "not an image"),
        (b"\x00\x01\x02\xff" * 300, "not an image"),
        (b"\x1f\x8b" + b"\0" * 100, "damaged"),
        (b"PK\x03\x04" + b"\0" * 300, "not an image"),
        (b"\0" * 128 + b"DICM", "damaged"),
        (b"\0" * 128 + b"DICM" + b"\xff" * 500, "not an image"),
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", "not an image"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"CDF\x01" + b"\0" * 500, "damaged"),
    ],
)
def test_content_that_gives_no_image(content, kind, tmp_path, reason):
    (tmp_path / "a.dcm").write_bytes(content)
    found, text = reason(tmp_path / "a.dcm")
    assert found == kind
    assert text.endswith(".")


def test_a_compressed_file_that_is_no_volume(tmp_path, reason):
    import gzip

    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"hello" * 1000))
    assert reason(tmp_path / "a.nii.gz")[0] == "not an image"


def test_names_do_not_matter(tmp_path, picture, write_dicom):
    Image.fromarray(picture).save(tmp_path / "picture.dcm", "PNG")
    write_dicom("image.png", picture)
    for name in ("picture.dcm", "image.png"):
        with open_image(str(tmp_path / name)) as file:
            np.testing.assert_array_equal(file.pixels(file.headers[0].address), picture)


def test_a_dicom_file_that_begins_as_a_tiff(tmp_path, picture, write_dicom):
    path = write_dicom("a", picture)
    path.write_bytes(b"II*\0" + path.read_bytes()[4:])
    with open_image(str(path)) as file:
        np.testing.assert_array_equal(file.pixels(file.headers[0].address), picture)


def test_no_file_and_no_permission(tmp_path, reason):
    os.mkfifo(tmp_path / "pipe")
    assert reason(tmp_path / "pipe") == ("inaccessible", "Not a regular file.")
    assert reason(tmp_path / "gone") == ("inaccessible", "It is no longer there.")


def test_spoilt_dicom_raises_nothing_else_and_says_nothing(
    write_dicom, read_all, capfd
):
    path = write_dicom("a", np.arange(64, dtype=np.uint16).reshape(8, 8))
    whole = path.read_bytes()
    random, reasons = np.random.default_rng(0), set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(400):
            damaged = bytearray(whole)
            for place in random.integers(132, len(whole), 4):
                damaged[place] = random.integers(256)
            path.write_bytes(damaged)
            try:
                read_all(path)
            except Unreadable as error:
                reasons.add(error.reason)
    assert len(reasons) > 3
    assert not any("Doe" in text for text in reasons)
    assert capfd.readouterr() == ("", "")
