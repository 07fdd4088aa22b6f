"""A command that fits in several processes: what it hands them, and how they end."""

import json
import os
import signal
import stat
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skdeepcluster import DeepClusterCategorizer, Pretrained
from skdeepcluster._interruption import TERMINATED, current
from skdeepcluster._results import Results
from skdeepcluster.archive._rows import unnamed_memmap
from skdeepcluster.cli import _processes, main
from skdeepcluster.cli._handover import Handover
from skdeepcluster.cli._processes import HANDED_OVER, _variables, _why, n_processes

RESULTS = {
    "clusters.csv",
    "duplicates.csv",
    "model.safetensors",
    "outliers.csv",
    "report.html",
    "sources.csv",
}
N_EPOCHS = 4


@pytest.fixture(autouse=True)
def ctrl_c_is_heard():
    """Also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def scores(monkeypatch):
    """What the pictures would show, which take their time."""
    shown = []
    monkeypatch.setattr(Results, "draw", lambda *given: shown.append(given[-1]))
    return shown


@pytest.fixture
def npz(tmp_path, digits):
    path = tmp_path / "set.npz"
    np.savez(path, images=digits[0][:70], labels=digits[1][:70])
    return path


def command(npz, out, n):
    """Four epochs of one step."""
    arguments = ["categorize", npz, "-k", "5", "--epochs", N_EPOCHS, "-o", out]
    return list(map(str, [*arguments, "--labels", npz, "--processes", n]))


def names(folder):
    return {path.name for path in folder.iterdir()} - {".lock"}


def after_an_epoch(out, act):
    """Do something once there is a checkpoint."""

    def wait():
        while not any(out.glob("checkpoint/*.checkpoint")):
            time.sleep(0.01)
        act()

    threading.Thread(target=wait, daemon=True).start()


def send(number):
    return lambda: os.kill(os.getpid(), number)


def ranks():
    """The processes that this one has started."""
    found = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
    return [
        int(pid)
        for pid in found.split()
        if b"cli._rank" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def test_ctrl_c_writes_what_was_learnt_and_one_process_goes_on(
    npz, tmp_path, capfd, scores
):
    out = tmp_path / "out"
    after_an_epoch(out, send(signal.SIGINT))
    assert main(command(npz, out, 2)) == 0
    printed, error = capfd.readouterr()
    assert "Stopping after this epoch, to write what was learnt" in error
    assert error.count("Stopping") == 1
    assert "Warning" not in error
    assert "DeepClusterCategorizer - fit" in printed  # the progress bar
    n_done = int(printed.partition("Stopped after ")[2].partition(" ")[0])
    assert 1 <= n_done < N_EPOCHS
    assert f"continues from there, with {out / 'checkpoint'}." in printed
    assert names(out) == RESULTS | {"checkpoint"}
    assert len(scores[0]["nmi"]) == n_done
    with pytest.warns(UserWarning, match="written with different processes"):
        assert main(command(npz, out, 1)) == 0
    printed = capfd.readouterr().out
    assert f"continues from epoch {n_done + 1} of {N_EPOCHS}" in printed
    assert names(out) == RESULTS
    assert not np.isnan(scores[1]["nmi"]).any()
    assert_array_equal(scores[1]["nmi"][:n_done], scores[0]["nmi"])


def test_sigterm_ends_with_143_and_two_processes_go_on(npz, tmp_path, capfd):
    out = tmp_path / "out"
    before = signal.getsignal(signal.SIGTERM), dict(os.environ)
    after_an_epoch(out, send(signal.SIGTERM))
    assert main(command(npz, out, 2)) == 143
    assert capfd.readouterr().err == (
        "skdeepcluster: terminated; the same command continues from there\n"
    )
    assert (signal.getsignal(signal.SIGTERM), dict(os.environ)) == before
    assert names(out) == {"checkpoint"}
    assert not ranks()
    assert main(command(npz, out, 2)) == 0
    printed, error = capfd.readouterr()
    assert f"of {N_EPOCHS}\n" in printed.partition("continues from epoch")[2]
    assert error == ""
    assert names(out) == RESULTS
    loaded = DeepClusterCategorizer.load(out / "model.safetensors")
    images = np.load(npz)["images"]
    assert_array_equal(loaded.predict(images), loaded.labels_)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_a_killed_process_ends_the_command_which_goes_on(npz, tmp_path, capfd):
    out = tmp_path / "out"
    after_an_epoch(out, lambda: os.kill(ranks()[1], signal.SIGKILL))
    assert main(command(npz, out, 2)) == 2
    assert capfd.readouterr().err == (
        "skdeepcluster: error: process 2 of 2 was ended by SIGKILL, perhaps because "
        "memory ran out; the same command continues from the last checkpoint\n"
    )
    assert names(out) == {"checkpoint"}
    assert not ranks()
    with pytest.warns(UserWarning, match="written with different processes"):
        assert main(command(npz, out, 1)) == 0
    assert "continues from epoch" in capfd.readouterr().out
    assert names(out) == RESULTS


def test_an_error_is_that_of_one_process(digits, tmp_path, capfd):
    images = digits[0][:20].astype(np.float32)
    images[3] = np.nan
    np.save(tmp_path / "set.npy", images)
    said = []
    for n in (1, 2):
        arguments = [str(tmp_path / "set.npy"), "-o", str(tmp_path / "out")]
        assert main(["categorize", *arguments, "--processes", str(n)]) == 2
        said.append(capfd.readouterr().err)
    assert "NaN" in said[0]
    assert said[0] == said[1]
    assert not names(tmp_path / "out")


@pytest.fixture
def launched(monkeypatch):
    """What is there when processes would be started."""
    seen = []

    def launch(handover, stores, images, n):
        seen.append((handover, images, n))
        files = {each.name: each.read_bytes() for each in handover.folder.iterdir()}
        seen.append((stat.S_IMODE(handover.folder.stat().st_mode), files))
        raise SystemExit(TERMINATED)

    monkeypatch.setattr(_processes, "_launch", launch)
    return seen


def test_what_is_handed_over_is_private_and_is_removed(digits, tmp_path, launched):
    np.save(tmp_path / "Doe.npy", digits[0])
    np.save(tmp_path / "names.npy", np.array(["Doe", "Roe"])[digits[1] % 2])
    out = tmp_path / "out"
    (out / HANDED_OVER).mkdir(parents=True)  # of a run that was killed
    (out / HANDED_OVER / "left").touch()
    arguments = ["categorize", tmp_path / "Doe.npy", "-o", out, "--processes", 2]
    arguments += ["--labels", tmp_path / "names.npy"]
    assert main(list(map(str, arguments))) == 143
    (_, images, n), (mode, files) = launched
    assert n == 2
    assert images == tmp_path / "Doe.npy"  # mapped from where it is
    assert os.name == "nt" or mode == 0o700
    assert set(files) == {"job.json", "labels.npy"}
    assert not any(b"oe" in content for content in files.values())
    assert not names(out)


@pytest.mark.parametrize("given", [None, "3"])
def test_cores_are_shared_out_unless_the_user_has(
    given, npz, tmp_path, launched, monkeypatch
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if given is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    monkeypatch.setattr(_processes.joblib, "cpu_count", lambda: 5)
    assert main(command(npz, tmp_path / "out", 2)) == 143
    job = json.loads(launched[1][1]["job.json"])
    assert job["is_shared_out"] == (given is not None)  # others take turns
    for n, n_threads in ((2, "2"), (8, "1")):
        found = _variables(n).get("OMP_NUM_THREADS")
        assert found == (n_threads if given is None else None)


def test_images_in_no_file_are_written_to_one(digits, tmp_path):
    some = unnamed_memmap(digits[0].shape, digits[0].dtype, tmp_path)
    some[:] = digits[0]
    for images in (digits[0], some):
        path = Handover(tmp_path).images(images)
        assert path == tmp_path / "images.npy"
        assert_array_equal(np.load(path), digits[0])


def test_the_job_is_the_same_fit(tmp_path):
    handover = Handover(tmp_path)
    backbone = Pretrained("torchvision:resnet18", weights=str(tmp_path / "weights"))
    est = DeepClusterCategorizer.from_recipe(
        "fast", n_clusters=7, backbone=backbone, random_state=3, checkpoint="here"
    )
    handover.give(est, np.array(["a", "b", "a"]), False)
    asked = handover.job().estimator()
    # Its checkpoint would be found by one process.
    assert repr(asked) == repr(est)
    assert repr(asked.get_params()) == repr(est.get_params())
    assert_array_equal(handover.labels(), [0, 1, 0])


def test_the_fitted_estimator_comes_back(tmp_path, fitted, digits):
    current.begin(kept=[])
    try:
        current.noted = {"nmi": [0.5, float("nan")]}
        checkpoint = tmp_path / "checkpoint" / "abc.checkpoint"
        current.kept.append(SimpleNamespace(path=checkpoint))
        Handover(tmp_path).give_back(fitted)
        current.begin(kept=[])
        est = Handover(tmp_path).fitted()
        assert_array_equal(current.noted["nmi"], [0.5, np.nan])
        assert [each.path for each in current.kept] == [checkpoint]
    finally:
        current.begin(kept=None)
    for name in ("labels_", "last_epoch_labels_", "embedding_", "cluster_centers_"):
        assert_array_equal(getattr(est, name), getattr(fitted, name))
    assert_array_equal(est.predict(digits[0]), fitted.labels_)
    assert est.n_epochs_ == fitted.n_epochs_


def ended(**codes):
    return {
        int(rank[1:]): SimpleNamespace(
            exitcode=code,
            timestamp=int(seconds),
            signal_name=lambda code=code: signal.Signals(-code).name,
        )
        for rank, (code, seconds) in codes.items()
    }


def test_the_first_that_ended_says_why(tmp_path):
    handover, now = Handover(tmp_path), time.time()
    error = _why(handover, ended(p0=(3, now), p1=(-signal.SIGTERM, now)), 2)
    assert isinstance(error, ChildProcessError)
    assert "exit code 3, -15" in str(error)
    handover.fail(1, FileNotFoundError("no such file"))
    time.sleep(0.01)
    handover.fail(0, RuntimeError("another has ended"))
    # Killed by the launcher, for it did not answer.
    late = ended(p0=(1, now), p1=(1, now), p2=(-signal.SIGKILL, now + 31))
    error = _why(handover, late, 3)
    assert isinstance(error, OSError)
    assert str(error) == "no such file"
    killed = ended(p0=(1, now), p1=(1, now), p2=(-signal.SIGKILL, now))
    error = _why(handover, killed, 3)
    assert "process 3 of 3 was ended by SIGKILL" in str(error)


def test_an_unexpected_error_has_its_trace(tmp_path):
    handover = Handover(tmp_path)
    try:
        raise KeyError("what")
    except KeyError as error:
        handover.fail(0, error)
    error = _why(handover, ended(p0=(1, time.time())), 2)
    assert isinstance(error, RuntimeError)
    assert "raise KeyError" in str(error)


def test_a_process_that_was_terminated_is_no_error(tmp_path):
    handover = Handover(tmp_path)
    handover.fail(0, SystemExit(TERMINATED))
    error = _why(handover, ended(p0=(TERMINATED, time.time())), 2)
    assert isinstance(error, SystemExit)
    assert error.code == TERMINATED


@pytest.mark.parametrize(
    ("asked", "device", "n_gpus", "n"),
    [
        (None, "auto", 0, 1),
        (None, "auto", 1, 1),
        (None, "auto", 8, 8),
        (None, "cpu", 8, 1),
        (None, "cuda:3", 8, 1),
        (3, "auto", 0, 3),
        (3, "cuda", 8, 3),
        (12, "cpu", 8, 12),
    ],
)
def test_the_default_is_one_process_a_gpu(asked, device, n_gpus, n, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: n_gpus > 0)
    monkeypatch.setattr("torch.cuda.device_count", lambda: n_gpus)
    assert n_processes(asked, device) == n


@pytest.mark.parametrize(
    ("asked", "device", "told"),
    [
        (0, "auto", "--processes 0 is none"),
        (3, "auto", "more than the 2 GPU"),
        (2, "cuda:1", "cannot share --device cuda:1"),
    ],
)
def test_so_many_processes_cannot_be(asked, device, told, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(ValueError, match=told):
        n_processes(asked, device)
