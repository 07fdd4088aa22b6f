import numpy as np
import pandas as pd
import pytest
from PIL import Image

from skdeepcluster.archive import _decode, load_archive
from skdeepcluster.archive._gather import gather
from skdeepcluster.archive._held import sources_of

HOW = {
    "image_size": 16,
    "channels": 1,
    "frames": "first",
    "window": "series",
    "on_error": "skip",
    "path_key": None,
    "n_jobs": 1,
    "timeout": 30,
    "max_memory": 4,
    "progress": None,
}


def save(folder, *names, dtype=np.uint8, brightness=1):
    folder.mkdir(exist_ok=True)
    image = np.arange(600, dtype=dtype).reshape(20, 30) * dtype(brightness)
    for name in names:
        Image.fromarray(image).save(folder / name, "PNG")


@pytest.fixture
def archive(tmp_path):
    save(tmp_path / "archive", "a", "c")
    return tmp_path / "archive"


def new_of(archive, before, source=0, **how):
    return gather(archive, None, index=before.index, source=source, **HOW | how)


def paths(archive):
    return archive.index["path"].tolist()


@pytest.mark.parametrize("frames", ["first", "all"])
def test_only_what_is_new_is_decoded(archive, frames, monkeypatch):
    before = load_archive(archive, image_size=16, n_jobs=1, frames=frames)
    save(archive, "b", "d")
    added = []
    add = _decode.Store.add

    def noted(self, file, images):
        images = list(images)
        added.extend(images)
        add(self, file, images)

    monkeypatch.setattr(_decode.Store, "add", noted)
    new, held = new_of(archive, before, frames=frames)
    assert paths(new) == ["b", "d"]
    assert new.images.shape == (2, 16, 16)
    assert len(added) == 2
    assert (held.source, held.n_changed, len(held.files)) == (0, 0, 2)


def test_a_file_that_has_changed_is_held_all_the_same(archive):
    before = load_archive(archive, image_size=16, n_jobs=1)
    save(archive, "a", brightness=2)
    new, held = new_of(archive, before)
    assert new.images.shape == (0, 16, 16)
    assert len(new.index) == 0
    assert held.n_changed == 1


def test_another_folder_with_the_same_names_holds_nothing(archive, tmp_path):
    before = load_archive(archive, image_size=16, n_jobs=1)
    save(tmp_path / "other", "a", "c")
    for source in (None, 1):
        new, held = new_of(tmp_path / "other", before, source)
        assert paths(new) == ["a", "c"]
        assert held.source == source


def test_a_renamed_folder_is_recognised_by_its_files(archive, tmp_path):
    before = load_archive(archive, image_size=16, n_jobs=1)
    before.index["source"] = 3
    archive.rename(tmp_path / "moved")
    save(tmp_path / "moved", "d")
    new, held = new_of(tmp_path / "moved", before, None)
    assert paths(new) == ["d"]
    assert held.source == 3


def test_images_of_a_known_group_take_its_window(archive):
    save(archive, "deep", dtype=np.uint16)
    before = load_archive(archive, image_size=16, n_jobs=1)
    save(archive, "deeper", dtype=np.uint16, brightness=20)
    new, _ = new_of(archive, before)
    (row,) = before.index.index[before.index["path"] == "deep"]
    for end in ("black", "white"):
        assert new.index[end].tolist() == [before.index[end][row]]


def test_a_picture_that_became_a_series(archive, write_dicom):
    before = load_archive(archive, image_size=16, n_jobs=1)
    for name in ("a", "x", "y"):
        pixels = np.ones((20, 30), np.uint16)
        write_dicom(f"archive/{name}", pixels, SeriesInstanceUID="1.2")
    new, _ = new_of(archive, before)
    assert paths(new) == ["x", "y"]
    assert new.index["series"].tolist() == [0, 0]


def test_which_folder_a_row_is_of():
    assert sources_of(pd.DataFrame({"path": ["a", "b"]})).tolist() == [0, 0]
    assert sources_of(pd.DataFrame({"source": [2, 1]})).tolist() == [2, 1]


@pytest.fixture
def cine(write_dicom):
    """Write a time of one place, and give its name."""

    def write(time, name=None, brightness=1, series="5"):
        name = name or f"IM{time}"
        pixels = np.arange(600, dtype=np.uint16).reshape(20, 30) * brightness
        write_dicom(
            f"archive/{name}",
            pixels,
            SeriesInstanceUID=f"1.2.{series}",
            ImagePositionPatient=[0, 0, 0],
            TriggerTime=30 * time,
        )
        return name

    return write


@pytest.mark.parametrize("frames", ["first", "middle"])
def test_other_times_of_a_place_that_is_held_add_nothing(cine, tmp_path, frames):
    archive = tmp_path / "archive"
    for time in (4, 5, 6):
        cine(time)
    before = load_archive(archive, image_size=16, n_jobs=1, frames=frames)
    for time in (1, 2, 7, 8, 9):
        cine(time)
    assert len(before.index) == 1
    new, _ = new_of(archive, before, frames=frames)
    assert paths(new) == []
    for path in archive.iterdir():  # as if they came from a backup
        path.touch()
    new, _ = new_of(archive, before, frames=frames)
    assert paths(new) == []


def test_a_file_of_another_series_now_lends_it_no_number(cine, tmp_path):
    archive = tmp_path / "archive"
    cine(0, "a", series="1")
    cine(1, "b", series="1")
    before = load_archive(archive, image_size=16, n_jobs=1, frames="all")
    assert before.index["series"].tolist() == [0, 0]
    cine(1, "b", brightness=3, series="2")
    cine(2, "c", series="1")
    cine(2, "d", brightness=2, series="2")
    new, _ = new_of(archive, before, frames="all")
    assert paths(new) == ["c", "d"]
    assert new.index["series"].tolist() == [0, 1]
