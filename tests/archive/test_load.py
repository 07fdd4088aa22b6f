import json
import logging
import os
import stat
import subprocess
import sys
import threading
import traceback

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest
from filelock import FileLock
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from skdeepcluster._reader_options import Options
from skdeepcluster.archive import (
    UnreadableFileError,
    _decode,
    _store,
    _tasks,
    load_archive,
)
from skdeepcluster.archive._file import Unreadable
from skdeepcluster.archive._find import Files
from skdeepcluster.archive._options import Limits
from skdeepcluster.archive._scan import File


def load(folder, store=None, **options):
    return load_archive(folder, store, **{"image_size": 16, "n_jobs": 1} | options)


@pytest.fixture
def cine(tmp_path, write_dicom):
    """Three slices at four times, in no order; the image of slice z at time t is
    10 z + t."""
    shuffled = np.random.default_rng(0).permutation(12)
    for number, place in enumerate(shuffled):
        z, t = divmod(int(place), 4)
        write_dicom(
            f"archive/{number:02}",
            np.full((20, 30), 10 * z + t, np.uint16),
            ImagePositionPatient=[0, 0, 8 * z],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            TriggerTime=31 * t,
            InstanceNumber=place,
        )
    return tmp_path / "archive"


@pytest.fixture
def messy(cine, picture):
    """The same among others, and among what is no image."""
    Image.fromarray(picture).save(cine / "picture.png")
    Image.fromarray(picture.astype(np.uint16) * 4).save(cine / "deep.png")
    volume = np.arange(6 * 5 * 4 * 2, dtype=np.int16).reshape(6, 5, 4, 2)
    (cine / "sub dir").mkdir()
    nib.save(nib.Nifti1Image(volume, np.eye(4)), cine / "sub dir" / "volume.nii.gz")
    (cine / "notes.txt").write_text("no image")
    (cine / "empty").write_bytes(b"")
    (cine / ".hidden").write_bytes(b"")
    return cine


def centres(archive):
    """Of the images of the cine: what each was made of."""
    return sorted(int(value) for value in archive.images[:, 8, 8])


def test_first_middle_and_all_times(cine):
    assert centres(load(cine, window=None)) == [0, 10, 20]
    assert centres(load(cine, window=None, frames="middle")) == [2, 12, 22]
    assert len(load(cine, frames="all").images) == 12


def test_what_is_returned(messy):
    archive = load(messy)
    assert archive.images.shape == (9, 16, 16)
    assert archive.images.dtype == np.uint8
    assert not isinstance(archive.images, np.memmap)
    assert archive.n_files == 18
    index = archive.index
    assert index["path"].tolist() == sorted(index["path"])
    volume = index[index["path"] == "sub dir/volume.nii.gz"]
    assert volume["slice"].tolist() == [0, 1, 2, 3]
    assert volume["frame"].tolist() == [0] * 4
    series = index.groupby("series")["path"].nunique()
    assert series.tolist() == [3, 1]
    assert index[index["path"] == "picture.png"]["series"].isna().all()
    assert archive.skipped.to_dict("list") == {
        "path": [".hidden", "empty", "notes.txt"],
        "kind": ["hidden", "damaged", "not an image"],
        "reason": ["A hidden file.", "The file is empty.", "A text."],
    }


def test_windows(messy):
    index = load(messy).index.set_index("path")
    cine = index[index["series"] == 0]
    assert (cine["black"] == 0).all()  # of the three images that are read
    assert (cine["white"] == 20).all()
    assert index.loc["picture.png", "white"] == 255
    assert 600 < index.loc["deep.png", "white"] < 1020
    of_image = load(messy, window="image").index.set_index("path")
    assert of_image.loc["picture.png", "white"] < 255
    fixed = load(messy, window=(5, 15))
    assert (
        fixed.images[(fixed.index["series"] == 0).fillna(False).to_numpy(bool)].max()
        == 255
    )
    assert (fixed.index["black"] == 5).all()
    values = load(messy, window=None)
    assert values.images.dtype == np.float32
    assert values.index["black"].isna().all()


def test_padding_is_black(cine):
    image = load(cine).images[-1]
    assert (image[:2] == 0).all()
    assert (image[-2:] == 0).all()


