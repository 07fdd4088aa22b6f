"""Files in, arrays out. Imports no torch."""

from skdeepcluster.archive._file import UnreadableFileError
from skdeepcluster.archive._load import load_archive
from skdeepcluster.archive._reader import ImageReader

__all__ = ["ImageReader", "UnreadableFileError", "load_archive"]
