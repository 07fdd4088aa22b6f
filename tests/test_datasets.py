import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from skdeepcluster.datasets import CARDIAC_VIEWS, make_cardiac_views


def test_shapes_types_and_names():
    X, y, subjects = make_cardiac_views(
        40, image_size=48, return_subjects=True, random_state=0
    )
    assert X.shape == (40, 48, 48)
    assert X.dtype == np.uint8
    assert y.shape == subjects.shape == (40,)
    assert y.dtype == subjects.dtype == np.int64
    assert len(CARDIAC_VIEWS) == len(set(CARDIAC_VIEWS)) == 13
    assert set(y) == set(range(13))


def test_the_same_seed_draws_the_same_images():
    first, second, other = (make_cardiac_views(30, random_state=s) for s in (1, 1, 2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("balanced", [100] * 13),
        ("ukbb", [53, 53, 53, 53, 54, 54, 54, 53, 563, 51, 51, 51, 157]),
        ([0, 0, 3, *[0] * 9, 1], [0, 0, 975, *[0] * 9, 325]),
    ],
    ids=["balanced", "ukbb", "two"],
)
def test_class_weights(weights, expected):
    _, y = make_cardiac_views(1300, class_weights=weights, image_size=16)
    counts = np.bincount(y, minlength=13)
    assert counts.sum() == 1300
    np.testing.assert_allclose(counts, expected, atol=1)


def test_images_come_in_random_order():
    _, y = make_cardiac_views(130, random_state=0)
    assert (np.diff(y) < 0).any()


def test_subjects_have_every_class_in_turn():
    _, y, subjects = make_cardiac_views(130, return_subjects=True, random_state=0)
    assert set(subjects) == set(range(10))
    for subject in range(10):
        assert sorted(y[subjects == subject]) == list(range(13))


def test_subjects_are_dealt_out_evenly_in_uneven_classes():
    _, y, subjects = make_cardiac_views(
        2000, class_weights="ukbb", image_size=16, return_subjects=True, random_state=0
    )
    assert set(np.bincount(subjects)) == {12, 13}
    slices = np.bincount(subjects[y == CARDIAC_VIEWS.index("SA")])
    assert slices.max() - slices.min() <= 1


def test_a_subject_looks_alike_in_all_his_images():
    """The same slice level, so that only the subject and small differences vary."""
    X, _, subjects = make_cardiac_views(
        60, class_weights=[0] * 11 + [1, 0], return_subjects=True, random_state=0
    )
    rows = X.reshape(60, -1).astype(float)
    away = np.linalg.norm(rows[:, None] - rows, axis=2)
    same = subjects[:, None] == subjects
    np.fill_diagonal(same, False)
    others = subjects[:, None] != subjects
    assert away[same].mean() < 0.95 * away[others].mean()


def test_images_use_the_range_of_grey_levels():
    X, _ = make_cardiac_views(65, random_state=0)
    assert (X.max((1, 2)) > 150).all()
    assert (X.std((1, 2)) > 10).all()


def test_classes_can_be_told_apart():
    """Nearest neighbours do far better than chance, and are far from perfect."""
    X, y = make_cardiac_views(1040, image_size=32, random_state=0)
    rows = X.reshape(len(X), -1)
    accuracy = (
        KNeighborsClassifier(1).fit(rows[:780], y[:780]).score(rows[780:], y[780:])
    )
    assert 0.5 < accuracy < 0.95


@pytest.mark.parametrize("n_samples", [1, 5, 14])
def test_few_images(n_samples):
    X, y, subjects = make_cardiac_views(
        n_samples, image_size=16, return_subjects=True, random_state=0
    )
    assert X.shape == (n_samples, 16, 16)
    assert len(y) == len(subjects) == n_samples


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"image_size": 8}, "image_size"),
        ({"class_weights": "equal"}, "class_weights"),
        ({"class_weights": [1, 2]}, "one for each of CARDIAC_VIEWS"),
        ({"class_weights": [-1] + [1] * 12}, "none of them negative"),
        ({"class_weights": [0] * 13}, "not all zero"),
        ({"class_weights": [np.nan] * 13}, "finite"),
        ({"class_weights": ["a"] * 13}, "finite"),
        ({"random_state": "seed"}, "random_state"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_cardiac_views(**parameters)


def test_weights_as_large_as_floats_can_be():
    _, expected = make_cardiac_views(26, random_state=0)
    _, y = make_cardiac_views(26, class_weights=[1e308] * 13, random_state=0)
    np.testing.assert_array_equal(y, expected)