def test_three_channels(messy):
    assert load(messy, channels=3).images.shape == (9, 16, 16, 3)


def test_a_store_is_mapped_and_gives_the_same(messy, tmp_path):
    stored, loose = load(messy, tmp_path / "store"), load(messy)
    assert isinstance(stored.images, np.memmap)
    np.testing.assert_array_equal(stored.images, loose.images)
    found = {path.name for path in (tmp_path / "store").iterdir()}
    assert found - {".lock"} == {"images.npy", "index.csv", "skipped.csv"}
    again = pd.read_csv(tmp_path / "store" / "index.csv")
    assert again["path"].tolist() == loose.index["path"].tolist()
    assert list(again) == list(loose.index)


@pytest.fixture
def decoded(monkeypatch):
    """The names of files whose pixels are decoded, once for each image."""
    names = []
    in_parallel = _decode.in_parallel

    def watched(*args):
        for item, got in in_parallel(*args):
            if not isinstance(got, Unreadable):
                names.extend([os.path.basename(item.path)] * len(got.images))
            yield item, got

    monkeypatch.setattr(_decode, "in_parallel", watched)
    return names


@pytest.mark.parametrize("frames", ["first", "all"])
@pytest.mark.parametrize("window", ["series", None])
def test_a_rerun_decodes_nothing(frames, window, messy, tmp_path, decoded):
    options = {"frames": frames, "window": window}
    first = load(messy, tmp_path / "store", **options)
    assert decoded
    decoded.clear()
    again = load(messy, tmp_path / "store", **options)
    assert decoded == []
    np.testing.assert_array_equal(first.images, again.images)
    pd.testing.assert_frame_equal(first.index, again.index)


def same_as_a_fresh_store(messy, tmp_path, **options):
    kept = load(messy, tmp_path / "store", **options)
    fresh = load(messy, tmp_path / "fresh", **options)
    np.testing.assert_array_equal(kept.images, fresh.images)
    pd.testing.assert_frame_equal(kept.index, fresh.index)


@pytest.mark.parametrize("frames", ["first", "all"])
def test_only_what_changed_is_decoded(
    frames, messy, tmp_path, decoded, picture, write_dicom
):
    load(messy, tmp_path / "store", frames=frames)
    decoded.clear()
    Image.fromarray(picture.T).save(messy / "new.png")
    load(messy, tmp_path / "store", frames=frames)
    assert decoded == ["new.png"]

    decoded.clear()  # an earlier phase of the first slice
    write_dicom(
        "archive/00new",
        np.full((20, 30), 99, np.uint16),
        ImagePositionPatient=[0, 0, 0],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        TriggerTime=-1,
    )
    load(messy, tmp_path / "store", frames=frames)
    assert len(set(decoded)) == len(decoded) == (3 if frames == "first" else 13)
    assert "00new" in decoded
    same_as_a_fresh_store(messy, tmp_path, frames=frames)


def test_files_that_vanish(messy, tmp_path):
    first = load(messy, tmp_path / "store")
    os.remove(messy / first.index["path"][0])
    os.remove(messy / "picture.png")
    same_as_a_fresh_store(messy, tmp_path)


def test_other_settings_on_the_same_store(messy, tmp_path):
    load(messy, tmp_path / "store")
    for options in ({"image_size": 24}, {"window": None}, {"channels": 3}):
        images = load(messy, tmp_path / "store", **options).images
        np.testing.assert_array_equal(images, load(messy, **options).images)


def test_when_a_phase_is_damaged_the_next_one_is_read(cine):
    first = load(cine, window=None)
    path = cine / first.index["path"][0]
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    archive = load(cine, window=None)
    assert archive.skipped["kind"].tolist() == ["damaged"]
    assert len(archive.images) == 3
    assert sum(centres(archive)) == 31  # one of 0, 10 and 20 is the next


def test_a_phase_whose_pixels_cannot_be_decoded(cine):
    first = load(cine, window=None).index["path"][0]
    data = pydicom.dcmread(cine / first)
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    data.PixelData = encapsulate([b"\xff\xd8 no picture"])
    data["PixelData"].is_undefined_length = True
    data.save_as(cine / first)
    for frames in ("first", "all"):
        archive = load(cine, window=None, frames=frames)
        assert archive.skipped["reason"].tolist() == [
            "Its header says that it has no pixels."
        ]
        assert len(archive.images) == (3 if frames == "first" else 11)


