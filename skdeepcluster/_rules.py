"""What values from a file have to be, in words and as checks: every file is hostile."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-6


class Rule(NamedTuple):
    """What a value has to be."""

    words: str
    holds: Callable[[Any], bool]


def check_names(given: Collection[str], known: Collection[str], what: str) -> None:
    """Raise ValueError unless there are exactly the known names.

    Parameters
    ----------
    given, known : collection of str
    what : str
        What the error calls that which has a name, such as "attribute".
    """
    for name in given:
        if name not in known:
            raise ValueError(f"there is no {what} {name!r:.50}")
    for name in known:
        if name not in given:
            raise ValueError(f"it lacks the {what} {name!r}")


def check_all(given: Mapping[str, Any], rules: Mapping[str, Rule], what: str) -> None:
    """Raise ValueError unless there is a value for each rule, as it says, and no other.

    Parameters
    ----------
    given : mapping of str to Any
    rules : mapping of str to Rule
    what : str
        As of `check_names`.
    """
    check_names(given, rules, what)
    for name, rule in rules.items():
        if not rule.holds(given[name]):
            shown = _shown(given[name])
            raise ValueError(f"{name} cannot be {shown}; it has to be {rule.words}")


def whole(low: int, high: int | None = None) -> Rule:
    """A whole number in a range."""
    most = math.inf if high is None else high
    words = f"a whole number from {low}" + ("" if high is None else f" to {high}")
    return Rule(words, lambda value: type(value) is int and low <= value <= most)


def array(
    dtypes: str, n: int, low: float, high: float, *, may_be_nan: bool = False
) -> Rule:
    """An array of `n` finite numbers in a range."""

    def holds(given: NDArray[Any]) -> bool:
        if given.shape != (n,) or given.dtype.name not in dtypes.split(" or "):
            return False
        numbers = given[~np.isnan(given)] if may_be_nan else given
        inside = (numbers >= low - _ROUNDING) & (numbers <= high + _ROUNDING)
        return bool((inside & np.isfinite(numbers)).all())

    return Rule(f"{n} finite numbers of {dtypes} from {low} to {high}", holds)


def _shown(value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return f"{value!r:.50}"
    values = f", {value.min()} to {value.max()}" if value.size else ""
    return f"{value.dtype} of shape {value.shape}{values}"
