import itertools

import numpy as np
import pytest

from skdeepcluster.archive._choice import Found, choose
from skdeepcluster.archive._file import Address, Header, When

FLAT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def image(file, *, z=None, frame=None, series="S", kind="", size=(8, 8), **when):
    return Found(
        file,
        Header(
            Address(frame=frame),
            *size,
            16,
            series=series,
            kind=kind,
            place=None if z is None else (*FLAT, 0.0, 0.0, z),
            when=When(frame=frame or 0, **when),
        ),
    )


def files(found, frames="first"):
    return [chosen.file for chosen in choose(found, frames)]


def cine(n_slices=3, n_times=5, **more):
    """One file an image, in no order of time."""
    places = list(itertools.product(range(n_slices), range(n_times)))
    shuffled = np.random.default_rng(0).permutation(n_slices * n_times)
    pairs = [places[number] for number in shuffled]
    return [
        image(file, z=8.0 * z, trigger=31.0 * t, instance=100 * z + t, **more)
        for file, (z, t) in enumerate(pairs)
    ]


def times(found, frames):
    return sorted(
        (chosen.header.place[-1], chosen.header.when.trigger)
        for chosen in choose(found, frames)
    )


def test_every_slice_at_its_first_and_its_middle_time():
    assert times(cine(), "first") == [(0, 0), (8, 0), (16, 0)]
    assert times(cine(), "middle") == [(0, 62), (8, 62), (16, 62)]
    assert choose(cine(), "all") == cine()


def test_order_is_kept():
    assert files(cine()) == sorted(files(cine()))


def test_without_trigger_times_the_instance_number_tells():
    found = [
        image(chosen.file, z=chosen.header.place[-1], instance=chosen.header.when[3])
        for chosen in cine()
    ]
    earliest = [chosen.header.when.instance for chosen in choose(found, "first")]
    assert sorted(earliest) == [0, 100, 200]


@pytest.mark.parametrize(
    ("early", "late"),
    [
        ({"trigger": 1}, {"trigger": 2}),
        ({"trigger": 9}, {}),
        ({"phase": 1, "acquired": "2"}, {"phase": 2, "acquired": "1"}),
        (
            {"acquired": "081500.5", "instance": 9},
            {"acquired": "081501", "instance": 1},
        ),
        ({"instance": 2}, {"instance": 10}),
        ({"frame": 0}, {"frame": 1}),
    ],
)
def test_what_tells_time_in_this_order(early, late):
    assert files([image(0, z=1.0, **late), image(1, z=1.0, **early)]) == [1]


def test_places_written_with_other_digits_are_the_same():
    found = [image(n, z=-58.4773 + n * 1e-4, trigger=n) for n in range(5)]
    assert files(found) == [0]
    assert files([image(n, z=n * 0.05) for n in range(3)]) == [0, 1, 2]


def test_orientations_are_told_apart():
    tilted = image(1, z=0.0, trigger=5)
    header = tilted.header._replace(place=(0.9, 0.1, 0.0, 0, 1, 0, 0, 0, 0))
    assert files([image(0, z=0.0), Found(1, header)]) == [0, 1]


@pytest.mark.parametrize(
    "other", [{"series": "T"}, {"kind": "PHASE"}, {"size": (9, 8)}]
)
def test_images_of_another_sort_are_no_phases(other):
    found = [image(0, z=1.0, trigger=1), image(1, z=1.0, trigger=2, **other)]
    assert files(found) == [0, 1]


def test_without_a_place_images_of_the_same_time_are_slices():
    found = [image(n, trigger=31.0 * (n % 4)) for n in range(12)]
    assert files(found) == [0, 4, 8]
    assert files(found, "middle") == [2, 6, 10]


def test_without_a_place_and_a_time_all_are_kept():
    found = [image(n, instance=n, acquired=str(n)) for n in range(5)]
    assert files(found) == [0, 1, 2, 3, 4]


def test_frames_of_a_file_that_says_no_place_are_times():
    found = [image(file, frame=frame) for file in (0, 1) for frame in range(5)]
    chosen = [(one.file, one.header.address.frame) for one in choose(found, "first")]
    assert chosen == [(0, 0), (1, 0)]
    chosen = [(one.file, one.header.address.frame) for one in choose(found, "middle")]
    assert chosen == [(0, 2), (1, 2)]


def test_a_file_without_a_series_is_one():
    assert files([image(0, z=1.0, series=""), image(1, z=1.0, series="")]) == [0, 1]
    assert files([image(0, series=None), image(1, series=None)]) == [0, 1]


@pytest.mark.parametrize("step", [0.006, 0.009, 0.01, 0.01005, 0.012, 0.03])
def test_slices_of_a_thin_stack_are_all_kept(step):
    found = [image(file, z=step * file, instance=file) for file in range(200)]
    assert choose(found, "first") == found


def test_places_that_are_written_differently_are_one():
    found = [
        image(file, z=8.0 * (file // 5) + 0.003 * (file % 3), trigger=31.0 * (file % 5))
        for file in range(20)
    ]
    assert files(found) == [0, 5, 10, 15]


@pytest.mark.parametrize("frames", ["first", "middle"])
def test_of_a_place_that_is_held_no_other_image_is_wanted(frames):
    later = [image(file, z=0.0, trigger=31.0 * file) for file in range(4)]
    for held in range(4):
        chosen = choose(later, frames, {later[held]})
        assert [each.file for each in chosen] == [held]
    of_other_place = image(4, z=8.0)
    chosen = choose([*later, of_other_place], frames, {later[3]})
    assert [each.file for each in chosen] == [3, 4]


@pytest.mark.parametrize("frames", ["first", "middle"])
def test_of_times_without_a_place_that_are_held_no_other_is_wanted(frames):
    found = [image(file, trigger=31.0 * (file // 2)) for file in range(6)]
    chosen = choose(found, frames, {found[5]})
    assert [each.file for each in chosen] == [4, 5]
