"""Whether an archive is read in colour."""

import numpy as np
import pytest
from PIL import Image

from skdeepcluster.archive import ImageReader, load_archive
from skdeepcluster.archive._colour import is_colour, kept_channels

GREY = np.random.default_rng(0).integers(256, size=(20, 20), dtype=np.uint8)


def coloured(share=1.0, by=100):
    image = np.stack([GREY // 2] * 3, axis=2)
    image[: round(20 * share), :, 0] += np.uint8(by)
    return image


@pytest.fixture
def archive(tmp_path):
    """A folder with some images in colour and some in grey."""

    def make(n_colour, n_grey):
        folder = tmp_path / "archive"
        folder.mkdir(exist_ok=True)
        for number in range(n_colour):
            Image.fromarray(coloured()).save(folder / f"c{number}.png")
        for number in range(n_grey):
            # In three channels, as JPEG files of grey images mostly are.
            grey = Image.fromarray(GREY).convert("RGB")
            grey.save(folder / f"g{number}.jpg", quality=60)
        return folder

    return make


def load(folder, store=None, **options):
    given = {"image_size": 16, "n_jobs": 1, "channels": "auto"}
    return load_archive(folder, store, **given | options)


def test_colour_is_where_channels_differ():
    assert is_colour(coloured())
    assert not is_colour(GREY)
    assert not is_colour(np.stack([GREY] * 3, axis=2))
    assert not is_colour(coloured(by=8))  # a tint, as of compression
    caption = np.stack([GREY] * 3, axis=2)
    caption[0, :3] = 255, 255, 0
    assert not is_colour(caption)


@pytest.mark.parametrize("image_size", [16, "auto"])
@pytest.mark.parametrize(("n_colour", "channels"), [(3, 1), (4, 3)])
def test_more_than_half_decide(archive, n_colour, channels, image_size):
    images = load(archive(n_colour, 3), image_size=image_size).images
    assert images.shape[3:] == ((3,) if channels == 3 else ())


def test_what_is_no_picture_counts_as_grey(archive, write_dicom):
    folder = archive(3, 0)
    for number in range(3):
        write_dicom(f"archive/{number}", coloured(), InstanceNumber=number)
    assert load(folder).images.ndim == 3
    (folder / "2").unlink()
    assert load(folder).images.ndim == 4


def test_damaged_files_do_not_count(archive):
    folder = archive(2, 1)
    for number in range(3):
        whole = (folder / "c0.png").read_bytes()
        (folder / f"d{number}.png").write_bytes(whole[:80])
    assert load(folder).images.ndim == 4


def test_at_most_a_thousand_are_looked_at(archive, monkeypatch):
    monkeypatch.setattr("skdeepcluster.archive._colour._SAMPLE", 3)
    folder = archive(1, 8)
    for number in range(3):  # three of the twelve, yet two of those looked at
        Image.fromarray(coloured()).save(folder / f"h{number}.png")
    assert load(folder).images.ndim == 4


def test_a_store_keeps_what_was_decided(archive, tmp_path):
    folder = archive(2, 1)
    assert load(folder, tmp_path / "store").images.ndim == 4
    folder = archive(2, 9)
    assert load(folder, tmp_path / "store").images.ndim == 4
    assert load(folder, tmp_path / "another").images.ndim == 3
    assert load(folder, tmp_path / "store", channels=1).images.ndim == 3
    assert load(archive(30, 9), tmp_path / "store").images.ndim == 3


def test_so_does_one_that_was_interrupted(archive, tmp_path):
    def interrupt(stage, done, total):
        if stage == "pixels" and done == total:
            raise KeyboardInterrupt

    folder = archive(2, 1)
    with pytest.raises(KeyboardInterrupt):
        load(folder, tmp_path / "store", progress=interrupt)
    assert kept_channels(tmp_path / "store") == 3
    assert load(archive(2, 9), tmp_path / "store").images.ndim == 4


def test_a_reader_has_to_be_told():
    with pytest.raises(ValueError, match="channels='auto' is neither 1 nor 3"):
        ImageReader(channels="auto").fit([])
