import os
import sys

import pytest

from skdeepcluster.archive._scan import scan


def test_sorted_files_and_what_is_passed_over(tmp_path):
    for name in ("b/2", "b/10", "a", ".hidden", ".git/x", "out/images.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to-a-file").symlink_to(tmp_path / "a")
    (tmp_path / "to-a-folder").symlink_to(tmp_path)
    (tmp_path / "to-nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "to-itself").symlink_to(tmp_path / "to-itself")
    (tmp_path / "to-a-device").symlink_to("/dev/zero")
    files, skipped = scan(tmp_path, leave_out=tmp_path / "out")
    assert [file.path for file in files] == ["a", "b/10", "b/2", "to-a-file"]
    assert {path: (error.kind, error.reason) for path, error in skipped} == {
        ".hidden": ("hidden", "A hidden file."),
        ".git": ("hidden", "A hidden folder."),
        "pipe": ("inaccessible", "Not a regular file."),
        "to-a-folder": ("not an image", "A link to a folder."),
        "to-nowhere": ("inaccessible", "A link to nowhere."),
        "to-itself": ("inaccessible", "A link to nowhere."),
        "to-a-device": ("inaccessible", "Not a regular file."),
    }


def test_folders_within_folders(tmp_path):
    deep = tmp_path
    for _ in range(400):
        deep /= "a"
        deep.mkdir()
    (deep / "file").write_text("x")
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(300)
        (file,), _ = scan(tmp_path)
    finally:
        sys.setrecursionlimit(limit)
    assert file.path == "a/" * 400 + "file"


def test_fingerprints(tmp_path):
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("x")
    os.utime(tmp_path / "a", (1, 1))
    os.utime(tmp_path / "b", (1, 1))
    (a, b), _ = scan(tmp_path)
    before = a.fingerprint("a")
    assert before == scan(tmp_path)[0][0].fingerprint("a")
    assert before != b.fingerprint("b")
    os.utime(tmp_path / "a", (1, 2))
    assert scan(tmp_path)[0][0].fingerprint("a") != before


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError, "No permission to read it."),
        (FileNotFoundError, "It is gone."),
    ],
)
def test_a_file_that_cannot_be_looked_at(tmp_path, monkeypatch, error, reason):
    (tmp_path / "a").write_text("")
    stat = os.stat

    def of(path, *given, **named):
        if os.fspath(path) == os.fspath(tmp_path / "a"):
            raise error(path)
        return stat(path, *given, **named)

    monkeypatch.setattr(os, "stat", of)
    found, ((path, why),) = scan(tmp_path)
    assert (found, path, why.reason) == ([], "a", reason)
