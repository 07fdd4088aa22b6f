import gzip
import itertools
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from skdeepcluster.archive._file import Address, Unreadable
from skdeepcluster.archive._formats import open_image

SHIPPED = sorted((Path(nib.__file__).parent / "tests" / "data").glob("*"))
READ = (".nii", ".nii.gz", ".mgz", ".mgh")


@pytest.fixture
def brick():
    """Right to left 6, back to front 5, feet to head 4; each voxel its own value."""
    return np.arange(6 * 5 * 4, dtype=np.int16).reshape(6, 5, 4)


def slices(path, frame=None):
    with open_image(str(path)) as file:
        return [
            file.pixels(header.address)
            for header in file.headers
            if header.address.frame == frame
        ]


def test_front_up_and_right_to_the_left(tmp_path, brick):
    nib.save(nib.Nifti1Image(brick, np.diag([1, 1, 3, 1])), tmp_path / "a.nii")
    found = slices(tmp_path / "a.nii")
    assert len(found) == 4
    # RAS: the first axis grows to the right, the second to the front.
    assert found[1].shape == (5, 6)
    assert found[1][0, 0] == brick[5, 4, 1]
    assert found[1][-1, -1] == brick[0, 0, 1]


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(), (0,), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("zooms", [(1, 1, 1), (1, 1, 3), (3, 1, 1)])
def test_no_order_of_storage_changes_the_images(axes, flips, zooms, tmp_path, brick):
    image = nib.Nifti1Image(brick, np.diag([*zooms, 1]))
    orientation = np.array([[axis, -1 if axis in flips else 1] for axis in axes])
    stored = image.as_reoriented(orientation)
    nib.save(image, tmp_path / "a.nii")
    nib.save(stored, tmp_path / "b.nii")
    expected, found = slices(tmp_path / "a.nii"), slices(tmp_path / "b.nii")
    assert len(expected) == (6 if zooms == (3, 1, 1) else 4)
    np.testing.assert_array_equal(expected, found)


@pytest.mark.parametrize("single", range(3))
def test_a_single_slice_is_one_image(single, tmp_path, brick):
    one = brick.take([0], axis=single)
    nib.save(nib.Nifti1Image(one, np.eye(4)), tmp_path / "a.nii")
    (image,) = slices(tmp_path / "a.nii")
    assert sorted(image.ravel()) == sorted(one.ravel())


@pytest.mark.parametrize("compressed", [False, True])
def test_times_and_slices_are_addressed(compressed, tmp_path, brick):
    series = np.stack([brick, brick + 1000, brick + 2000], axis=-1)
    path = tmp_path / ("a.nii.gz" if compressed else "a.nii")
    nib.save(nib.Nifti1Image(series, np.diag([1, 1, 3, 1])), path)
    with open_image(str(path)) as file:
        addresses = [header.address for header in file.headers]
        assert addresses == [Address(t, z) for t in range(3) for z in range(4)]
        assert file.pixels(Address(2, 3))[0, 0] == brick[5, 4, 3] + 2000
        assert file.pixels(Address(0, 1))[0, 0] == brick[5, 4, 1]


def test_two_dimensions(tmp_path, brick):
    nib.save(nib.Nifti1Image(brick[..., 0], np.eye(4)), tmp_path / "a.nii")
    (image,) = slices(tmp_path / "a.nii")
    assert image.shape == (5, 6)


def test_slope_and_intercept(tmp_path, brick):
    image = nib.Nifti1Image(brick, np.diag([1, 1, 3, 1]))
    image.header.set_slope_inter(2, -5)
    nib.save(image, tmp_path / "a.nii")
    stored = nib.load(tmp_path / "a.nii").get_fdata()
    assert slices(tmp_path / "a.nii")[0][0, 0] == stored[5, 4, 0]