KILLED = """
import os, sys
from skdeepcluster.archive import load_archive
count = 0
def progress(stage, done, total):
    global count
    count += stage == sys.argv[3]
    if count == 4:
        os._exit(9)
load_archive(sys.argv[1], sys.argv[2], image_size=16, n_jobs=1, frames=sys.argv[4],
             progress=progress)
"""


@pytest.mark.parametrize(("stage", "frames"), [("headers", "all"), ("pixels", "first")])
def test_an_interrupted_run_goes_on(stage, frames, messy, tmp_path, decoded):
    arguments = [str(messy), str(tmp_path / "store"), stage, frames]
    run = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False)
    assert run.returncode == 9
    load(messy, tmp_path / "store", frames=frames)
    n_images = len(load(messy, frames=frames).images)
    n_before = len(decoded) - n_images
    assert 0 < n_before < n_images
    same_as_a_fresh_store(messy, tmp_path, frames=frames)


@pytest.mark.parametrize("name", ["images.npy.unfinished", "index.csv.1.unfinished"])
def test_what_a_killed_run_was_writing_is_removed(name, messy, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / name).write_bytes(b"half")
    load(messy, tmp_path / "store")
    assert not (tmp_path / "store" / name).exists()


def test_an_error_while_writing_leaves_the_store_as_it_was(
    messy, tmp_path, monkeypatch, decoded
):
    first = load(messy, tmp_path / "store")
    with monkeypatch.context() as patch:
        patch.setattr(_store, "with_window", None)
        with pytest.raises(TypeError):
            load(messy, tmp_path / "store", window=(0, 10))
    found = {path.name for path in (tmp_path / "store").iterdir()}
    assert not [name for name in found if name.endswith(".unfinished")]
    decoded.clear()
    again = load(messy, tmp_path / "store")
    assert decoded == []
    np.testing.assert_array_equal(first.images, again.images)


def test_a_store_in_use_is_refused(messy, tmp_path):
    def progress(stage, done, total):
        with pytest.raises(ValueError, match="Another run is writing"):
            load(messy, tmp_path / "store")

    load(messy, tmp_path / "store", progress=progress)


@pytest.mark.parametrize("name", ["index.csv", "images.npy"])
@pytest.mark.parametrize("content", [b"", b"path,series\na,0\n", b"\x93NUMPY\x01\x00"])
def test_a_spoilt_store_is_made_anew(name, content, messy, tmp_path):
    load(messy, tmp_path / "store")
    (tmp_path / "store" / name).write_bytes(content)
    same_as_a_fresh_store(messy, tmp_path)


@pytest.mark.parametrize("text", ["JOHN DOE spoilt\n", "a b\n", "\0\n", "é x 1.5\n"])
def test_a_spoilt_journal_is_left_aside(text, messy, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "unfinished-16-1.rows").write_text(text)
    (tmp_path / "store" / "unfinished-16-1.values").write_bytes(b"\0" * 4096)
    same_as_a_fresh_store(messy, tmp_path)


def test_files_of_others_are_not_overwritten(messy, tmp_path):
    (tmp_path / "index.csv").write_text("mine")
    (tmp_path / ".lock").touch()  # results of an array file have it, too
    with pytest.raises(ValueError, match="not of a store"):
        load(messy, tmp_path)
    with pytest.raises(ValueError, match="are the same"):
        load(messy, messy)


def test_a_file_that_is_replaced_by_one_as_large_and_as_old(tmp_path, picture):
    (tmp_path / "archive").mkdir()
    for value in (10, 200):
        Image.new("L", (8, 8), value).save(tmp_path / "archive" / "a.tif")
        os.utime(tmp_path / "archive" / "a.tif", (1, 1))
        images = load(tmp_path / "archive", tmp_path / "store").images
        assert (images == value).all()


