import contextlib
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from skdeepcluster.archive._file import Address, Unreadable
from skdeepcluster.archive._formats import open_image


def read(path):
    with open_image(str(path)) as file:
        (header,) = file.headers
        return header, file.pixels(header.address)


MODES = {
    "png": ["1", "L", "P", "RGB", "RGBA", "LA"],
    "jpg": ["1", "L", "RGB", "CMYK"],
    "tif": ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK"],
    "webp": ["RGB", "RGBA"],
}


@pytest.mark.parametrize(
    ("suffix", "mode"), [(name, mode) for name in MODES for mode in MODES[name]]
)
def test_pictures_of_8_bits_are_made_for_display(mode, suffix, tmp_path, picture):
    Image.fromarray(picture).convert(mode).save(tmp_path / f"a.{suffix}")
    header, pixels = read(tmp_path / f"a.{suffix}")
    assert header.shown
    assert header.bits == 8
    assert (header.height, header.width) == (20, 30) == pixels.shape[:2]
    assert pixels.dtype == np.uint8
    assert pixels.ndim == (2 if mode in ("1", "L", "LA") else 3)
    if mode not in ("1", "P") and suffix not in ("jpg", "webp"):
        grey = pixels if pixels.ndim == 2 else pixels[..., 1]
        np.testing.assert_allclose(grey, picture, atol=1)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits(suffix, tmp_path, picture):
    deep = picture.astype(np.uint16) * 16
    Image.fromarray(deep).save(tmp_path / f"a.{suffix}")
    header, pixels = read(tmp_path / f"a.{suffix}")
    assert not header.shown
    assert header.bits == 16
    np.testing.assert_array_equal(pixels, deep)


def test_float(tmp_path, picture):
    values = picture.astype(np.float32) / 7 - 3
    Image.fromarray(values).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read(tmp_path / "a.tif")[1], values)


def tiff(path, values, photometric=1):
    """A TIFF of kinds that Pillow does not write."""
    height, width = values.shape
    sample_format = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags = [(256, width), (257, height), (258, 8 * values.itemsize), (259, 1)]
    tags += [(262, photometric), (273, 134), (277, 1), (278, height)]
    tags += [(279, values.nbytes), (339, sample_format)]
    entries = [struct.pack("<HHLL", tag, 4, 1, value) for tag, value in tags]
    head = b"II*\0" + struct.pack("<LH", 8, len(tags)) + b"".join(entries)
    path.write_bytes(head + bytes(4) + values.tobytes())
    return path


@pytest.mark.parametrize(("dtype", "top"), [("<u2", 65535), ("<f4", 0)])
def test_a_tiff_in_which_0_is_white(dtype, top, tmp_path, picture):
    values = picture.astype(dtype) * 4
    path = tiff(tmp_path / "a.tif", values, photometric=0)
    np.testing.assert_array_equal(read(path)[1], top - values)


def test_numbers_of_tiffs(tmp_path, picture, reason):
    large = picture + np.uint32(2**31)
    path = tiff(tmp_path / "a.tif", large)
    np.testing.assert_array_equal(read(path)[1], large)
    double = tiff(tmp_path / "b.tif", picture / 7)
    signed = tiff(tmp_path / "c.tif", picture.view(np.int8))
    for path in (double, signed):
        assert reason(path)[0] == "unsupported"


