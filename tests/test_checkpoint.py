"""A fit that was interrupted goes on where it was, and ends as without that."""

import errno
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skdeepcluster import (
    Augmentation,
    DeepClusterCategorizer,
    Pretrained,
    Stability,
    _checkpoint,
    _checkpoint_file,
    _lock,
    remove_checkpoints,
)
from skdeepcluster._checkpoint import Checkpoint
from skdeepcluster._checkpoint_file import UNREADABLE, CheckpointFile
from skdeepcluster._engine import runtime
from skdeepcluster._engine.ranks import ALONE
from skdeepcluster._interruption import Interruption, current
from skdeepcluster.objectives import (
    CentroidClassification,
    ClusterClassification,
    Stage,
    SwappedPrediction,
    TwoStages,
)


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch):
    """Each test is a process to which no signal has come."""
    vars(current).update(vars(Interruption()))
    monkeypatch.setattr(_checkpoint, "_seen", set())
    yield
    vars(current).update(vars(Interruption()))


@pytest.fixture(scope="session", name="X")
def images(digits):
    return digits[0][:80]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


class Counting(ClusterClassification):
    """Keeps what its loss depends on, also in the epochs of the other one."""

    checkpoint_name = "counting"

    def __init__(self, momentum=0.5, other=None):
        super().__init__(momentum)
        self.other = other

    def stage(self, epoch, n_epochs):
        return Stage(self if epoch % 2 == 0 else self.other)

    def loss(self, logits, labels, n_views):
        loss = super().loss(logits, labels, n_views)
        self.n_ = getattr(self, "n_", 0) + 1
        mean = getattr(self, "mean_", torch.zeros((), dtype=torch.bfloat16))
        self.mean_ = mean + loss.bfloat16() / self.n_
        return loss * (1 + self.mean_.detach().float())


class NaNAtFirst(ClusterClassification):
    """The first losses of all fits are no numbers, so many as there are `left`."""

    checkpoint_name = "NaN at first"
    left = 0

    def loss(self, logits, labels, n_views):
        loss = super().loss(logits, labels, n_views)
        NaNAtFirst.left -= 1
        return loss if NaNAtFirst.left < 0 else loss * np.nan


