"""Spoilt files: bytes, and what the format makes of them."""

import gzip
import io
import struct
import zlib

import numpy as np
from nibabel import analyze, nifti1, nifti2
from nibabel.freesurfer import mghformat

_EXTREMES = (
    0,
    1,
    -1,
    2,
    7,
    127,
    128,
    255,
    256,
    32767,
    -32768,
    65535,
    2**31 - 1,
    -(2**31),
)
_FLOATS = (0.0, -0.0, np.nan, np.inf, -np.inf, 1e-308, 1e308, -1.5, 3.4e38, 1e-45)
_VRS = b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV "
_VRS = (_VRS + b"TM UC UI UL UN UR US UT UV").split()
_LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR")
_LONG = (*_LONG, b"UT", b"UV")
_TEXTS = (
    b"",
    b"0",
    b"-1",
    b"nan",
    b"1e400",
    b"9" * 30,
    b"1\\2\\3",
    b"\\" * 9,
    b"\xff\0",
)
# Elements that a reader of images looks at.
_TAGS = (0x00080008, 0x00080016, 0x0020000E, 0x00200032, 0x00200037, 0x00280002)
_TAGS += (0x00280004, 0x00280006, 0x00280008, 0x00280010, 0x00280011, 0x00280100)
_TAGS += (0x00280101, 0x00280102, 0x00280103, 0x00280120, 0x00281052, 0x00281053)
_TAGS += (0x00281101, 0x00281201, 0x00283000, 0x52009229, 0x52009230, 0x7FE00001)
_TAGS += (0x7FE00002, 0x7FE00008, 0x7FE00009, 0x7FE00010, 0x00020010, 0x00181060)


def mutated(whole, generator):
    """The same file, spoilt in one to three ways, mostly such as its format knows."""
    found = bytes(whole)
    for _ in range(generator.choice([1, 1, 1, 2, 3])):
        ways = [_flip, _overwrite, _cut, _repeat, _remove, _insert]
        way = ways[generator.integers(len(ways))]
        if generator.random() < 0.6:
            way = _of_format(found) or way
        found = way(found, generator) if found else found
    return found


def _of_format(whole):
    if whole[128:132] == b"DICM":
        return _dicom
    if whole[:2] == b"\x1f\x8b":
        return _compressed
    if whole[:8] == b"\x89PNG\r\n\x1a\n":
        return _png
    if whole[:2] == b"\xff\xd8":
        return _jpeg
    if whole[:4] in (b"II*\0", b"MM\0*"):
        return _tiff
    for dtype in _headers_of(whole):
        return lambda found, generator: _fields(found, generator, dtype)
    return None


def _place(found, generator):
    """Mostly in what comes first, where headers are."""
    end = len(found) if generator.random() < 0.4 else min(len(found), 1024)
    return int(generator.integers(end))


def _flip(found, generator):
    place = _place(found, generator)
    bit = 1 << int(generator.integers(8))
    return found[:place] + bytes([found[place] ^ bit]) + found[place + 1 :]


def _number(generator):
    size = "bhiq"[generator.integers(4)]
    order = "<>"[generator.integers(2)]
    value = _EXTREMES[generator.integers(len(_EXTREMES))]
    bits = 8 * struct.calcsize(size)
    value = (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)
    return struct.pack(order + size, value)


def _overwrite(found, generator):
    place, value = _place(found, generator), _number(generator)
    return found[:place] + value + found[place + len(value) :]


def _cut(found, generator):
    return found[: _place(found, generator)]


def _part(found, generator):
    start = _place(found, generator)
    return start, start + int(generator.integers(1, 65))


def _repeat(found, generator):
    start, end = _part(found, generator)
    return found[:end] + found[start:end] * int(generator.integers(1, 50)) + found[end:]


def _remove(found, generator):
    start, end = _part(found, generator)
    return found[:start] + found[end:]


def _insert(found, generator):
    place = _place(found, generator)
    some = generator.bytes(int(generator.integers(1, 20)))
    return found[:place] + some + found[place:]


# DICOM


def elements(whole):
    """Where each element of an explicit little endian file begins, and its value."""
    place, found = 132, []
    while place + 8 <= len(whole):
        tag = whole[place : place + 4]
        code, length = whole[place + 4 : place + 6], whole[place + 6 : place + 8]
        start = place + 8
        if not code.isalpha():
            break
        if code in _LONG:
            length, start = whole[start : start + 4].ljust(4, b"\0"), start + 4
        end = start + int.from_bytes(length, "little")
        found.append((place, start, min(end, len(whole))))
        if tag == b"\xe0\x7f\x10\x00" or end > len(whole):
            break
        place = end
    return found


def _dicom(whole, generator):
    found = elements(whole)
    if not found:
        return _overwrite(whole, generator)
    place, start, end = found[generator.integers(len(found))]
    what = generator.integers(8)
    before, element, after = whole[:place], whole[place:end], whole[end:]
    if what == 0:  # twice
        return before + element * 2 + after
    if what == 1:
        return before + after
    if what == 2:  # in another order
        other, _, other_end = found[generator.integers(len(found))]
        return before + whole[other:other_end] + element + after
    if what == 3:  # another kind of value
        code = _VRS[generator.integers(len(_VRS))]
        return before + element[:4] + code + element[6:] + after
    if what == 4:  # another length
        size = start - place - 6
        length = (
            _number(generator).ljust(4, b"\xff")[:2]
            if size == 2
            else _length(generator)
        )
        head = element[:6] + (length if size == 2 else b"\0\0" + length)
        return before + head + whole[start:]
    if what == 5:
        return whole[:start]
    if what == 6:
        return before + _element(generator) + element + after
    value = _value(generator)
    return before + _with_value(element[:4], element[4:6], value) + after