def test_a_pair_whose_pixels_change(tmp_path):
    (tmp_path / "archive").mkdir()
    pixels = tmp_path / "archive" / "a.img"
    nib.Nifti1Pair(np.zeros((8, 8, 2), np.int16), None).to_filename(pixels)
    for value in (1, 2):
        pixels.write_bytes(np.full((8, 8, 2), value, np.int16).tobytes())
        images = load(tmp_path / "archive", tmp_path / "store", window=None).images
        assert (images == value).all()


@pytest.mark.parametrize("frames", ["first", "all"])
def test_more_images_than_are_decoded_at_once(frames, tmp_path):
    values = np.arange(4 * 4 * 1100, dtype=np.int16).reshape(4, 4, 1100)
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "many.nii")
    images = load(tmp_path, window=None, frames=frames).images
    np.testing.assert_array_equal(images.mean((1, 2)), values.mean((0, 1)))


def test_larger_images_than_are_decoded_at_once(tmp_path):
    pages = [Image.new("1", (6000, 6000), page % 2) for page in range(3)]
    path = tmp_path / "large.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:], compression="group4")
    images = load(tmp_path, window=None, frames="all").images
    assert images.mean((1, 2)).tolist() == [0, 255, 0]


def test_processes_give_the_same(messy, tmp_path):
    alone, together = load(messy), load(messy, n_jobs=2)
    np.testing.assert_array_equal(alone.images, together.images)
    pd.testing.assert_frame_equal(alone.index, together.index)
    pd.testing.assert_frame_equal(alone.skipped, together.skipped)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("frames", ["first", "all"])
def test_files_that_run_over_are_skipped(
    frames, n_jobs, cine, tmp_path, write_slow_dicom, write_dicom
):
    expected = load(cine, frames=frames)
    write_slow_dicom("archive/05 slow")
    large = np.zeros((1, 8000, 8000), np.uint16)
    path = write_dicom("archive/07 large", large)
    limits = {"timeout": 1, "max_memory": 0.25}
    found = load(cine, tmp_path / "store", frames=frames, n_jobs=n_jobs, **limits)
    np.testing.assert_array_equal(found.images, expected.images)
    assert found.skipped.to_dict("list") == {
        "path": ["05 slow", "07 large"],
        "kind": ["too slow", "too large"],
        "reason": [
            "It took more than 1 s (timeout).",
            "It took more than 0.25 GiB (max_memory).",
        ],
    }
    with pytest.raises(UnreadableFileError, match="more than 1 s") as error:
        load(cine, on_error="raise", **limits | {"max_memory": 4})
    assert error.value.path == "05 slow"
    path.unlink()


def test_relative_paths_after_a_change_of_folder(cine, monkeypatch):
    """Workers that are kept may be in another one."""
    monkeypatch.chdir(cine)
    load(".")
    monkeypatch.chdir(cine.parent)
    assert len(load("archive").images) == 3


def test_a_store_within_the_folder_is_not_read(messy):
    first = load(messy, messy / "store")
    again = load(messy, messy / "store")
    assert len(first.images) == len(again.images)


def test_strict(messy):
    with pytest.raises(UnreadableFileError, match="The file is empty") as error:
        load(messy, on_error="raise")
    assert error.value.path == "empty"
    assert "'skip'" in str(error.value)
    (messy / "empty").unlink()
    (messy / "to-a-folder").symlink_to(messy / "sub dir")
    assert len(load(messy, on_error="raise").images) == 9
    (messy / "to-nowhere").symlink_to(messy / "gone")
    with pytest.raises(UnreadableFileError, match="link to nowhere"):
        load(messy, on_error="raise")


def test_parts_of_a_file_are_apart():
    wanted = [_tasks.Wanted(number, "", [], False) for number in (0, 1, 1, 2, 2, 3)]
    chunks = [[w.number for w in chunk] for chunk in _decode._chunks(wanted, 9)]
    assert chunks == [[0, 1], [1, 2], [2, 3]]


