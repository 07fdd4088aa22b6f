"""What several test modules share. No file outside this project is read."""

import multiprocessing
import operator
import os
import pickle
import struct
import warnings
from datetime import datetime

# Two tests run side by side on two cores (pytest -n 2), each on its own.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SCIPY_ARRAY_API", "1")  # or scikit-learn skips a check

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from sklearn.datasets import load_digits

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster._files import READY


@pytest.fixture(scope="session", autouse=True)
def device_auto_is_the_cpu():
    """On any machine the same is tested; `test_gpu.py` asks for a GPU itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.cuda.is_available", lambda: False)
        yield


@pytest.fixture(scope="session")
def digits():
    """200 real images of 8 × 8 pixels and their classes."""
    X, y = load_digits(return_X_y=True)
    return X[:200].reshape(-1, 8, 8).astype(np.uint8), y[:200]


def plain(**parameters):
    """The paper's alternation with a small network, which tests vary part by part."""
    small = {"backbone": "small_cnn", "n_epochs": 2, "batch_size": 64}
    return DeepClusterCategorizer.from_recipe(
        "deepmcat", random_state=0, **small | parameters
    )


@pytest.fixture
def quick():
    """An unfitted estimator that takes a second."""
    return plain(n_clusters=5)


@pytest.fixture(scope="session")
def fitted(digits):
    """A fitted estimator; not to be changed."""
    return plain(n_clusters=10).fit(digits[0])


@pytest.fixture
def stop_between_moves(monkeypatch):
    """Raise an error in a run once so many files took the places of old ones."""

    def stop(run, n_moved, error):
        replace, moved = os.replace, []

        def watched(source, target):
            if source.parent.name == READY:
                if len(moved) == n_moved:
                    raise error
                moved.append(target)
            replace(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", watched)
            with pytest.raises(error):
                run()

    return stop


MR = "1.2.840.10008.5.1.4.1.1.4"
SERIES = generate_uid()


def make_dicom(pixels, *, syntax=ExplicitVRLittleEndian, **tags):
    """A data set of one grey or colour image, or of frames of grey."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = MR
    data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.SOPClassUID = MR
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID
    data.SeriesInstanceUID = SERIES
    data.PatientName = "Doe^Jane"
    data.ContentDate = datetime(2001, 2, 3)
    pixels = np.asarray(pixels)
    colour = pixels.ndim == 3 and pixels.shape[-1] == 3
    if pixels.ndim == 3 and not colour:
        data.NumberOfFrames = len(pixels)
    data.Rows, data.Columns = pixels.shape[:2] if colour else pixels.shape[-2:]
    data.SamplesPerPixel = 3 if colour else 1
    if colour:
        data.PlanarConfiguration = 0
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8 * pixels.dtype.itemsize
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes()
    for name, value in tags.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    return data


@pytest.fixture
def write_dicom(tmp_path):
    """Write an image under a name, and give the path."""

    def write(name, pixels, **tags):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pydicom.dcmwrite(path, make_dicom(pixels, **tags), enforce_file_format=True)
        return path

    return write


@pytest.fixture
def write_slow_dicom(write_dicom):
    """Write an image that takes some ten seconds to open, and give the path."""
    item = struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    begin = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)

    def write(name):
        path = write_dicom(name, np.ones((20, 30), np.uint16))
        whole = path.read_bytes()
        place = whole.index(struct.pack("<HH", 0x0028, 0x0002))
        path.write_bytes(whole[:place] + begin + item * 300_000 + end + whole[place:])
        return path

    return write


def _as_rank(rank, size, place, function, answers):
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{place}", rank=rank, world_size=size
    )
    try:
        answer = rank, function(rank), None
    except BaseException as error:  # SystemExit, too
        answer = rank, None, error
    # Copies, as tensors in a queue go with the process that sent them.
    answers.put(pickle.dumps(answer))
    dist.destroy_process_group()


@pytest.fixture
def processes(tmp_path):
    """Run a function of the rank in processes of one group; get all answers."""
    context = multiprocessing.get_context("fork")  # which needs no pickling

    def run(size, function):
        answers = context.Queue()
        place = tmp_path / f"group{len(list(tmp_path.glob('group*')))}"
        ranks = [
            context.Process(target=_as_rank, args=(n, size, place, function, answers))
            for n in range(size)
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of fork and threads
            for each in ranks:
                each.start()
        try:
            found = [pickle.loads(answers.get(timeout=120)) for _ in ranks]
            found.sort(key=operator.itemgetter(0))
            for _, _, error in found:
                if error is not None:
                    raise error
            return [answer for _, answer, _ in found]
        finally:
            for each in ranks:
                each.join(timeout=20)
                each.kill()

    return run
