"""Spoilt JSON, tables and files of tensors."""

import copy
import json

_VALUES = (
    None,
    True,
    0,
    -1,
    1,
    3,
    2**31,
    2**63,
    -(2**70),
    0.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "auto",
    "hf-hub:a/b",
    "\0",
    "é\ud800",
    [],
    [1, 2, 3],
    [[0, "x"]],
    {},
    {"class": "Augmentation"},
    {"class": "os.system", "parameters": {"command": "false"}},
)


def spoilt_json(document, generator):
    """One value anywhere in it is another one, is left out, or has another name."""
    document = copy.deepcopy(document)
    inner = list(_places(document))
    container, key = inner[generator.integers(len(inner))]
    what = generator.integers(6)
    if what == 0 and isinstance(container, dict):
        container["x"] = container.pop(key)
    elif what == 1:
        del container[key]
    else:
        container[key] = _VALUES[generator.integers(len(_VALUES))]
    return document


def _places(document):
    if isinstance(document, dict | list):
        keys = document if isinstance(document, dict) else range(len(document))
        for key in keys:
            yield document, key
            yield from _places(document[key])


def spoilt_tensors(whole, generator):
    """A safetensors file; JSON that is text in its header is spoilt, too."""
    length = int.from_bytes(whole[:8], "little")
    header, content = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    what = generator.integers(4)
    metadata = header["__metadata__"]
    if what < 2:
        name = list(metadata)[generator.integers(len(metadata))]
        try:
            inside = json.loads(metadata[name])
        except ValueError:
            inside = None
        if isinstance(inside, dict):
            metadata[name] = json.dumps(spoilt_json(inside, generator))
        else:
            metadata[name] = "x"
    elif what == 2:
        header = spoilt_json(header, generator)
    else:  # all numbers of a tensor
        names = [name for name in header if name != "__metadata__"]
        start, end = header[names[generator.integers(len(names))]]["data_offsets"]
        values = (b"\0\0\xc0\x7f", b"\0\0\x80\xff", b"\xff\xff\x7f\x7f", b"\0" * 4)
        value = values[generator.integers(len(values))] * ((end - start) // 4 + 1)
        content = content[:start] + value[: end - start] + content[end:]
    written = json.dumps(header).encode("utf-8", "surrogatepass")
    return len(written).to_bytes(8, "little") + written + content
