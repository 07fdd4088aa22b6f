import warnings

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_files
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
    generate_uid,
)

from skdeepcluster.archive import _dicom
from skdeepcluster.archive._dicom_pixels import coded_size
from skdeepcluster.archive._file import Address, Unreadable
from skdeepcluster.archive._formats import open_image

RAMP = np.arange(12 * 16, dtype=np.uint16).reshape(12, 16)


def only_image(path):
    with open_image(str(path)) as file:
        (header,) = file.headers
        return file.pixels(header.address)


def compressed(path, syntax):
    data = pydicom.dcmread(path)
    data.compress(syntax)
    data.save_as(path)
    return path


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEG2000Lossless,
    ],
)
def test_transfer_syntaxes(syntax, write_dicom):
    pixels = np.tile(RAMP, (4, 4))
    if syntax == ExplicitVRBigEndian:
        path = write_dicom("a", pixels.byteswap(), syntax=syntax)
    elif syntax.is_encapsulated:
        path = compressed(write_dicom("a", pixels), syntax)
    else:
        path = write_dicom("a", pixels, syntax=syntax)
    np.testing.assert_array_equal(only_image(path), pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32])
def test_bits_and_signs(dtype, write_dicom):
    pixels = (RAMP % 200 - 100 * (np.dtype(dtype).kind == "i")).astype(dtype)
    np.testing.assert_array_equal(only_image(write_dicom("a", pixels)), pixels)


def test_one_bit(write_dicom):
    ones = (RAMP % 3 == 0).astype(np.uint8)
    tags = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    packed = pydicom.pixels.pack_bits(ones)
    path = write_dicom("a", ones, PixelData=packed, **tags)
    np.testing.assert_array_equal(only_image(path), ones)


def test_float(write_dicom):
    values = RAMP.astype(np.float32) / 7
    data = {"PixelData": None, "FloatPixelData": values.tobytes()}
    data |= {"BitsStored": None, "HighBit": None, "PixelRepresentation": None}
    np.testing.assert_array_equal(only_image(write_dicom("a", values, **data)), values)


def test_rescale_is_applied_and_window_is_not(write_dicom):
    tags = {"RescaleSlope": "2", "RescaleIntercept": "-1024"}
    tags |= {"WindowCenter": "40", "WindowWidth": "80"}
    path = write_dicom("a", RAMP, **tags)
    np.testing.assert_array_equal(only_image(path), RAMP * 2.0 - 1024)


