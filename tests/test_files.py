import errno
import os
import stat
from contextlib import nullcontext

import pytest

from skdeepcluster import _files
from skdeepcluster._files import finish_replacing, replacing, replacing_together


def test_a_file_is_replaced_at_once(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with replacing(path) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "old"
        assert unfinished.parent == tmp_path
    assert path.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_where_writing_fails_the_old_file_stays(tmp_path, error):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(error), replacing(path) as unfinished:  # noqa: PT012
        unfinished.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]


def test_permissions_and_links_stay(tmp_path):
    (tmp_path / "safe").mkdir()
    real, path = tmp_path / "safe" / "real.csv", tmp_path / "table.csv"
    path.symlink_to(real)
    with replacing(path, is_private=True) as unfinished:
        assert unfinished.parent == real.parent
        assert stat.S_IMODE(unfinished.stat().st_mode) == 0o600
        unfinished.write_text("new")
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    real.chmod(0o440)
    with replacing(path) as unfinished:
        assert stat.S_IMODE(unfinished.stat().st_mode) == 0o640
        unfinished.write_text("newer")
    assert path.is_symlink()
    assert real.read_text() == "newer"
    assert stat.S_IMODE(real.stat().st_mode) == 0o440
    with replacing_together(real.parent) as folder:
        (folder / "real.csv").write_text("newest")
    assert stat.S_IMODE(real.stat().st_mode) == 0o440


def test_no_folder_to_write_into(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match=r"There is no folder .*missing"),
        replacing(tmp_path / "missing" / "table.csv"),
    ):
        pass


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture
def two(tmp_path):
    """A folder of three old files, and a function that replaces two together."""
    for name in "abc":
        (tmp_path / name).write_text("old")

    def replace(error=None):
        with replacing_together(tmp_path) as unfinished:
            for name in "ab":
                (unfinished / name).write_text("new")
                if error is not None:
                    raise error

    return replace


NEW = {"a": "new", "b": "new", "c": "old"}


def test_files_are_replaced_together(two, tmp_path):
    two()
    assert contents(tmp_path) == NEW


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_where_writing_one_of_them_fails_all_old_ones_stay(two, tmp_path, error):
    with pytest.raises(error):
        two(error)
    assert contents(tmp_path) == dict.fromkeys("abc", "old")


def test_a_run_that_was_killed_while_writing_leaves_the_old_ones(two, tmp_path):
    left = tmp_path / _files.BEGUN
    left.mkdir()
    (left / "c").write_text("half")
    finish_replacing(tmp_path)
    assert (tmp_path / "a").read_text() == "old"
    two()
    assert contents(tmp_path) == NEW


@pytest.mark.parametrize("n_moved", [0, 1, 2])
def test_what_was_ready_is_put_in_place_after_a_kill(
    two, tmp_path, stop_between_moves, n_moved
):
    if n_moved < 2:
        stop_between_moves(two, n_moved, KeyboardInterrupt)
    else:  # killed before the empty folder was removed
        two()
        (tmp_path / _files.READY).mkdir()
    finish_replacing(tmp_path)
    assert contents(tmp_path) == NEW


def test_nothing_to_put_in_place(tmp_path):
    finish_replacing(tmp_path)
    finish_replacing(tmp_path / "missing")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("code", "is_raised"), [(errno.ENOSPC, True), (errno.EOPNOTSUPP, False)]
)
def test_room_is_reserved_where_it_can_be(tmp_path, monkeypatch, code, is_raised):
    def answer(*given):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", answer, raising=False)
    with open(tmp_path / "file", "w+b") as file:
        _files.reserve(file.fileno())  # nothing of nothing
        file.truncate(100)
        with pytest.raises(OSError, match="No space") if is_raised else nullcontext():
            _files.reserve(file.fileno())


def test_a_folder_that_cannot_be_synchronised_is_written_to(tmp_path, monkeypatch):
    def fsync(file):
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", fsync)
    with replacing(tmp_path / "a.txt") as path:
        path.write_text("a")
    assert (tmp_path / "a.txt").read_text() == "a"