def tiny():
    """A network of which a checkpoint takes no time."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, stride=2),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(2),
        torch.nn.Flatten(),
    )


tiny.checkpoint_name = "tiny"


def quick(folder=None, **parameters):
    """Four epochs of four steps."""
    small = {"n_epochs": 4, "batch_size": 20, "warmup_epochs": 1, "random_state": 0}
    return DeepClusterCategorizer(5, checkpoint=folder, **small | parameters)


def quickest(folder=None, **parameters):
    """The same with a network that takes next to no time."""
    return quick(folder, **{"backbone": tiny, "image_size": None} | parameters)


class Interrupting:
    """Raises when an epoch begins or ends, or the fit ends; tells the epochs seen."""

    def __init__(self, begins=None, ends=None, *, ends_fit=False):
        self.begins, self.ends, self.ends_fit = begins, ends, ends_fit
        self.seen = []

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context):
        if context.task_name == "epoch":
            self.seen.append(context.task_id)
            if context.task_id == self.begins:
                raise KeyboardInterrupt

    def on_fit_task_end(self, estimator, context):
        ends = context.task_name == "epoch" and context.task_id == self.ends
        if ends or (self.ends_fit and context.parent is None):
            raise KeyboardInterrupt


def interrupt(est, X, **when):
    """Fit until an epoch begins or ends."""
    with pytest.raises(KeyboardInterrupt):
        clone(est).set_callbacks(Interrupting(**when)).fit(X)


@pytest.fixture
def terminate(monkeypatch):
    """Fit until so many steps are done, when SIGTERM comes."""
    after_step = Checkpoint.after_step

    def terminate(est, X, n_steps):
        left = [n_steps]

        def count(*args):
            left[0] -= 1
            if left[0] == 0:
                current.terminated = True
            after_step(*args)

        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "after_step", count)
            with pytest.raises(SystemExit) as exit_:
                clone(est).fit(X)
        assert exit_.value.code == 143
        current.terminated = False

    return terminate


def assert_same(est, other):
    """All that fit leaves is the same, bit for bit, but how long it took."""
    for name in ("labels_", "embedding_", "last_epoch_labels_", "cluster_centers_"):
        np.testing.assert_array_equal(getattr(est, name), getattr(other, name))
    assert est.inertia_ == other.inertia_
    for name, values in est.history_.items():
        if not name.endswith("seconds"):
            np.testing.assert_array_equal(values, other.history_[name], name)


def what_is_in(folder):
    return [path.suffix for path in sorted(Path(folder).iterdir())]


def header_of(path):
    with safe_open(path, framework="pt") as file:
        return file.metadata()


def train_seconds(path):
    values = json.loads(header_of(path)["values"])
    return values["history"]["train_seconds"]


PARAMETERS = {
    "float32": {"precision": "float32"},
    "bfloat16": {"precision": "bfloat16"},
    "clusters": {
        "objective": ClusterClassification(dropout=0.5),
        "cluster_on": "views",
        "pca_components": 8,
        "sampling": "clusters",
        "projection": 16,
    },
    "two stages": {
        "objective": TwoStages(
            SwappedPrediction(16), CentroidClassification(), 0.5, 0.1, 3
        ),
        "cluster_on": "images",
        "backbone": tiny,
    },
    "what objectives keep": {
        "objective": Counting(other=Counting()),
        "backbone": tiny,
    },
}


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS)
def test_ends_as_without_interruptions(parameters, X, folder, terminate):
    undisturbed = quick(**parameters).fit(X)
    est = quick(folder, **parameters)
    interrupt(est, X, begins=1)
    terminate(est, X, n_steps=6)  # in the third epoch
    interrupt(est, X, ends=2)
    terminate(est, X, n_steps=3)  # in the fourth
    watching = Interrupting()
    est.set_callbacks(watching).fit(X)
    assert watching.seen == [3]
    assert_same(est, undisturbed)
    assert what_is_in(folder) == []


@pytest.mark.parametrize("n_done", range(1, 5))
def test_no_hook_is_called_for_epochs_done(n_done, X, folder):
    est = quickest(folder)
    interrupt(est, X, begins=n_done, ends_fit=n_done == 4)
    watching = Interrupting()
    est.set_callbacks(watching).fit(X)
    assert watching.seen == list(range(n_done, 4))
    assert est.n_epochs_ == 4


def test_a_fit_that_was_asked_to_stop_is_over(X, folder):
    class Stop(Interrupting):
        def on_fit_task_end(self, estimator, context):
            return context.task_id == 1

    assert quickest(folder).set_callbacks(Stop()).fit(X).n_epochs_ == 2
    assert what_is_in(folder) == []


def test_stability_counts_the_epochs_before(X, folder):
    est = quickest(folder, stopping=Stability(nmi=0.01, purity=0.01, patience=2))
    interrupt(est, X, ends=2)
    watching = Interrupting()
    est.set_callbacks(watching).fit(X)
    assert est.n_epochs_ == 3
    assert watching.seen[0] == 2


def test_without_a_random_state_the_fit_before_goes_on(X, folder):
    est = quickest(folder, random_state=None)
    interrupt(est, X, begins=3)
    (path,) = folder.glob("*.checkpoint")
    first = train_seconds(path)
    est.fit(X)
    assert est.history_["train_seconds"][:3].tolist() == first


def test_without_a_random_state_the_seed_goes_on(X, folder, monkeypatch):
    """What was drawn before the first epoch is not in the file: views of a head."""
    seeds, session = [], runtime.session

    def seen(device, seed=None):
        if seed is not None:
            seeds.append(seed)
        return session(device, seed)

    monkeypatch.setattr(runtime, "session", seen)
    est = quickest(folder, random_state=None)
    for begins in (1, 3):
        interrupt(est, X, begins=begins)
    est.fit(X)
    assert seeds[0] == seeds[1] == seeds[2]


def test_a_generator_that_has_drawn_goes_on(X, folder):
    est = quickest(folder, random_state=np.random.RandomState(0))
    est.set_callbacks(Interrupting(begins=2))
    with pytest.raises(KeyboardInterrupt):
        est.fit(X)
    watching = Interrupting()
    est.set_callbacks(watching).fit(X)
    assert watching.seen == [2, 3]
    assert_same(est, quickest(random_state=np.random.RandomState(0)).fit(X))


def test_two_fits_that_differ_by_chance_alone_stay_two(X, folder, monkeypatch):
    """The one that comes later neither resumes the other nor removes its file."""
    monkeypatch.setattr(_lock, "_PATIENCE", 0)
    inner = Interrupting()

    class Beside(Interrupting):
        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch" and context.task_id == 2:
                other = quickest(folder, random_state=None).set_callbacks(inner)
                with pytest.warns(UserWarning, match=r"this fit has no checkpoint"):
                    other.fit(X)
                assert what_is_in(folder) == [".checkpoint", ".lock", ".running"]

    quickest(folder, random_state=None).set_callbacks(Beside()).fit(X)
    assert inner.seen == [0, 1, 2, 3]
    assert what_is_in(folder) == []


def test_long_epochs_are_kept_within(X, folder, monkeypatch):
    monkeypatch.setattr(_checkpoint, "_SECONDS", 0)
    write, steps = Checkpoint.write, []

    def watched(self, learning, epoch):
        steps.append(epoch.n_steps)
        write(self, learning, epoch)

    monkeypatch.setattr(Checkpoint, "write", watched)
    quickest(folder, n_epochs=1).fit(X)
    assert steps == [1, 2, 3, 4]


def test_a_loss_that_is_not_finite_is_not_kept(X, folder, terminate):
    """A signal may come before the loss is looked at; the epoch is done again then."""
    nan_at_first = NaNAtFirst()
    undisturbed = quickest(objective=nan_at_first)
    NaNAtFirst.left = 1
    with pytest.warns(ConvergenceWarning, match="Learning diverged"):
        undisturbed.fit(X)
    est = quickest(folder, objective=nan_at_first)
    NaNAtFirst.left = 1
    terminate(est, X, n_steps=1)
    with pytest.warns(ConvergenceWarning, match="Learning diverged"):
        est.fit(X)
    assert_same(est, undisturbed)


# What is another fit


def test_other_parameters_and_images_are_other_fits(X, folder):
    other = X.copy()
    other[40, 4, 4] += 1
    fits = [
        ({}, X),
        ({}, other),
        ({}, X[:79]),
        ({}, X.astype(np.int16)),
        ({}, X.reshape(-1, 4, 16)),
        ({"random_state": 1}, X),
        ({"learning_rate": 0.05}, X),
        ({"augmentation": Augmentation(rotation=5)}, X),
        ({"objective": SwappedPrediction(16)}, X),
        ({"objective": SwappedPrediction(16, temperature=0.2)}, X),
    ]
    for parameters, images in fits:
        watching = Interrupting(begins=1)
        with pytest.raises(KeyboardInterrupt):
            quickest(folder, **parameters).set_callbacks(watching).fit(images)
        assert watching.seen == [0, 1]
    assert len(list(folder.glob("*.checkpoint"))) == len(fits)
    assert len(list(folder.iterdir())) == 2 * len(fits)  # with locks


def test_what_bits_do_not_depend_on_is_the_same_fit(X, folder):
    precision = quickest(n_epochs=0).fit(X).precision_
    interrupt(quickest(folder), X, begins=1)
    same = [
        ({"device": "cpu"}, X),
        ({"precision": precision, "checkpoint": str(folder)}, X[..., None]),
    ]
    for parameters, images in same:
        watching = Interrupting(ends=1)
        est = quickest(folder).set_params(**parameters)
        with pytest.raises(KeyboardInterrupt):
            est.set_callbacks(watching).fit(images)
        assert watching.seen == [1]


def test_weights_are_told_by_what_is_in_them(X, folder, tmp_path):
    timm = pytest.importorskip("timm")
    state, other = (timm.create_model("test_resnet").state_dict() for _ in range(2))
    torch.save(state, tmp_path / "a.pt")
    shutil.copy(tmp_path / "a.pt", tmp_path / "b.pt")
    fits = []
    for weights in (
        *(tmp_path / "a.pt", tmp_path / "b.pt"),
        *(state, dict(reversed(state.items())), other),
    ):
        fits.append(Interrupting(begins=1))
        backbone = Pretrained("timm:test_resnet", weights=weights)
        est = quick(folder, backbone=backbone, image_size=32, standardize="dataset")
        with pytest.raises(KeyboardInterrupt):
            est.set_callbacks(fits[-1]).fit(X)
    assert [fit.seen for fit in fits] == [[0, 1], [1], [0, 1], [1], [0, 1]]


class Mine(ClusterClassification):
    pass


@pytest.mark.parametrize(
    "parameters",
    [
        {"backbone": lambda: tiny()},
        {"objective": Mine()},
        {"objective": TwoStages(Mine(), Mine())},
    ],
)
def test_code_without_a_name_is_refused(parameters, X, folder):
    with pytest.raises(ValueError, match=r"is code.* an attribute checkpoint_name"):
        quickest(folder, **parameters).fit(X)
    assert what_is_in(folder.parent) == []


# What may go wrong


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-5000] ^= 4
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def of_another_version(path):
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = {**file.metadata(), "version": "0"}
    save_file(tensors, path, metadata=metadata)


DAMAGES = [truncate, flip_a_bit, empty, of_another_version]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_not_used(damage, X, folder):
    undisturbed = quickest().fit(X)
    est = quickest(folder)
    interrupt(est, X, begins=2)
    (path,) = folder.glob("*.checkpoint")
    damage(path)
    watching = Interrupting()
    with pytest.warns(UserWarning, match=r"cannot be used .*; the fit starts from the"):
        est.set_callbacks(watching).fit(X)
    assert watching.seen == [0, 1, 2, 3]
    assert_same(est, undisturbed)
    assert what_is_in(folder) == []


def test_no_flipped_bit_goes_unnoticed(X, folder):
    interrupt(quickest(folder), X, begins=1)
    (path,) = folder.glob("*.checkpoint")
    content = path.read_bytes()
    n_header = int.from_bytes(content[:8], "little")
    random = np.random.default_rng(0)
    places = [*range(8), *(8 + random.integers(n_header, size=200))]
    places += [*random.integers(8 + n_header, len(content), size=50)]
    kept = CheckpointFile(folder, path.stem)
    kept.read()
    for place in places:
        spoilt = bytearray(content)
        spoilt[place] ^= 1 << random.integers(8)
        path.write_bytes(spoilt)
        with pytest.raises(UNREADABLE):
            kept.read()


def test_a_folder_that_cannot_be_made_or_written_to(X, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    watching = Interrupting()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match=re.escape(str(folder))):
            quickest(folder).set_callbacks(watching).fit(X)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(PermissionError, match=r"checkpoint='.*cannot be written to"):
        quickest(tmp_path).set_callbacks(watching).fit(X)
    assert watching.seen == []


def test_a_full_disk_ends_no_fit(X, folder, monkeypatch):
    undisturbed = quickest().fit(X)
    left = [1]

    def save_and_fill(*args, **kwargs):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save_file(*args, **kwargs)

    est = quickest(folder)
    with monkeypatch.context() as patch:
        patch.setattr(_checkpoint_file, "save_file", save_and_fill)
        with pytest.warns(UserWarning, match=r"cannot be written .*No space") as told:
            interrupt(est, X, begins=3)
        assert len(told) == 1
        assert what_is_in(folder) == [".checkpoint", ".lock"]
        watching = Interrupting()
        with pytest.warns(UserWarning, match=r"cannot be written .*No space"):
            clone(est).set_callbacks(watching).fit(X)
        assert watching.seen == [1, 2, 3]
    interrupt(est, X, begins=3)
    assert_same(est.fit(X), undisturbed)


def test_a_folder_that_has_become_read_only_ends_no_fit(X, folder, monkeypatch):
    undisturbed = quickest().fit(X)
    interrupt(quickest(folder), X, begins=2)

    def refuse(*args, **kwargs):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(_checkpoint_file, "FileLock", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.warns(UserWarning, match=r"Read-only file system") as told:
        est = quickest(folder).fit(X)
    assert [str(each.message).split(" cannot be ")[1][:7] for each in told] == [
        "written",
        "removed",
    ]
    assert_same(est, undisturbed)


def test_what_killed_processes_left_is_removed(X, folder):
    est = quickest(folder)
    interrupt(est, X, begins=1)
    (path,) = folder.glob("*.checkpoint")
    (folder / f"{path.name}.7.unfinished").write_text("half")
    interrupt(est, X, begins=2)
    assert what_is_in(folder) == [".checkpoint", ".lock"]
    (folder / f"{path.name}.8.unfinished").write_text("half")
    est.fit(X)
    assert what_is_in(folder) == []


def test_what_others_left_is_named_once(X, folder, recwarn):
    folder.mkdir()
    names = [
        f"{'a' * 32}.checkpoint",
        f"{'b' * 32}.checkpoint.7.unfinished",
        f"{'c' * 32}.checkpoint",
    ]
    for name in names:
        (folder / name).write_bytes(bytes(2**20))
    of_others = ["epoch3.checkpoint", "mine.txt", "mine.running"]
    for name in [f"{'d' * 32}.running", *of_others]:
        (folder / name).write_text("")
    for path in folder.glob("[abe]*"):
        os.utime(path, (0, 0))
    for _ in range(2):
        quickest(folder, n_epochs=1).fit(X)
    (warning,) = recwarn
    assert "has 2 checkpoint(s) of other, unfinished fits" in str(warning.message)
    assert "2 MiB); skdeepcluster.remove_checkpoints" in str(warning.message)
    removed = remove_checkpoints(folder)
    assert [path.name for path in removed] == names
    assert sorted(path.name for path in folder.iterdir()) == sorted(of_others)
    assert remove_checkpoints(folder / "missing") == []


def test_other_hardware_or_software_is_warned_of(X, folder, monkeypatch):
    undisturbed = quickest().fit(X)
    est = quickest(folder)
    interrupt(est, X, begins=2)
    found = _checkpoint._surroundings(torch.device("cpu"), ALONE)
    elsewhere = {**found, "threads": 99, "versions": ["0"]}
    monkeypatch.setattr(_checkpoint, "_surroundings", lambda *_: elsewhere)
    watching = Interrupting()
    with pytest.warns(UserWarning, match="with different threads, versions: sums may"):
        est.set_callbacks(watching).fit(X)
    assert watching.seen == [2, 3]
    assert_same(est, undisturbed)


def test_what_objectives_keep_has_to_be_plain(X, folder):
    class Listing(ClusterClassification):
        checkpoint_name = "listing"

        def loss(self, *args):
            self.losses_ = [*getattr(self, "losses_", []), 1.0]
            return super().loss(*args)

    quickest(objective=Listing()).fit(X)
    with pytest.raises(ValueError, match=r"cannot hold Listing.losses_; keep"):
        quickest(folder, objective=Listing()).fit(X)


# What becomes of the parameter


def test_a_fitted_model_does_not_take_its_folder_along(X, folder, tmp_path):
    est = quick(folder, n_epochs=1)
    assert pickle.loads(pickle.dumps(est)).checkpoint == folder
    est.fit(X)
    assert est.checkpoint == folder
    assert pickle.loads(pickle.dumps(est)).checkpoint is None
    est.save(tmp_path / "model")
    assert DeepClusterCategorizer.load(tmp_path / "model").checkpoint is None
    assert folder.name.encode() not in (tmp_path / "model").read_bytes()
    assert clone(est).checkpoint == folder


# In processes that are killed

SEARCH = """
import os, sys, time
import numpy as np
from sklearn.model_selection import GridSearchCV
from torch import nn
from skdeepcluster import DeepClusterCategorizer