def test_colour_and_complex(tmp_path):
    colour = np.zeros((4, 4, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    colour["G"] = 9
    nib.save(nib.Nifti1Image(colour, np.eye(4)), tmp_path / "a.nii")
    assert slices(tmp_path / "a.nii")[0][0, 0].tolist() == [0, 9, 0]
    values = np.full((4, 4, 2), 3 + 4j, np.complex64)
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "b.nii")
    assert slices(tmp_path / "b.nii")[0][0, 0] == 5


def test_an_affine_that_is_no_affine(tmp_path, brick):
    for number, value in enumerate((0.0, np.nan, np.inf)):
        image = nib.Nifti1Image(brick, np.eye(4))
        image.header["sform_code"] = 1
        for row in ("srow_x", "srow_y", "srow_z"):
            image.header[row] = value
        image.to_filename(tmp_path / f"{number}.nii")
        whole = bytearray((tmp_path / f"{number}.nii").read_bytes())
        whole[280:328] = np.full(12, value, np.float32).tobytes()
        (tmp_path / f"{number}.nii").write_bytes(whole)
        assert len(slices(tmp_path / f"{number}.nii")) in (4, 5, 6)


def test_by_content_and_not_by_name(tmp_path, brick):
    image = nib.Nifti1Image(brick, np.diag([1, 1, 3, 1]))
    nib.save(image, tmp_path / "a.nii")
    whole = (tmp_path / "a.nii").read_bytes()
    (tmp_path / "plain.nii.gz").write_bytes(whole)
    (tmp_path / "IM0001").write_bytes(gzip.compress(whole))
    for name in ("plain.nii.gz", "IM0001"):
        np.testing.assert_array_equal(
            slices(tmp_path / name), slices(tmp_path / "a.nii")
        )


@pytest.mark.parametrize("compressed", [False, True])
def test_a_volume_that_has_to_be_read_whole_and_is_too_large(
    compressed, tmp_path, brick, reason, monkeypatch
):
    path = tmp_path / ("a.nii.gz" if compressed else "a.nii")
    monkeypatch.setattr("skdeepcluster.archive._volume.MAX_BYTES", 900)
    image = nib.Nifti1Image(brick, np.diag([3, 1, 1, 1]))
    nib.save(image, path)
    assert len(slices(path)) == 6  # 240 bytes, as it is stored
    image.header.set_slope_inter(2, 1)
    nib.save(image, path)
    assert reason(path)[0] == "too large"  # 960 bytes of float64


def test_what_is_not_read_in_gzip_is_said_to_be(tmp_path, brick, reason, write_dicom):
    nib.Nifti1Pair(brick, None).to_filename(tmp_path / "a.hdr")
    pixels = gzip.compress((tmp_path / "a.img").read_bytes())
    (tmp_path / "a.img.gz").write_bytes(pixels)
    (tmp_path / "a.img").unlink()
    image = write_dicom("b", np.zeros((4, 4), np.uint8)).read_bytes()
    (tmp_path / "b.gz").write_bytes(gzip.compress(image))
    header = gzip.compress((tmp_path / "a.hdr").read_bytes())
    (tmp_path / "c.hdr.gz").write_bytes(header)
    for name in ("a.hdr", "b.gz", "c.hdr.gz"):
        kind, text = reason(tmp_path / name)
        assert kind == "unsupported"
        assert text.endswith("in gzip: decompress it.")


def test_more_images_than_any_file_has(tmp_path, reason):
    nib.save(
        nib.Nifti1Image(np.zeros((4, 4, 600, 600), np.uint8), None), tmp_path / "a.nii"
    )
    assert reason(tmp_path / "a.nii")[0] == "too large"


@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Nifti2Pair, nib.AnalyzeImage])
def test_pairs(kind, tmp_path, brick, reason):
    kind(brick, None).to_filename(tmp_path / "a.hdr")
    assert len(slices(tmp_path / "a.hdr")) == 4
    assert reason(tmp_path / "a.img") == (
        "not an image",
        "The pixels of the .hdr file beside it.",
    )
    (tmp_path / "a.img").unlink()
    assert "missing" in reason(tmp_path / "a.hdr")[1]


@pytest.mark.parametrize("name", ["a.mgz", "a.mgh"])
def test_mgh(name, tmp_path, brick):
    nib.MGHImage(brick.astype(np.float32), np.eye(4)).to_filename(tmp_path / name)
    assert len(slices(tmp_path / name)) == 4


@pytest.mark.parametrize("compressed", [False, True])
def test_headers_that_lie(compressed, tmp_path, brick, reason):
    nib.save(nib.Nifti1Image(brick, np.eye(4)), tmp_path / "a.nii")
    path = tmp_path / "b"

    def reason_after(place, value):
        whole = bytearray((tmp_path / "a.nii").read_bytes())
        whole[place : place + len(value)] = value
        path.write_bytes(gzip.compress(whole) if compressed else whole)
        return reason(path)[0]

    for shape in [(30000,) * 3, (0, 5, 4), (-5, 5, 4)]:
        kind = reason_after(42, np.array(shape, "<i2").tobytes())
        assert kind in ("damaged", "too large")
    where_voxels_begin = 108, np.float32(2e9).tobytes()
    assert reason_after(*where_voxels_begin) == "damaged"


def test_all_that_nibabel_ships_and_reads(read_all):
    n_read = 0
    for path in SHIPPED:
        expected = None
        if path.name.endswith(READ):
            expected = np.asanyarray(nib.load(path).dataobj)
        try:
            images = [pixels for _, pixels in read_all(path)]
        except Unreadable:
            is_matrix = path.name.endswith(".dconn.nii")  # CIFTI: 1 x 1 voxels
            assert expected is None or is_matrix, path.name
        else:
            n_read += 1
            if expected is not None:
                assert sum(image.size for image in images) == expected.size
    assert n_read >= 7
