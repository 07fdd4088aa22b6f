"""From a folder to one array: what users call."""

from __future__ import annotations

import os
from typing import Literal

from sklearn.utils import Bunch

from skdeepcluster._reader_options import Frames, Window
from skdeepcluster._text import any_text
from skdeepcluster.archive._decode import Progress
from skdeepcluster.archive._gather import gather


def load_archive(
    folder: str | os.PathLike[str],
    store: str | os.PathLike[str] | None = None,
    *,
    image_size: int | Literal["auto"] = "auto",
    channels: Literal[1, 3, "auto"] = 1,
    frames: Frames = "first",
    window: Window = "series",
    on_error: Literal["skip", "raise"] = "skip",
    path_key: str | os.PathLike[str] | None = None,
    n_jobs: int = -1,
    timeout: float = 30,
    max_memory: float = 4,
    progress: Progress | None = None,
) -> Bunch:
    """All images of a folder of DICOM, NIfTI and picture files, whatever is in it.

    Files are told by what they hold and not by their names: DICOM (with and without
    preamble; every transfer syntax that a free decoder reads), NIfTI-1 and -2,
    MGH (both also compressed by gzip), Analyze and MINC 1, PNG, JPEG, TIFF and WebP.
    What cannot be read is listed with the reason.

    Parameters
    ----------
    folder : path
        Searched with its subfolders. Links to folders are not followed.

    store : path or None, default=None
        A folder that keeps the images: ``images.npy``, ``index.csv`` and
        ``skipped.csv``. The next run decodes only what is new or has changed, and an
        interrupted one goes on. None keeps them in memory.

    image_size : int or "auto", default="auto"
        Height and width in pixels that images are scaled to, their aspect kept. "auto"
        is 128 where the median of the images' longer sides, known from their headers,
        has 96 pixels or more, else 64; a store takes 16 KB or 4 KB for a grey image,
        and four times as much more while files are read. A network sees them at half of
        that, as it would the files' own; new files in a folder may change it, and all
        are then decoded again
        (`image_size="auto"` of :class:`~skdeepcluster.DeepClusterCategorizer`). With
        ``frames="all"`` files are then opened twice, for headers and for pixels.

    channels : {1, 3, "auto"}, default=1
        1 makes colour grey (ITU-R BT.601); 3 repeats grey. "auto" is that of the images
        that `store` has already. If it has none, it is 3 if more than half of the
        images have channels that differ, of at most 1,000 that are evenly spaced in the
        list; DICOM and NIfTI count as grey.

    frames : {"first", "all", "middle"}, default="first"
        Of images of the same place in a series, the first in time (the paper's rule:
        every slice at t = 0), all, or the one in the middle. In DICOM, place and time
        are told by series, kind of image, orientation, position, time after the
        trigger or of acquisition and instance number; in NIfTI by the axes after the
        third. Frames of a file that says no place, and pages of a TIFF, are taken for
        times. Images of which nothing tells that they are times are all kept.

    window : {"series", "image"}, (low, high) or None, default="series"
        What becomes black and white in 8 bits: percentiles 0.5 and 99.5 of the scaled
        images of a series (of 512 of them, where there are more), or of each image, or
        two values in the units of the modality (Hounsfield units, say). With "series",
        what was made for display keeps its 0 to 255: colour, and pictures of 8 bits;
        pictures of more bits share a window with those in the same folder.
        None keeps the values, as float32.

    on_error : {"skip", "raise"}, default="skip"
        "raise" ends at the first damaged, unsupported, oversized, slow or inaccessible
        file.
        Hidden files and files without an image are skipped all the same.

    path_key : path or None, default=None
        Write numbers instead of paths, and which number is which to this CSV file,
        which is read and completed if it is there, and else made so that only you may
        read it. Keep it apart from the store.

    n_jobs : int, default=-1
        Processes that decode, as of joblib; -1 is one for each core. Memory grows with
        their number and the largest file, beside about 2 KB for each image. None
        of them is this one, also with 1: a file that crashes its decoder is skipped.

    timeout : float, default=30
        Seconds, of the clock and of the processor, that a file may take, or each 512
        images or 67 million pixels of a file with more. One that takes longer is
        skipped.

    max_memory : float, default=4
        GiB that each of the processes may take, of its address space, on Linux. A file
        that does not fit is skipped, as is a volume that has to be read whole and would
        take more than 2 GiB.

    progress : callable or None, default=None
        Called with "headers" or "pixels", the number of files done, and of all;
        whenever a part of a file is done, too.

    Returns
    -------
    Bunch
        images : ndarray, or memmap with `store`
            Of shape (n, image_size, image_size), or (..., 3), uint8 or float32;
            padding is black, or the image's lowest value.
        index : DataFrame of n rows
            ``path``, ``series`` (running numbers), ``frame`` and ``slice`` (from 0),
            ``height``, ``width``, ``bits`` of the original, ``burned_in`` (DICOM's
            BurnedInAnnotation: yes, no, or not said), ``note`` (what had to be
            assumed), ``black`` and ``white`` (the values that became 0 and 255), and
            ``fingerprint``. What does not apply is missing. Sorted by path.
        skipped : DataFrame
            ``path``, ``kind`` (hidden, not an image, damaged, unsupported, too large,
            too slow, inaccessible) and ``reason``.
        n_files : int
            Files in the folder, whatever became of them.

    Raises
    ------
    NotADirectoryError
        If `folder` is none.
    ValueError
        If a parameter is not as above, if no image can be read, or if another run
        writes to the store.
    UnreadableFileError
        With ``on_error="raise"``; a ValueError whose message does not name the file.

    Notes
    -----
    No identifier and no text of a header is kept, in memory or on disk, beyond the
    columns above. Stored values are rescaled (PS3.3, C.11.1), MONOCHROME1 is inverted,
    pixel padding takes the lowest value. Slices of volumes are cut along the axis that
    is coarsest, else across the body, with front, or head, up and the patient's right
    to the left.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> from skdeepcluster import load_archive
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for number in range(3):
    ...         Image.new("L", (20, 10), 100).save(f"{folder}/{number}.png")
    ...     archive = load_archive(folder, image_size=32, n_jobs=1)
    >>> archive.images.shape
    (3, 32, 32)
    >>> archive.index["path"].tolist()
    ['0.png', '1.png', '2.png']
    """
    with any_text():
        archive, _ = gather(
            folder,
            store,
            image_size=image_size,
            channels=channels,
            frames=frames,
            window=window,
            on_error=on_error,
            path_key=path_key,
            n_jobs=n_jobs,
            timeout=timeout,
            max_memory=max_memory,
            progress=progress,
        )
    return archive
