"""Files in, arrays out. Imports no torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = ["ImageReader", "UnreadableFileError", "load_archive"]

if TYPE_CHECKING:
    from skdeepcluster.archive._file import UnreadableFileError
    from skdeepcluster.archive._load import load_archive
    from skdeepcluster.archive._reader import ImageReader
else:
    _HOMES = {
        "ImageReader": "_reader",
        "UnreadableFileError": "_file",
        "load_archive": "_load",
    }

    # PEP 562: a process that only decodes starts in a third of the time without what
    # these import.
    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