def test_a_part_that_is_damaged_is_enough(tmp_path, monkeypatch):
    calls = []

    def parts(task, chunks, n_jobs, limits):
        for (item,) in chunks:
            calls.append(item.number)
            problem = Unreadable("too slow", "") if item.number == 1 else None
            yield item, problem or _tasks.Got([], [])

    monkeypatch.setattr(_decode, "in_parallel", parts)
    told = []
    kept = [File(str(number), "") for number in range(3)]
    files = Files(tmp_path, kept, ["0", "1", "2"], [], {})
    options = Options(16, 1, "all", "series")
    progress = lambda *what: told.append(what[1:])  # noqa: E731
    reading = _decode.Reading(files, None, options, "skip", 1, Limits(), progress)
    wanted = [_tasks.Wanted(n, "", [], False) for n in (0, 0, 1, 1, 1, 2)]
    _, problems = reading._read("pixels", wanted)
    assert calls == [0, 0, 1, 1, 2]  # one is under way when another fails
    assert list(problems) == [1]
    assert told == [(0, 3), (1, 3), (2, 3), (2, 3), (3, 3)]


def test_two_runs_that_share_a_key_wait_for_each_other(messy, tmp_path):
    key = tmp_path / "key.csv"
    thread = threading.Thread(target=load, args=(messy,), kwargs={"path_key": key})
    with FileLock(tmp_path / ".key.csv.lock"):
        thread.start()
        thread.join(1)
        assert thread.is_alive()
        assert not key.exists()
    thread.join()
    assert key.exists()


def test_numbers_for_paths(messy, tmp_path):
    key, store = tmp_path / "key.csv", tmp_path / "store"
    archive = load(messy, store, path_key=key)
    paths = pd.read_csv(key, dtype=str).set_index("number")["path"]
    plain = load(messy)
    assert [paths[name] for name in archive.index["path"]] == plain.index[
        "path"
    ].tolist()
    assert [paths[name] for name in archive.skipped["path"]] == plain.skipped[
        "path"
    ].tolist()
    for file in ("index.csv", "skipped.csv"):
        assert "volume" not in (store / file).read_text()
    (messy / "0000 comes first.txt").write_text("x")
    again = load(messy, store, path_key=key)
    assert again.index["path"].tolist() == archive.index["path"].tolist()
    assert "0000019" in again.skipped["path"].tolist()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    (tmp_path / "other.csv").write_text("")  # as mktemp makes it
    load(messy, path_key=tmp_path / "other.csv")
    assert len((tmp_path / "other.csv").read_text().splitlines()) == 20


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a,b\n1,2\n", "exists already"),
        ('number,path\n1,"a', "exists already"),
        ("number,path\n1,a\n1,b\n", "spoilt"),
        ("number,path\nx,a\n", "spoilt"),
    ],
)
def test_keys_that_are_none(content, problem, messy, tmp_path):
    (tmp_path / "key.csv").write_text(content)
    with pytest.raises(ValueError, match=f"path_key=.*{problem}"):
        load(messy, path_key=tmp_path / "key.csv")


def test_awkward_names(tmp_path, picture):
    names = ['<b>"quoted"\nand, broken', "=cmd()", "ünïcödé", "a\rb", "NA", "01"]
    names.append(os.fsdecode(b"\xff\xfe"))
    (tmp_path / "archive").mkdir()
    for name in names:
        Image.fromarray(picture).save(tmp_path / "archive" / name, "PNG")
    first = load(tmp_path / "archive", tmp_path / "store")
    assert sorted(first.index["path"]) == sorted(names)
    again = load(tmp_path / "archive", tmp_path / "store")
    pd.testing.assert_frame_equal(first.index, again.index)
    key = tmp_path / "key.csv"
    for _ in range(2):
        numbered = load(tmp_path / "archive", path_key=key)
        assert numbered.index["path"].is_unique


def test_progress(messy):
    told = []
    load(messy, progress=lambda *what: told.append(what))
    assert {stage for stage, _, _ in told} == {"headers", "pixels"}
    assert told[-1][1] == told[-1][2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 0}, "image_size=0"),
        ({"image_size": "64"}, "image_size='64'"),
        ({"image_size": True}, "image_size=True"),
        ({"channels": 2}, "channels=2"),
        ({"frames": "last"}, "frames='last'"),
        ({"frames": ["first"]}, "frames="),
        ({"window": "auto"}, "window='auto'"),
        ({"window": (5, 5)}, "window="),
        ({"window": (1, 2, 3)}, "window="),
        ({"window": (0, np.nan)}, "window="),
        ({"window": (0, np.inf)}, "window="),
        ({"window": {0: 1, 1: 2}}, "window="),
        ({"frames": np.array(["first"])}, "frames="),
        ({"channels": 1.0}, "channels="),
        ({"on_error": "ignore"}, "on_error='ignore'"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"timeout": 0}, "timeout=0"),
        ({"timeout": np.nan}, "timeout=nan"),
        ({"timeout": None}, "timeout=None"),
        ({"max_memory": 0.1}, "max_memory=0.1"),
        ({"max_memory": 2**32}, "max_memory=4294967296 is not a number of GiB"),
    ],
)
def test_parameters(options, message, messy):
    with pytest.raises(ValueError, match=message):
        load(messy, **options)


