"""What a signal does to a command, and what is there when it was given again."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster._checkpoint import Checkpoint
from skdeepcluster._files import replacing
from skdeepcluster._interruption import Interruption, current
from skdeepcluster._results import Results
from skdeepcluster.archive._store import Store
from skdeepcluster.cli import main
from skdeepcluster.review import _report

RESULTS = {
    "clusters.csv",
    "duplicates.csv",
    "history.png",
    "model.safetensors",
    "montage.png",
    "outliers.csv",
    "report.html",
    "sources.csv",
}


def draw(self, images, assignment, est, scores):
    """What the pictures show as text, which takes no time."""
    shown = {name: row for name, row in est.history_.items() if "seconds" not in name}
    for name in ("montage.png", "history.png"):
        with replacing(self._new(name, "")) as unfinished:
            unfinished.write_text(repr({**shown, **scores}))


@pytest.fixture(scope="module", autouse=True)
def pictures_are_texts():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Results, "draw", draw)
        yield


@pytest.fixture(scope="module", autouse=True)
def ctrl_c_is_heard():
    """Also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def npz(tmp_path_factory, digits):
    tmp_path = tmp_path_factory.mktemp("digits")
    np.savez(tmp_path / "set.npz", images=digits[0][:130], labels=digits[1][:130])
    return tmp_path / "set.npz"


def command(npz, out, *more):
    """Four epochs of two steps."""
    arguments = ["categorize", npz, "-k", "5", "--epochs", "4", "-o", out, *more]
    return [str(argument) for argument in arguments]


def names(folder):
    return {path.name for path in folder.iterdir()} - {".lock"}


def contents(folder):
    """What does not tell how long it took."""
    names = ("clusters.csv", "history.png", "report.html")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def undisturbed(npz, tmp_path_factory):
    """What the command writes."""
    out = tmp_path_factory.mktemp("undisturbed")
    assert main(command(npz, out, "--labels", npz)) == 0
    return contents(out)


@pytest.fixture
def raise_in(monkeypatch):
    """Raise a signal when a function is called for the n-th time."""

    def raise_in(owner, name, number, *, n=1, after=False):
        function, left = getattr(owner, name), [n]

        def watched(*args, **kwargs):
            left[0] -= 1
            if left[0] == 0 and not after:
                signal.raise_signal(number)
            found = function(*args, **kwargs)
            if left[0] == 0 and after:
                signal.raise_signal(number)
            return found

        monkeypatch.setattr(owner, name, watched)

    return raise_in


@pytest.mark.parametrize(
    ("owner", "name", "n", "goes_on"),
    [
        # at once: nothing is lost
        (DeepClusterCategorizer, "fit", 1, None),
        # after the step: that epoch is not done again from its start
        (Checkpoint, "after_step", 3, "continues from epoch 3 of 4"),
        # while a checkpoint is written: first it is finished
        (Checkpoint, "write", 2, "continues from epoch 3 of 4"),
        # while results are written
        (DeepClusterCategorizer, "save", 1, "all 4 epochs are already done"),
    ],
)
def test_sigterm_ends_with_143_and_the_same_command_goes_on(
    owner, name, n, goes_on, npz, undisturbed, tmp_path, capsys, raise_in, monkeypatch
):
    before = signal.getsignal(signal.SIGTERM)
    out = tmp_path / "out"
    raise_in(owner, name, signal.SIGTERM, n=n)
    assert main(command(npz, out, "--labels", npz)) == 143
    error = capsys.readouterr().err
    assert error == (
        "skdeepcluster: terminated; the same command continues from there\n"
    )
    assert signal.getsignal(signal.SIGTERM) is before
    assert current == Interruption()
    assert not RESULTS & names(out) if out.exists() else goes_on is None
    monkeypatch.undo()
    assert main(command(npz, out, "--labels", npz)) == 0
    printed = capsys.readouterr().out
    assert (goes_on or "") in printed
    told = "continues" in printed or "already" in printed
    assert told is (goes_on is not None)
    assert names(out) == RESULTS
    assert contents(out) == undisturbed


