import functools
import os
import time

import pytest

from skdeepcluster.archive._parallel import in_parallel


def squares(chunk):
    return [number**2 for number in chunk]


def deadly(chunk):
    if 13 in chunk:
        os._exit(1)  # as a decoder does that writes where it should not
    return squares(chunk)


def failing(chunk):
    raise KeyError("in the worker")


CHUNKS = [list(range(start, start + 5)) for start in range(0, 50, 5)]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_all_chunks_with_their_results(n_jobs):
    found = {tuple(c): r for c, r in in_parallel(squares, CHUNKS, n_jobs)}
    assert found == {tuple(chunk): squares(chunk) for chunk in CHUNKS}


def test_what_kills_its_process_is_found_and_the_rest_is_done():
    found = [
        (item, None if results is None else results[place])
        for chunk, results in in_parallel(deadly, CHUNKS, 2)
        for place, item in enumerate(chunk)
    ]
    assert sorted(item for item, _ in found) == list(range(50))
    assert [item for item, result in found if result is None] == [13]
    assert dict(found)[49] == 49**2


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_errors_are_raised(n_jobs):
    with pytest.raises(KeyError, match="in the worker"):
        list(in_parallel(failing, CHUNKS, n_jobs))


def test_nothing_to_do():
    assert list(in_parallel(squares, [], 2)) == []


def noted(folder, chunk):
    time.sleep(0.2)
    (folder / str(chunk[0])).touch()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_whoever_has_enough_waits_for_no_more_than_is_under_way(n_jobs, tmp_path):
    function = functools.partial(noted, tmp_path)
    results = in_parallel(function, ([number] for number in range(50)), n_jobs)
    next(results)
    results.close()
    n_done = len(list(tmp_path.iterdir()))
    assert 1 <= n_done < 20
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) == n_done