def _length(generator):
    some = (0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)
    return struct.pack("<I", some[generator.integers(len(some))])


def _value(generator):
    what = generator.integers(3)
    if what == 0:
        return _TEXTS[generator.integers(len(_TEXTS))]
    if what == 1:
        return generator.bytes(int(generator.integers(1, 33)))
    return _number(generator) * int(generator.integers(1, 5))


def _with_value(tag, code, value):
    value += b"\0" * (len(value) % 2)
    if code in _LONG:
        return tag + code + b"\0\0" + struct.pack("<I", len(value)) + value
    return tag + code + struct.pack("<H", len(value) % 2**16) + value


def _element(generator):
    tag = _TAGS[generator.integers(len(_TAGS))]
    tag = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    code = _VRS[generator.integers(len(_VRS))]
    return _with_value(tag, code, _value(generator))


# Volumes


def _headers_of(whole):
    if whole[344:348] in (b"n+1\0", b"ni1\0"):
        yield nifti1.header_dtype
    elif whole[4:8] in (b"n+2\0", b"ni2\0"):
        yield nifti2.header_dtype
    elif whole[:4] == b"\0\0\0\x01":
        yield mghformat.header_dtype.newbyteorder(">")
    elif whole[:4] in (b"\x5c\x01\0\0", b"\0\0\x01\x5c"):
        yield analyze.header_dtype


def _fields(whole, generator, dtype):
    """One number of a header becomes an extreme one."""
    names = list(dtype.names)
    field, place = dtype.fields[names[generator.integers(len(names))]][:2]
    item = field.base
    place += item.itemsize * int(
        generator.integers(max(1, field.itemsize // item.itemsize))
    )
    some = _FLOATS if item.kind == "f" else _EXTREMES
    if item.kind in "iuf":
        with np.errstate(all="ignore"):
            value = np.array(some[generator.integers(len(some))]).astype(item).tobytes()
    else:
        value = generator.bytes(item.itemsize)
    return whole[:place] + value + whole[place + len(value) :]


def _compressed(whole, generator):
    """What is in it is spoilt; or it is cut, or goes on with another one."""
    try:
        inside = gzip.decompress(whole)
    except (OSError, EOFError, zlib.error):
        return _flip(whole, generator)
    if generator.random() < 0.1:
        return whole + whole
    way = _of_format(inside) or _overwrite
    return gzip.compress(way(inside, generator), 1, mtime=0)


# Pictures


def _png(whole, generator):
    """A chunk is spoilt, and its checksum right."""
    place, chunks = 8, []
    while place + 12 <= len(whole):
        length = int.from_bytes(whole[place : place + 4], "big")
        chunks.append(whole[place + 4 : place + 8 + length])
        place += 12 + length
    if not chunks:
        return _flip(whole, generator)
    number = int(generator.integers(len(chunks)))
    spoilt = (_flip, _overwrite, _insert, _remove)[generator.integers(4)]
    chunks[number] = chunks[number][:4] + spoilt(chunks[number][4:] or b"\0", generator)
    if generator.random() < 0.2:
        chunks.insert(number, chunks[int(generator.integers(len(chunks)))])
    return whole[:8] + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )


def _jpeg(whole, generator):
    """A segment before the picture is spoilt, repeated or left out."""
    place, segments = 2, []
    while place + 4 <= len(whole) and whole[place] == 0xFF and whole[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(whole[place + 2 : place + 4], "big")
        segments.append((place, end))
        place = end
    if not segments:
        return _flip(whole, generator)
    start, end = segments[generator.integers(len(segments))]
    segment = whole[start:end]
    what = generator.integers(4)
    if what < 2 and len(segment) > 4:
        segment = segment[:4] + (_flip, _overwrite)[what](segment[4:], generator)
    return whole[:start] + segment * (1, 1, 2, 0)[what] + whole[end:]


def _tiff(whole, generator):
    """A field of the first directory has another tag, type, number or value."""
    order = "<" if whole[:2] == b"II" else ">"
    if len(whole) < 10:
        return _flip(whole, generator)
    (start,) = struct.unpack(order + "I", whole[4:8])
    (count,) = struct.unpack(order + "H", whole[start : start + 2].ljust(2, b"\0"))
    place = start + 2 + 12 * int(generator.integers(max(1, count)))
    place += (0, 2, 4, 8)[generator.integers(4)]
    value = _EXTREMES[generator.integers(len(_EXTREMES))] % 2**32
    value = struct.pack(order + "I", value)[: int(generator.choice([2, 4]))]
    return whole[:place] + value + whole[place + len(value) :]


def bytes_of(save, *args, **options):
    """What a function writes to a file."""
    buffer = io.BytesIO()
    save(buffer, *args, **options)
    return buffer.getvalue()