@pytest.mark.parametrize(("dtype", "total"), [(np.uint16, 4095), (np.int16, -1)])
def test_monochrome1_is_inverted(dtype, total, write_dicom):
    pixels = RAMP.astype(dtype) - dtype(0 if total > 0 else 96)
    tags = {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": 12, "HighBit": 11}
    np.testing.assert_array_equal(
        only_image(write_dicom("a", pixels, **tags)), total - pixels.astype(float)
    )


def test_monochrome1_with_a_rescale_stays_within_its_range(write_dicom):
    tags = {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": 12, "HighBit": 11}
    tags |= {"RescaleSlope": "2", "RescaleIntercept": "-1000"}
    values = only_image(write_dicom("a", RAMP, **tags))
    np.testing.assert_array_equal(values, 2.0 * (4095 - RAMP) - 1000)


def test_modality_lut(write_dicom):
    table = Dataset()
    table.LUTDescriptor = [256, 0, 16]
    table.ModalityLUTType = "US"
    table.LUTData = (np.arange(256, dtype=np.uint16)[::-1] * 3).tobytes()
    table["LUTData"].VR = "OW"
    table["LUTDescriptor"].VR = "US"
    path = write_dicom("a", RAMP, ModalityLUTSequence=Sequence([table]))
    np.testing.assert_array_equal(only_image(path), (255 - RAMP) * 3)


def test_padding_takes_the_lowest_value(write_dicom):
    pixels = RAMP.astype(np.int16)
    pixels[:3] = -2000
    path = write_dicom("a", pixels, PixelPaddingValue=-2000)
    np.testing.assert_array_equal(only_image(path), np.maximum(pixels, RAMP[3, 0]))


@pytest.mark.parametrize(("dtype", "padding"), [(np.int16, 63536), (np.uint16, -2000)])
def test_padding_of_the_other_sign(dtype, padding, write_dicom):
    pixels = RAMP.copy()
    pixels[:3] = 63536
    path = write_dicom("a", pixels.view(dtype))
    data = pydicom.dcmread(path)
    data.add_new("PixelPaddingValue", "SS" if padding < 0 else "US", padding)
    data.save_as(path)
    np.testing.assert_array_equal(only_image(path), RAMP.clip(RAMP[3, 0]))


@pytest.mark.parametrize("bits", [8, 16])
def test_palettes_of_8_bits_in_entries_of_16(bits, write_dicom):
    entries = np.arange(256, dtype=np.uint16) * (1 if bits == 8 else 257)
    tags = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        name = f"{colour}PaletteColorLookupTable"
        tags |= {f"{name}Descriptor": [256, 0, 16], f"{name}Data": entries.tobytes()}
    pixels = (RAMP % 200).astype(np.uint8)
    values = only_image(write_dicom("a", pixels, **tags))
    np.testing.assert_allclose(values, np.stack([pixels] * 3, -1), rtol=1e-6)


def test_a_slope_of_0_is_none(write_dicom):
    path = write_dicom("a", RAMP, RescaleSlope="0", RescaleIntercept="-5")
    with open_image(str(path)) as file:
        assert file.headers[0].note == "RescaleSlope is 0: read as 1."
        np.testing.assert_array_equal(file.pixels(Address()), RAMP - 5.0)


@pytest.mark.parametrize(
    ("shape", "tags", "note"),
    [
        ((), {"PixelRepresentation": None}, "No PixelRepresentation: read as 0."),
        ((), {"BitsStored": None}, "No BitsStored: read as 16."),
        ((), {"PhotometricInterpretation": "monochrome2"}, ""),
        (
            (),
            {"PhotometricInterpretation": None},
            "No PhotometricInterpretation: read as MONOCHROME2.",
        ),
        ((3,), {"PlanarConfiguration": None}, "No PlanarConfiguration: read as 0."),
    ],
)
def test_what_a_header_leaves_out_is_assumed_and_noted(shape, tags, note, write_dicom):
    pixels = np.broadcast_to(RAMP.T, (*shape, 16, 12)).T.astype(
        np.uint8 if shape else np.uint16
    )
    with pydicom.config.disable_value_validation():
        path = write_dicom("a", np.ascontiguousarray(pixels), **tags)
    with open_image(str(path)) as file:
        assert file.headers[0].note == note
        np.testing.assert_array_equal(file.pixels(Address()), pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colour_is_between_0_and_255(dtype, write_dicom):
    top = np.iinfo(dtype).max
    pixels = np.zeros((4, 5, 3), dtype)
    pixels[..., 1] = top
    with open_image(str(write_dicom("a", pixels))) as file:
        (header,) = file.headers
        assert header.shown
        values = file.pixels(header.address)
    np.testing.assert_allclose(values[0, 0], [0, 255, 0])


def test_frames_are_addressed(write_dicom):
    stack = np.stack([RAMP, RAMP + 1000, RAMP + 2000])
    with open_image(str(write_dicom("a", stack))) as file:
        assert [header.address for header in file.headers] == [
            Address(frame=number) for number in range(3)
        ]
        for number in (2, 0, 1):
            pixels = file.pixels(Address(frame=number))
            np.testing.assert_array_equal(pixels, stack[number])


def enhanced(n_frames, **first):
    groups = []
    for number in range(n_frames):
        group, plane, line = Dataset(), Dataset(), Dataset()
        plane.ImagePositionPatient = [0, 0, 5 * (number // 2)]
        group.PlanePositionSequence = Sequence([plane])
        content = Dataset()
        content.TemporalPositionIndex = 2 - number % 2
        group.FrameContentSequence = Sequence([content])
        line.RescaleSlope, line.RescaleIntercept = number + 1, 10
        group.PixelValueTransformationSequence = Sequence([line])
        groups.append(group)
    orientation, shared = Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PlaneOrientationSequence = Sequence([orientation])
    return {
        "PerFrameFunctionalGroupsSequence": Sequence(groups),
        "SharedFunctionalGroupsSequence": Sequence([shared]),
    }


def test_functional_groups_of_enhanced_files(write_dicom):
    path = write_dicom("a", np.stack([RAMP] * 4), **enhanced(4))
    with open_image(str(path)) as file:
        places = [header.place for header in file.headers]
        assert [place[-1] for place in places] == [0, 0, 5, 5]
        assert [header.when.phase for header in file.headers] == [2, 1, 2, 1]
        for number in range(4):
            pixels = file.pixels(Address(frame=number))
            np.testing.assert_array_equal(pixels, RAMP * (number + 1.0) + 10)


def test_very_many_functional_groups(write_dicom):
    groups = enhanced(2000)
    for group in groups["PerFrameFunctionalGroupsSequence"]:
        group.ImageComments = "x" * 600
    path = write_dicom("a", np.zeros((2000, 2, 2), np.uint8), **groups)
    assert path.stat().st_size > 2**20
    with open_image(str(path)) as file:
        assert all(header.place is not None for header in file.headers)


def test_vectors_of_frames_are_places(write_dicom):
    for name in ("SliceVector", "GridFrameOffsetVector"):
        path = write_dicom(name, np.stack([RAMP] * 3), **{name: [1, 2, 3]})
        with open_image(str(path)) as file:
            assert [header.place for header in file.headers] == [(1,), (2,), (3,)]


def test_too_few_functional_groups(write_dicom):
    path = write_dicom("a", np.stack([RAMP] * 4), **enhanced(2))
    with open_image(str(path)) as file:
        assert [header.place is None for header in file.headers] == [0, 0, 1, 1]


def test_a_missing_transfer_syntax_is_guessed_and_noted(write_dicom, tmp_path):
    whole = write_dicom("a", RAMP).read_bytes()
    data = pydicom.dcmread(tmp_path / "a")
    length = 132 + 12 + data.file_meta.FileMetaInformationGroupLength
    (tmp_path / "b").write_bytes(whole[length:])
    with open_image(str(tmp_path / "b")) as file:
        assert file.headers[0].note == (
            "No transfer syntax: read as Explicit VR Little Endian."
        )
        np.testing.assert_array_equal(file.pixels(Address()), RAMP)
    (tmp_path / "c").write_bytes(whole[132:])
    with open_image(str(tmp_path / "c")) as file:
        assert file.headers[0].note == "No preamble."


def test_headers_that_lie(write_dicom, reason):
    assert reason(write_dicom("a", RAMP, Rows=4000)) == (
        "damaged",
        "It ends before its pixels do.",
    )
    assert reason(write_dicom("b", RAMP, Rows=60000, Columns=60000))[0] == "too large"
    assert reason(write_dicom("c", RAMP, Rows=0))[0] == "damaged"
    assert reason(write_dicom("d", RAMP, NumberOfFrames="2000000000"))[0] == "too large"
    assert reason(write_dicom("e", RAMP, NumberOfFrames="-1"))[0] == "damaged"
    assert reason(write_dicom("f", RAMP, PixelData=None)) == (
        "damaged",
        "It ends before its pixels.",
    )


def test_what_is_no_image_is_told_from_what_is_damaged(write_dicom, reason):
    image = {"PixelData": None, "Rows": None, "Columns": None}
    assert reason(write_dicom("a", RAMP, **image)) == (
        "damaged",
        "A DICOM image that ends before its pixels.",
    )
    plan = image | {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.481.5"}
    assert reason(write_dicom("b", RAMP, **plan)) == (
        "not an image",
        "DICOM without an image: RT Plan.",
    )
    unknown = image | {"SOPClassUID": "1.2.3.4.5"}
    assert "unknown class" in reason(write_dicom("c", RAMP, **unknown))[1]


def test_a_transfer_syntax_without_decoder(write_dicom, reason):
    path = compressed(write_dicom("a", RAMP), RLELossless)
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"
    data.save_as(path)
    kind, text = reason(path)
    assert kind == "unsupported"
    assert "MPEG-4" in text
    data.file_meta.TransferSyntaxUID = generate_uid()
    data.save_as(path)
    assert reason(path)[1].endswith("an unknown transfer syntax.")


def test_a_deflated_bomb(write_dicom, monkeypatch, reason):
    path = write_dicom("a", RAMP, syntax=DeflatedExplicitVRLittleEndian)
    with path.open("ab") as file:
        file.write(b"\xff" * 2**22)  # what follows is not looked at
    np.testing.assert_array_equal(only_image(path), RAMP)
    monkeypatch.setattr(_dicom, "MAX_INFLATED", 100)
    assert reason(path)[0] == "too large"


def test_a_codestream_that_says_another_size(write_dicom, reason):
    path = compressed(write_dicom("a", np.tile(RAMP, (4, 4))), JPEG2000Lossless)
    whole = bytearray(path.read_bytes())
    place = whole.index(b"\xff\x4f\xff\x51")
    whole[place + 8 : place + 16] = (60000).to_bytes(4, "big") * 2
    path.write_bytes(whole)
    assert reason(path)[0] == "too large"


def test_rows_and_columns_that_are_swapped(write_dicom, reason):
    path = compressed(write_dicom("a", np.tile(RAMP, (4, 4))), JPEG2000Lossless)
    data = pydicom.dcmread(path)
    data.Rows, data.Columns = data.Columns, data.Rows
    data.save_as(path)
    assert reason(path) == (
        "damaged",
        "Its compressed picture is not of the size in its header.",
    )


def test_size_of_codestreams():
    from io import BytesIO

    from PIL import Image

    for name, options in (
        ("JPEG", {}),
        ("JPEG2000", {"no_jp2": True}),
        ("JPEG2000", {}),  # in a box
    ):
        with BytesIO() as file:
            Image.new("L", (30, 20)).save(file, name, **options)
            assert coded_size(file.getvalue()) == (20, 30)
    assert coded_size(b"") == coded_size(b"\xff\xd8\xff") == (0, 0)
    assert coded_size(b"\xff\xd8" + b"\xff" * 100) == (0, 0)


def test_nothing_that_a_header_says_is_repeated(write_dicom, capfd, caplog, reason):
    text = "<script>SECRET"
    tags = {
        "PhotometricInterpretation": text,
        "BurnedInAnnotation": text,
        "SOPClassUID": text,
        "NumberOfFrames": None,
    }
    with pydicom.config.disable_value_validation():
        path = write_dicom("a", np.stack([RAMP, RAMP]), **tags)
    with warnings.catch_warnings(record=True) as caught:
        _, text_of_reason = reason(path)
    assert "SECRET" not in text_of_reason
    assert not caught
    out, err = capfd.readouterr()
    assert "SECRET" not in out + err + caplog.text


def plain(path):
    """What pydicom makes of it: frames, or None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = pydicom.dcmread(path)
            array = data.pixel_array
        except Exception:
            return None
    if data.PhotometricInterpretation in ("MONOCHROME1", "PALETTE COLOR"):
        return []
    if "ModalityLUTSequence" in data or data.SamplesPerPixel > 1:
        return []
    if "PixelPaddingValue" in data or "PerFrameFunctionalGroupsSequence" in data:
        return []
    frames = array[None] if array.ndim == 2 else array
    return frames * data.get("RescaleSlope", 1.0) + data.get("RescaleIntercept", 0.0)


SHIPPED = sorted(name for name in get_testdata_files("**/*") if name.endswith(".dcm"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.rsplit("/", 1)[-1])
def test_all_that_pydicom_ships_and_reads(path, read_all):
    expected = plain(path)
    try:
        images = [pixels for _, pixels in read_all(path)]
    except Unreadable:
        images = None
    assert expected is None or images is not None
    if expected is not None and len(expected):
        np.testing.assert_allclose(images, expected, rtol=1e-6)
