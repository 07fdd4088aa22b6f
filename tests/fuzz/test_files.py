"""Spoilt files of an archive: each is read, or skipped with a reason."""

import pytest
from fuzzing import read_all, spoilt
from seeds import own, shipped

SEEDS = {"own": list(own()), "shipped": list(shipped())}


@pytest.mark.parametrize("which", SEEDS)
def test_what_is_not_spoilt_is_read(which, tmp_path):
    counts, bad = read_all(tmp_path, SEEDS[which], 1)
    assert bad == []
    assert counts["read"] > 0.7 * len(SEEDS[which])
    if which == "own":
        assert set(counts) == {"read"}


@pytest.mark.parametrize("which", SEEDS)
def test_what_is_spoilt_is_read_or_has_a_reason(which, tmp_path):
    n = 700
    counts, bad = read_all(tmp_path, spoilt(SEEDS[which], n), 1)
    assert sum(counts.values()) == n
    assert n / 10 < counts["read"] < n
    assert len(counts) > 10  # what spoils them is not always the same
    # Few decoders take long or much with these, and each is contained.
    assert len(bad) < n / 100


def test_files_are_the_same_each_time():
    one, other = (list(spoilt(SEEDS["own"], 50)) for _ in range(2))
    assert one == other
    assert list(spoilt(SEEDS["own"], 1, first=49)) == one[49:]
    assert len({whole for _, whole in one}) > 45