def test_ctrl_c_writes_what_was_learnt_and_the_same_command_goes_on(
    npz, undisturbed, tmp_path, capsys, raise_in, monkeypatch
):
    raise_in(Checkpoint, "after_step", signal.SIGINT, n=2)
    assert main(command(npz, tmp_path, "--labels", npz)) == 0
    printed, error = capsys.readouterr()
    assert "Stopping after this epoch, to write what was learnt" in error
    assert "Stopped after 2 of 4 epochs." in printed
    assert f"continues from there, with {tmp_path / 'checkpoint'}." in printed
    assert names(tmp_path) == RESULTS | {"checkpoint"}
    assert contents(tmp_path)["clusters.csv"] != undisturbed["clusters.csv"]
    monkeypatch.undo()
    assert main(command(npz, tmp_path, "--labels", npz)) == 0
    assert "continues from epoch 3 of 4" in capsys.readouterr().out
    assert names(tmp_path) == RESULTS
    assert contents(tmp_path) == undisturbed


def test_ctrl_c_in_the_last_epoch_changes_nothing(
    npz, undisturbed, tmp_path, capsys, raise_in
):
    raise_in(Checkpoint, "after_step", signal.SIGINT, n=4)
    assert main(command(npz, tmp_path, "--labels", npz)) == 0
    assert "continues" not in capsys.readouterr().out
    assert names(tmp_path) == RESULTS
    assert contents(tmp_path) == undisturbed


def test_ctrl_c_while_results_are_written_keeps_the_checkpoint(
    npz, undisturbed, tmp_path, capsys, raise_in, monkeypatch
):
    raise_in(_report, "write_page", signal.SIGINT)
    assert main(command(npz, tmp_path, "--labels", npz)) == 130
    assert "checkpoint" in names(tmp_path)
    monkeypatch.undo()
    assert main(command(npz, tmp_path, "--labels", npz)) == 0
    assert "all 4 epochs are already done" in capsys.readouterr().out
    assert contents(tmp_path) == undisturbed


def test_other_options_are_another_fit(npz, tmp_path, capsys, raise_in, monkeypatch):
    raise_in(Checkpoint, "write", signal.SIGTERM)
    assert main(command(npz, tmp_path)) == 143
    monkeypatch.undo()
    assert main(command(npz, tmp_path, "--seed", "1")) == 0
    assert "continues" not in capsys.readouterr().out
    assert names(tmp_path) == RESULTS | {"checkpoint"}
    assert main(command(npz, tmp_path)) == 0
    assert "continues from epoch 2 of 4" in capsys.readouterr().out
    assert names(tmp_path) == RESULTS


