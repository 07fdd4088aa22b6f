"""Text of any kind in tables."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pandas as pd


def any_text() -> AbstractContextManager[None]:
    """Let tables of pandas hold names of files that are not UTF-8.

    Where there is pyarrow, pandas keeps text with it, which refuses them.
    """
    return pd.option_context("mode.string_storage", "python")
