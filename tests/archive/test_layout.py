import os
import unicodedata
from pathlib import Path

import pytest

from skdeepcluster.archive._layout import check_layout, lay_out, safe_names

FILES = ["a/1.png", "a/2.png", "b/1.png", os.fsdecode(b"b/\xff.png"), "v.hdr"]


@pytest.fixture
def root(tmp_path):
    for number, name in enumerate([*FILES, "v.img"]):
        path = tmp_path / "archive" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(number))
    return tmp_path / "archive"


def content(folder):
    paths = [Path(where, name) for where, _, names in os.walk(folder) for name in names]
    return {os.fspath(path.relative_to(folder)): path.read_text() for path in paths}


@pytest.mark.parametrize("way", ["hardlink", "symlink", "copy"])
def test_files_by_category(root, tmp_path, way, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = content(root)
    folders = dict(zip(FILES, ["SA", "2CH/3CH", "SA", "..", "SA"], strict=True))
    target = tmp_path / "sorted"
    relative = root.relative_to(tmp_path)
    check_layout(relative, target, way)
    lay_out(relative, folders, target, way)
    assert content(target) == {
        "SA/a/1.png": "0",
        "2CH_3CH/a/2.png": "1",
        "SA/b/1.png": "2",
        os.fsdecode(b"_/b/\xff.png"): "3",
        "SA/v.hdr": "4",
        "SA/v.img": "5",
    }
    assert content(root) == before
    made, original = target / "SA" / "a" / "1.png", root / "a" / "1.png"
    assert made.is_symlink() == (way == "symlink")
    assert (made.stat().st_ino == original.stat().st_ino) == (way != "copy")
    assert made.stat().st_mtime == original.stat().st_mtime


@pytest.mark.parametrize("way", ["hardlink", "symlink", "copy"])
def test_nothing_is_overwritten(root, tmp_path, way):
    target = tmp_path / "sorted"
    there = target / "SA" / "a" / "1.png"
    there.parent.mkdir(parents=True)
    there.write_text("mine")
    with pytest.raises(FileExistsError, match=rf"as a {way} \(File exists\)") as error:
        lay_out(root, {"a/1.png": "SA"}, target, way)
    assert there.read_text() == "mine"
    assert "1.png" not in str(error.value)


def test_folders_that_are_refused(root, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="would be sorted next time"):
        check_layout(root, root / "new", "copy")
    with pytest.raises(ValueError, match="not an empty folder"):
        check_layout(root / "a", root / "b", "copy")
    with pytest.raises(ValueError, match="not an empty folder"):
        check_layout(root / "a", root / "v.hdr", "copy")
    (tmp_path / "empty").mkdir()
    check_layout(root, tmp_path / "empty", "hardlink")
    if os.stat("/dev").st_dev != root.stat().st_dev:
        with pytest.raises(ValueError, match="another file system"):
            check_layout(root, Path("/dev/new/deep"), "hardlink")


def test_names_of_folders():
    texts = ["a/b", "a\\b", "A/B", "", ".", "..", "nul", "con.x", "x" * 99, "x" * 98]
    texts += ["\u202egnp", "a\nb", " a ", "\udcff", "cluster 003", "naïve"]
    texts += ["Zu\u0308rich", "Zürich", "COM¹", "conin$"]
    names = safe_names(texts)
    assert set(names) == set(texts)
    assert len({name.casefold() for name in names.values()}) == len(texts)
    for name in names.values():
        assert name.isprintable()
        assert not set(name) & set('<>:"/\\|?*')
        assert name == name.strip(" .") != ""
        assert len(name) < 70
    assert names["cluster 003"] == "cluster 003"
    assert names["naïve"] == "naïve"
    assert names["nul"] == "_nul"
    assert names["COM¹"] == "_COM¹"
    assert names["conin$"] == "_conin$"
    assert len({unicodedata.normalize("NFC", each) for each in names.values()}) == len(
        texts
    )


@pytest.mark.parametrize("way", ["hardlink", "symlink", "copy"])
def test_an_img_file_that_is_an_image_by_itself(tmp_path, way):
    root, target = tmp_path / "archive", tmp_path / "sorted"
    root.mkdir()
    for name in ("x.hdr", "x.img", "a.hdr", "a.HDR", "a.img"):
        (root / name).write_text(name)
    lay_out(root, {"x.hdr": "A", "x.img": "B", "a.hdr": "A", "a.HDR": "A"}, target, way)
    found = {"A/a.HDR", "A/a.hdr", "A/a.img", "A/x.hdr", "B/x.img"}
    assert set(content(target)) == found
