import math

import pytest

from skdeepcluster import Stability


@pytest.mark.parametrize(
    ("nmi", "purity", "reached"),
    [
        ([math.nan, 0.95, 0.95], [math.nan, 0.95, 0.95], True),
        ([math.nan, 0.95], [math.nan, 0.95], False),  # of one pair alone
        ([math.nan, 0.95, 0.8, 0.95], [1, 1, 1, 1], False),
        ([math.nan, 0.95, 0.95], [math.nan, 0.95, 0.8], False),
        ([], [], False),
    ],
)
def test_consecutive_epochs_have_to_be_stable(nmi, purity, reached):
    assert (
        Stability(nmi=0.9, purity=0.9, patience=2)._is_reached(nmi, purity) is reached
    )


def test_what_is_none_is_not_looked_at():
    assert Stability(purity=None, patience=1)._is_reached([0.95], [0.1])
    assert not Stability(nmi=None, patience=1)._is_reached([0.95], [0.1])


def test_equal_assignments_reach_one_but_for_rounding():
    assert Stability(nmi=1.0, purity=1.0, patience=1)._is_reached([1 - 1e-12], [1.0])