def test_pages(tmp_path, picture):
    pages = [Image.fromarray(picture // part) for part in (1, 2, 3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with open_image(str(tmp_path / "a.tif")) as file:
        addresses = [header.address for header in file.headers]
        assert addresses == [Address(frame=page) for page in range(3)]
        for page in (2, 0, 1):
            pixels = file.pixels(Address(frame=page))
            np.testing.assert_array_equal(pixels, picture // (page + 1))


@pytest.mark.parametrize(
    ("suffix", "orientation"),
    [
        *(("jpg", 1), ("jpg", 3), ("jpg", 6), ("jpg", 8)),
        *(("tif", 1), ("tif", 3), ("webp", 1), ("webp", 6)),
        *(("png", 1), ("png", 3), ("png", 6), ("png", 8)),
    ],
)
def test_upright(suffix, orientation, tmp_path, picture):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(picture).save(tmp_path / f"a.{suffix}", exif=exif)
    header, pixels = read(tmp_path / f"a.{suffix}")
    pixels = pixels[..., 0] if suffix == "webp" else pixels
    assert pixels.shape == (header.height, header.width)
    assert pixels.shape == ((20, 30) if orientation < 5 else (30, 20))
    turns = {1: 0, 3: 2, 6: 3, 8: 1}[orientation]
    expected = np.rot90(picture, turns).astype(float)
    assert np.corrcoef(pixels.ravel(), expected.ravel())[0, 1] > 0.9


def exif_last(png):
    """The same PNG with its Exif behind the pixels, where ImageMagick writes it."""
    start = png.index(b"eXIf") - 4
    length = int.from_bytes(png[start : start + 4], "big") + 12
    chunk, end = png[start : start + length], png.index(b"IEND") - 4
    return png[:start] + png[start + length : end] + chunk + png[end:]


@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_a_png_is_turned_as_others_are(mode, is_last, tmp_path, picture):
    image = Image.fromarray(picture)
    if mode == "I;16":
        image = Image.fromarray(picture.astype(np.uint16) * 16)
    elif mode == "P":
        image = image.quantize(16)
    else:
        image = image.convert(mode)
    image.save(tmp_path / "a.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "b.png", exif=exif)
    if is_last:
        path = tmp_path / "b.png"
        path.write_bytes(exif_last(path.read_bytes()))
    header, pixels = read(tmp_path / "b.png")
    assert (header.height, header.width) == (30, 20)
    np.testing.assert_array_equal(pixels, np.rot90(read(tmp_path / "a.png")[1], 3))


def test_no_png_is_decoded_for_its_header(tmp_path, picture, monkeypatch):
    Image.fromarray(picture).save(tmp_path / "a.png")
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", None)
    with open_image(str(tmp_path / "a.png")) as file:
        assert file.headers[0].height == 20


COLOURS = np.array([[[200, 30, 60], [10, 180, 90]], [[0, 0, 250], [255, 255, 0]]])
COLOURS = COLOURS.repeat(8, 0).repeat(8, 1).astype(np.uint8)


@pytest.mark.parametrize(
    ("suffix", "mode", "close"),
    [("png", "P", 0), ("jpg", "CMYK", 40), ("tif", "CMYK", 0), ("webp", "RGB", 0)],
)
def test_colours(suffix, mode, close, tmp_path):
    options = {"lossless": True} if suffix == "webp" else {}
    image = Image.fromarray(COLOURS)
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    image.save(tmp_path / f"a.{suffix}", **options)
    pixels = read(tmp_path / f"a.{suffix}")[1].astype(int)
    assert np.abs(pixels - COLOURS).max() <= close


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_black(mode, tmp_path):
    alpha = np.zeros((16, 16), np.uint8)
    alpha[:8] = 255
    image = Image.fromarray(np.dstack([COLOURS, alpha]))
    if mode == "P":
        image = Image.fromarray(COLOURS).quantize(4)
        image.info["transparency"] = int(np.asarray(image)[15, 0])
    elif mode == "LA":
        image = image.convert("LA")
    image.save(tmp_path / "a.png")
    pixels = read(tmp_path / "a.png")[1]
    assert pixels.ndim == (2 if mode == "LA" else 3)
    assert pixels[15, 0].max() == 0
    expected = COLOURS if mode != "LA" else np.asarray(image)[..., 0]
    np.testing.assert_array_equal(pixels[:8], expected[:8])


def test_a_riff_file_of_another_kind(tmp_path, reason):
    (tmp_path / "a.webp").write_bytes(
        b"RIFF\x10\0\0\0WAVEfmt " + bytes(range(128, 200))
    )
    assert reason(tmp_path / "a.webp")[0] == "not an image"
    (tmp_path / "b.webp").write_bytes(b"RIFF\x10\0\0\0WEBPVP8 " + bytes(range(40)))
    assert reason(tmp_path / "b.webp")[0] == "damaged"


def test_a_tiff_on_its_side_is_not_misread(tmp_path, picture, reason):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture).save(tmp_path / "a.tif", exif=exif)
    assert reason(tmp_path / "a.tif")[0] == "unsupported"


def test_bombs(tmp_path, picture, reason):
    Image.fromarray(picture).save(tmp_path / "a.png")
    for side in (9000, 60000):
        bomb = bytearray((tmp_path / "a.png").read_bytes())
        bomb[16:24] = side.to_bytes(4, "big") * 2
        bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
        (tmp_path / "bomb.png").write_bytes(bomb)
        assert reason(tmp_path / "bomb.png")[0] == "too large"


def test_no_library_logs_what_a_picture_says(tmp_path, picture, caplog):
    Image.fromarray(picture).save(tmp_path / "a.tif", tiffinfo={270: "SECRET"})
    caplog.set_level("DEBUG")
    read(tmp_path / "a.tif")
    assert caplog.text == ""


def test_damage(tmp_path, picture, reason):
    Image.fromarray(picture).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.png").write_bytes(whole[:9])
    assert reason(tmp_path / "b.png")[0] == "damaged"
    assert reason(tmp_path / "c.png")[0] == "damaged"


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_spoilt_bytes_raise_nothing_else(suffix, tmp_path, picture, read_all):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(picture).save(path)
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(whole)
        for place in random.integers(2, len(whole), 3):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        with contextlib.suppress(Unreadable):
            read_all(path)