def test_parameters_of_numpy(messy):
    options = {"image_size": np.int64(16), "window": np.array([0, 20])}
    assert load(messy, **options).index["white"].eq(20).all()


def test_nothing_to_read(tmp_path):
    with pytest.raises(NotADirectoryError):
        load(tmp_path / "gone")
    (tmp_path / "archive").mkdir()
    with pytest.raises(ValueError, match=r"holds no image .* \(it is empty\)"):
        load(tmp_path / "archive")
    (tmp_path / "archive" / "a.txt").write_text("x")
    with pytest.raises(ValueError, match="1 not an image"):
        load(tmp_path / "archive", tmp_path / "store")
    skipped = pd.read_csv(tmp_path / "store" / "skipped.csv")
    assert skipped["path"].tolist() == ["a.txt"]


SECRETS = [b"Doe", b"Jane", b"SECRET", b"20010203"]


def test_nothing_of_a_header_is_kept_or_said(
    messy, tmp_path, write_dicom, caplog, capfd
):
    caplog.set_level(logging.DEBUG)
    image = np.ones((20, 30), np.uint16)
    tags = {"PatientID": "SECRET1", "SeriesDescription": "<b>SECRET2"}
    write_dicom("archive/good", image, ImageType=["SECRET3", "X"], **tags)
    write_dicom("archive/bad", image, Rows=500, **tags)
    for frames in ("all", "first"):
        archive = load(messy, tmp_path / "store", frames=frames, n_jobs=2)
    with pytest.raises(UnreadableFileError) as error:
        load(messy, on_error="raise")
    said = "".join(traceback.format_exception(error.value))
    said += json.dumps([archive.index.to_csv(), archive.skipped.to_csv()])
    out, err = capfd.readouterr()
    said += out + err + caplog.text
    uid = archive_uid(messy)
    for secret in [*SECRETS, uid]:
        assert secret.decode() not in said
        for path in (tmp_path / "store").iterdir():
            assert secret not in path.read_bytes()


def archive_uid(folder):
    return pydicom.dcmread(folder / "00").SeriesInstanceUID.encode()


def test_archive_imports_no_torch():
    code = "import sys, skdeepcluster.archive; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("frames", ["first", "all"])
@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([(60, 40)] * 3, 64), ([(128, 90)] * 3, 128), ([(400, 9), (20, 20), (95, 3)], 64)],
)
def test_images_are_read_at_a_size_that_follows_from_theirs(
    frames, sizes, expected, tmp_path
):
    for number, size in enumerate(sizes):
        Image.new("L", size, 90 + number).save(tmp_path / f"{number}.png")
    kept = load_archive(tmp_path, frames=frames, n_jobs=1)
    assert kept.images.shape == (3, expected, expected)
    given = load_archive(tmp_path, image_size=expected, frames=frames, n_jobs=1)
    np.testing.assert_array_equal(kept.images, given.images)
    pd.testing.assert_frame_equal(kept.index, given.index)


def test_a_store_is_found_again_whatever_size_it_chose(tmp_path):
    folder, store = tmp_path / "in", tmp_path / "store"
    folder.mkdir()
    Image.new("L", (128, 128), 90).save(folder / "0.png")
    first = load_archive(folder, store, n_jobs=1).images
    again = load_archive(folder, store, n_jobs=1)
    np.testing.assert_array_equal(again.images, first)
    for number in range(1, 4):
        Image.new("L", (20, 20), 90).save(folder / f"{number}.png")
    assert load_archive(folder, store, n_jobs=1).images.shape == (4, 64, 64)