def test_other_labels_have_no_scores_of_the_epochs_before(
    npz, tmp_path, digits, raise_in, monkeypatch
):
    np.save(tmp_path / "other.npy", digits[1][:130] // 2)
    raise_in(Checkpoint, "write", signal.SIGTERM, n=2)
    assert main(command(npz, tmp_path, "--labels", npz)) == 143
    monkeypatch.undo()
    found = []
    monkeypatch.setattr(Results, "draw", lambda *given: found.append(given[-1]))
    assert main(command(npz, tmp_path, "--labels", tmp_path / "other.npy")) == 0
    (scores,) = found
    assert list(scores) == ["nmi", "purity"]
    for values in scores.values():
        assert np.isnan(values).tolist() == [True, True, False, False]


def test_epochs_without_labels_have_no_scores(npz, tmp_path, raise_in, monkeypatch):
    for labels in (["--labels", npz], []):
        raise_in(Checkpoint, "write", signal.SIGTERM, n=1)
        assert main(command(npz, tmp_path, *labels)) == 143
        monkeypatch.undo()
    found = []
    monkeypatch.setattr(Results, "draw", lambda *given: found.append(given[-1]))
    assert main(command(npz, tmp_path, "--labels", npz)) == 0
    (scores,) = found
    for values in scores.values():
        assert np.isnan(values).tolist() == [False, True, False, False]


def test_sigterm_ends_the_reading_of_an_archive_which_goes_on_too(
    digits, tmp_path, raise_in, monkeypatch
):
    folder, out = tmp_path / "pictures", tmp_path / "out"
    folder.mkdir()
    for number, image in enumerate(digits[0][:20]):
        Image.fromarray(image * 15).save(folder / f"{number:02}.png")
    arguments = ["categorize", str(folder), "-k", "2", "--epochs", "1", "--jobs", "1"]
    raise_in(Store, "add", signal.SIGTERM, n=11)
    assert main([*arguments, "-o", str(out)]) == 143
    assert not {"images.npy", "index.csv"} & names(out)
    monkeypatch.undo()
    add, added = Store.add, []

    def watched(self, *args):
        added.append(args)
        add(self, *args)

    monkeypatch.setattr(Store, "add", watched)
    assert main([*arguments, "-o", str(out)]) == 0
    assert len(added) == 10
    assert names(out) >= RESULTS


def test_in_another_thread_there_is_no_handler(npz, undisturbed, tmp_path):
    codes = []
    arguments = command(npz, tmp_path, "--labels", npz)
    thread = threading.Thread(target=lambda: codes.append(main(arguments)))
    thread.start()
    thread.join()
    assert codes == [0]
    assert contents(tmp_path) == undisturbed


def test_what_killed_processes_left_of_results_is_removed(npz, tmp_path):
    old, new = (tmp_path / f"report.html.{n}.unfinished" for n in (7, 8))
    other = tmp_path / "mine.7.unfinished"
    for path in (old, new, other):
        path.write_text("half")
    os.utime(old, (0, 0))
    later = time.time() + 3600  # of a run that is under way
    os.utime(new, (later, later))
    assert main(command(npz, tmp_path)) == 0
    assert names(tmp_path) == RESULTS | {new.name, other.name}


WATCHING = """
import os, sys

class Watch:
    def find_spec(self, name, path, target=None):
        if name == "torch":
            print(os.environ.get("OMP_WAIT_POLICY"), flush=True)
            os._exit(0)

from skdeepcluster.cli import main
assert not {"torch", "sklearn"} & set(sys.modules)
sys.meta_path.insert(0, Watch())
main(sys.argv[1:])
"""


@pytest.mark.parametrize(("given", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_wait_passively_unless_the_user_says_otherwise(
    given, found, npz, tmp_path
):
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    environment |= {} if given is None else {"OMP_WAIT_POLICY": given}
    run = subprocess.run(
        [sys.executable, "-c", WATCHING, *command(npz, tmp_path)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert run.stdout == f"{found}\n"


def test_killed_at_any_moment_it_ends_with_the_same_clusters(
    npz, undisturbed, tmp_path, capsys
):
    random = np.random.default_rng(0)
    arguments = command(npz, tmp_path, "--labels", npz)
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        child = subprocess.Popen(
            [sys.executable, "-m", "skdeepcluster.cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while "130 images of" not in (line := child.stdout.readline()):
            assert line
        time.sleep(random.uniform(0, 2))
        child.send_signal(number)
        _, error = child.communicate()
        if child.returncode == 143:
            assert "skdeepcluster: terminated; the same command continues" in error
        elif child.returncode != -signal.SIGKILL:
            assert names(tmp_path) == RESULTS  # it had ended before
        if "model.safetensors" in names(tmp_path):
            DeepClusterCategorizer.load(tmp_path / "model.safetensors")
    assert main(arguments) == 0
    assert contents(tmp_path) == undisturbed
    assert names(tmp_path) == RESULTS