class Nap(nn.Module):
    def forward(self, pixels):
        time.sleep(float(os.environ.get("NAP", 0)))
        return pixels

def sleepy():
    return nn.Sequential(Nap(), nn.Conv2d(1, 8, 3, stride=2), nn.AdaptiveAvgPool2d(2))

sleepy.checkpoint_name = "sleepy"

def inertia(est, X, y=None):
    return est.inertia_

def first_seconds(est, X, y=None):
    return est.history_["train_seconds"][0]

def search(X, folder, n_jobs):
    est = DeepClusterCategorizer(
        4,
        backbone=sleepy,
        image_size=None,
        n_epochs=4,
        batch_size=20,
        random_state=0,
        checkpoint=folder,
    )
    return GridSearchCV(
        est,
        {"learning_rate": [0.05, 0.1]},
        cv=2,
        scoring={"inertia": inertia, "first": first_seconds},
        refit=False,
        n_jobs=n_jobs,
        error_score="raise",
    ).fit(X)

if __name__ == "__main__":
    search(np.load(sys.argv[1]), sys.argv[2], 2)
"""


def test_a_search_whose_processes_were_killed_goes_on(X, folder, tmp_path):
    (tmp_path / "searching.py").write_text(SEARCH)
    np.save(tmp_path / "X.npy", X)
    found = {}
    exec(SEARCH, found)  # here and there the same
    child = subprocess.Popen(
        [sys.executable, tmp_path / "searching.py", tmp_path / "X.npy", folder],
        start_new_session=True,
        env=os.environ | {"NAP": "0.1"},
    )
    try:
        end = time.monotonic() + 60
        while len(list(folder.glob("*.checkpoint"))) < 2:
            assert child.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        os.killpg(child.pid, signal.SIGKILL)  # with the workers
        child.wait()
    seconds = {train_seconds(path)[0] for path in folder.glob("*.checkpoint")}
    results = found["search"](X, folder, None).cv_results_
    undisturbed = found["search"](X, None, None).cv_results_
    first = {results[f"split{n}_test_first"][m] for n in (0, 1) for m in (0, 1)}
    assert seconds
    assert seconds <= first  # those epochs were not done again
    for n in (0, 1):
        name = f"split{n}_test_inertia"
        np.testing.assert_array_equal(results[name], undisturbed[name])
    assert what_is_in(folder) == []
