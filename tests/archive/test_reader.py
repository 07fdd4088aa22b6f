import pickle

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from skdeepcluster import DeepClusterCategorizer, ImageReader
from skdeepcluster.archive import UnreadableFileError, load_archive


@pytest.fixture
def paths(tmp_path, digits, write_dicom):
    """Sixty pictures, the last of which is a DICOM file."""
    found = [str(tmp_path / f"{number:02}.png") for number in range(59)]
    for path, image in zip(found, digits[0], strict=False):
        Image.fromarray(image * 15).save(path)
    return [*found, str(write_dicom("last", digits[0][59].astype(np.uint16)))]


def test_one_image_a_path(paths, digits):
    images = ImageReader(image_size=8).fit_transform(paths)
    assert images.shape == (60, 8, 8)
    assert images.dtype == np.uint8
    flat = [image.ravel() for image in digits[0][:60]]
    for image, digit in zip(images, flat, strict=True):
        assert np.corrcoef(image.ravel(), digit)[0, 1] > 0.98
    assert ImageReader(16, channels=3).transform(paths).shape == (60, 16, 16, 3)


def test_the_same_as_load_archive(paths, tmp_path):
    archive = load_archive(tmp_path, image_size=20, window="image", n_jobs=1)
    images = ImageReader(20).transform(paths)
    np.testing.assert_array_equal(archive.images, images)
    np.testing.assert_array_equal(ImageReader(20, n_jobs=2).transform(paths), images)


def test_in_a_pipeline(paths):
    steps = DeepClusterCategorizer(
        5, backbone="small_cnn", n_epochs=1, batch_size=16, random_state=0
    )
    pipeline = make_pipeline(ImageReader(image_size=32), steps)
    labels = pipeline.fit_predict(paths)
    assert labels.shape == (60,)
    np.testing.assert_array_equal(pipeline.predict(paths), labels)
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.predict(np.array(paths)), labels)
    clone(pipeline)


@pytest.mark.parametrize(("frames", "time"), [("first", 0), ("middle", 1)])
def test_the_middle_slice_at_a_time(frames, time, tmp_path):
    values = np.zeros((4, 4, 5, 3), np.int16)
    values[:] = np.arange(5)[:, None] * 10 + np.arange(3)
    nib.save(nib.Nifti1Image(values, np.diag([1, 1, 3, 1])), tmp_path / "a.nii")
    reader = ImageReader(8, frames=frames, window=None)
    images = reader.transform([tmp_path / "a.nii"])
    assert images.dtype == np.float32
    assert images[0, 4, 4] == 20 + time


def test_fixed_window(paths):
    images = ImageReader(8, window=(0, 120)).transform(paths)
    assert set(np.unique(images)) <= set(range(256))
    assert images.max() == 255


def test_files_that_cannot_be_read(paths, tmp_path):
    (tmp_path / "bad name").write_text("x")
    some = [paths[0], str(tmp_path / "bad name"), str(tmp_path / "gone")]
    with pytest.raises(UnreadableFileError, match="A text") as error:
        ImageReader(8).transform(some)
    assert error.value.path == some[1]
    assert "bad name" not in str(error.value)
    assert pickle.loads(pickle.dumps(error.value)).path == some[1]
    reader = ImageReader(8, on_error="blank")
    with pytest.warns(
        UserWarning, match="2 of 3 files give no image.* row 1, 2"
    ) as all_:
        images = reader.transform(some)
    assert len(all_) == 1
    assert images[0].any()
    assert not images[1:].any()


def test_a_file_that_runs_over_gives_no_image(paths, write_slow_dicom):
    expected = ImageReader(8).transform(paths)
    slow = str(write_slow_dicom("slow"))
    reader = ImageReader(8, timeout=1, on_error="blank")
    with pytest.warns(UserWarning, match="1 of 61 files give no image"):
        images = reader.transform([*paths[:30], slow, *paths[30:]])
    assert not images[30].any()
    np.testing.assert_array_equal(np.delete(images, 30, 0), expected)
    with pytest.raises(UnreadableFileError, match="more than 1 s") as error:
        ImageReader(8, timeout=1).transform([slow])
    assert error.value.kind == "too slow"


def test_relative_paths_after_a_change_of_folder(paths, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = ImageReader(8).transform(["00.png"])
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    np.testing.assert_array_equal(ImageReader(8).transform(["../00.png"]), first)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": "series"}, "depends on other files"),
        ({"frames": "all"}, "one image here"),
        ({"on_error": "skip"}, "on_error='skip'"),
        ({"image_size": 3}, "image_size=3"),
        ({"timeout": -1}, "timeout=-1"),
        ({"max_memory": "4"}, "max_memory='4'"),
    ],
)
def test_parameters(options, message, paths):
    with pytest.raises(ValueError, match=message):
        ImageReader(**options).fit(paths)


@pytest.mark.parametrize("X", ["a.png", [1, 2], None])
def test_what_is_no_list_of_paths(X):
    with pytest.raises(ValueError, match=r"list of paths"):
        ImageReader().fit(X)


def test_tags():
    tags = get_tags(ImageReader())
    assert tags.requires_fit  # to choose the size
    assert not get_tags(ImageReader(image_size=64)).requires_fit
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array


def test_the_size_follows_from_the_files_of_the_fit(tmp_path):
    for number, size in enumerate([(128, 100), (100, 128), (8, 8)]):
        Image.new("L", size, 100).save(tmp_path / f"{number}.png")
    (tmp_path / "text.png").write_text("no picture")
    paths = sorted(str(path) for path in tmp_path.iterdir())
    reader = ImageReader(on_error="blank").fit(paths)
    assert reader.image_size_ == 128
    assert reader.transform(paths[2:3]).shape == (1, 128, 128)
    assert ImageReader().fit_transform(paths[2:3]).shape == (1, 64, 64)
    with pytest.raises(NotFittedError):
        ImageReader().transform(paths[:1])
    with pytest.raises(ValueError, match="neither 'auto' nor a whole number"):
        ImageReader(image_size="large").fit(paths)
