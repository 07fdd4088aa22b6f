"""Files in, arrays out. Imports no torch."""

from skdeepcluster.archive._arrays import read_array, read_images
from skdeepcluster.archive._load import UnreadableFileError, load_archive
from skdeepcluster.archive._reader import ImageReader

__all__ = [
    "ImageReader",
    "UnreadableFileError",
    "load_archive",
    "read_array",
    "read_images",
]
