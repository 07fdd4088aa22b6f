"""A fit of several processes: what one would learn, and the same in all of them."""

import os
import re
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from skdeepcluster import DeepClusterCategorizer
from skdeepcluster._engine.descent import Descent
from skdeepcluster._engine.ranks import together
from skdeepcluster._interruption import TERMINATED, current
from skdeepcluster.objectives import ClusterClassification, SwappedPrediction


@pytest.fixture(scope="module")
def X():  # noqa: N802
    """Noise, in which no two pixels tie."""
    return np.random.default_rng(0).random((101, 12, 12), dtype=np.float32)


def tiny():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
    )


def quick(**parameters):
    small = {"n_epochs": 2, "batch_size": 20, "random_state": 0, "n_clusters": 5}
    small |= {"backbone": tiny, "image_size": None, "precision": "float32"}
    return DeepClusterCategorizer(**small | parameters)


def what_was_learnt(est):
    network = est.network_.state_dict()
    return {
        "labels": est.labels_.tolist(),
        "last epoch": est.last_epoch_labels_.tolist(),
        "centroids": est.cluster_centers_.tolist(),
        "network": {name: each.tolist() for name, each in network.items()},
        "inertia": est.inertia_,
        "limits": est.model_.novelty.limits,
        "loss": est.history_["loss"].tolist(),
    }


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"cluster_on": "views", "sampling": "clusters"},
        {
            "cluster_on": "images",
            "objective": ClusterClassification(standardize=True, dropout=0.5),
            "pca_components": 3,
            "augmentation": False,
        },
        {"projection": 4, "standardize": "image", "final_init": "random"},
    ],
)
def test_all_processes_learn_the_same(processes, X, parameters):
    def fit(rank):
        est = quick(**parameters).fit(X)
        embedding = est.embedding_
        assert (embedding is None) == (rank > 0)
        assert np.array_equal(est.predict(X), est.labels_)
        if embedding is not None:
            np.testing.assert_allclose(embedding, est.transform(X), atol=1e-5)
        kinds = {type(layer) for layer in est.network_.modules()}
        assert not any("Ranks" in kind.__name__ for kind in kinds)
        return what_was_learnt(est)

    first, *others = processes(3, fit)
    assert len(first["labels"]) == len(X)
    for other in others:
        assert other == first


@pytest.mark.parametrize(
    "parameters",
    [
        {"objective": SwappedPrediction(n_prototypes=16), "batch_size": 101},
        {
            "objective": ClusterClassification(standardize=True),
            "cluster_on": "images",
            "n_clusters": 1,
            "batch_size": 50,
        },
        {"objective": SwappedPrediction(n_prototypes=16), "batch_size": 2, "warmup": 0},
    ],
)
@pytest.mark.parametrize("size", [2, 3])
def test_the_first_step_is_that_of_one_process(
    processes, X, parameters, size, monkeypatch
):
    step = Descent.step

    def watched(self, loss):
        step(self, loss)
        if not seen:
            gradients = [each.grad.flatten() for each in self._parameters()]
            seen.extend([float(loss.detach()), torch.cat(gradients)])

    monkeypatch.setattr(Descent, "step", watched)
    parameters = {k: v for k, v in parameters.items() if k != "warmup"}
    seen = []
    quick(n_epochs=1, **parameters).fit(X)
    alone = list(seen)

    def fit(rank):
        seen.clear()
        quick(n_epochs=1, **parameters).fit(X)
        return list(seen)

    for loss, gradient in processes(size, fit):
        assert loss == pytest.approx(alone[0], abs=1e-5)
        torch.testing.assert_close(gradient, alone[1], rtol=1e-3, atol=1e-5)


def test_fewer_images_than_processes(processes, X):
    def fit(rank):
        est = quick(n_clusters=2, batch_size=2).fit(X[:2])
        return what_was_learnt(est)

    first, *others = processes(3, fit)
    assert sorted(first["labels"]) == [0, 1]
    assert all(other == first for other in others)


def test_dropout_does_not_part_them(processes, X):
    def dropping():
        return nn.Sequential(tiny(), nn.Dropout(0.5))

    first, second = processes(
        2, lambda rank: what_was_learnt(quick(backbone=dropping).fit(X))
    )
    assert first == second


def test_numbers_drawn_by_one_process_only_are_an_error(processes, X):
    class Drawing(ClusterClassification):
        def loss(self, logits, labels, n_views):
            torch.rand(1 + together().rank)
            return super().loss(logits, labels, n_views)

    for n_epochs in (1, 2):
        est = quick(objective=Drawing(), n_epochs=n_epochs)
        with pytest.raises(RuntimeError, match="different numbers of random numbers"):
            processes(2, lambda rank, est=est: est.fit(X).n_epochs_)


def test_callbacks_may_draw_random_numbers(processes, X):
    class Drawing(Stopping):
        def on_fit_task_begin(self, estimator, context):
            torch.rand(3)

    def fit(rank):
        return what_was_learnt(quick().set_callbacks(Drawing(after=9)).fit(X))

    first, second = processes(2, fit)
    assert first == second


def test_a_batch_norm_of_another_class_does_not_part_them(processes, X):
    class Own(nn.BatchNorm2d):
        pass

    def network():
        layers = list(tiny())
        return nn.Sequential(layers[0], Own(8), *layers[2:])

    def fit(rank):
        est = quick(backbone=network).fit(X)
        assert np.array_equal(est.predict(X), est.labels_)
        return what_was_learnt(est)

    first, second = processes(2, fit)
    assert first == second


def test_the_seed_of_the_first_counts(processes, X):
    def fit(rank):
        return what_was_learnt(quick(random_state=None).fit(X))

    first, second = processes(2, fit)
    assert first == second


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (lambda X, rank: (X[rank:], {}), "were given different images"),
        (lambda X, rank: (X + rank, {}), "were given different images"),
        (lambda X, rank: (X, {"batch_size": 10 + rank}), "have different batch_size"),
        (
            lambda X, rank: (X, {"checkpoint": [None, "folder"][rank]}),
            "have different checkpoint",
        ),
        (
            lambda X, rank: (X, {"objective": SwappedPrediction(temperature=1 + rank)}),
            "have different objective",
        ),
        (
            lambda X, rank: (X, {"backbone": [tiny, quick][rank]}),
            "have different backbone",
        ),
    ],
)
def test_other_images_or_parameters_are_refused(processes, X, given, told):
    def fit(rank):
        images, parameters = given(X, rank)
        quick(**parameters).fit(images)

    with pytest.raises(ValueError, match=told):
        processes(2, fit)


class Stopping:
    """A callback that stops the fit, and keeps the names of the tasks it was told."""

    def __init__(self, after):
        self.after, self.told = after, []

    def setup(self, estimator, context):
        self.told.append("setup")

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.told.append(context.task_name)

    def on_fit_task_end(self, estimator, context):
        return context.task_name == "epoch" and context.task_id == self.after


def test_only_the_first_calls_callbacks_and_its_wish_to_stop_is_that_of_all(
    processes, X
):
    def fit(rank):
        stopping = Stopping(after=rank)
        est = quick(n_epochs=4).set_callbacks(stopping).fit(X)
        assert est._skl_callbacks == [stopping]
        return est.n_epochs_, stopping.told

    first, second = processes(2, fit)
    assert first == (1, ["setup", "fit", "epoch", "teardown"])
    assert second == (1, [])


def test_only_the_first_warns(processes, X):
    def fit(rank):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            quick(learning_rate=1e30, n_epochs=1).fit(X)
        return [str(each.message) for each in told]

    first, second = processes(2, fit)
    assert any("diverged" in each for each in first)
    assert second == []


class TerminatedAt:
    """Terminates the process `rank` in its fit's step number `n_steps`."""

    def __init__(self, rank, n_steps):
        self.rank, self.left = rank, n_steps

    def __call__(self):
        self.left -= 1
        if self.left == 0 and together().rank == self.rank:
            current.terminated = True


@pytest.mark.parametrize("cluster_on", ["bank", "views"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_checkpoint_is_resumed_by_any_number_of_processes(
    processes, X, tmp_path, size, cluster_on
):
    tiny.checkpoint_name = "tiny"
    folder = tmp_path / "checkpoint"
    given = {"checkpoint": folder, "cluster_on": cluster_on}

    def interrupted(rank):
        # The second process is told to stop, in the middle of the second epoch.
        current.between_steps = TerminatedAt(rank=1, n_steps=8)
        quick(**given).fit(X)

    def fit(rank):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            est = quick(**given).fit(X)
        return what_was_learnt(est), [str(each.message) for each in told]

    uninterrupted = processes(2, lambda rank: what_was_learnt(quick(**given).fit(X)))
    assert list(folder.iterdir()) == []
    with pytest.raises(SystemExit) as stopped:
        processes(2, interrupted)
    assert stopped.value.code == TERMINATED
    (_,) = folder.glob("*.checkpoint")
    found = processes(size, fit)
    assert list(folder.iterdir()) == []
    for learnt, told in found[1:]:
        assert learnt == found[0][0]
        assert told == []
    told = [each for each in found[0][1] if "checkpoint" in each]
    if size == 2:
        assert found[0][0] == uninterrupted[0]
        assert told == []
    else:
        (text,) = told
        assert "with different processes" in text
        loss, whole = found[0][0]["loss"], uninterrupted[0]["loss"]
        assert loss == pytest.approx(whole, rel=0.05)


def test_processes_that_read_different_checkpoints_are_refused(processes, X, tmp_path):
    tiny.checkpoint_name = "tiny"

    def interrupted(rank):
        current.between_steps = TerminatedAt(rank=0, n_steps=8)
        quick(checkpoint=tmp_path / "0").fit(X)

    with pytest.raises(SystemExit):
        processes(2, interrupted)
    with pytest.raises(ValueError, match="do not read the same file"):
        processes(2, lambda rank: quick(checkpoint=tmp_path / f"{rank}").fit(X))


SCRIPT = """
import glob, os, signal, sys
import numpy as np
from skdeepcluster import DeepClusterCategorizer
from skdeepcluster._engine import ranks
X = np.load(sys.argv[1], mmap_mode="r")
rank = int(os.environ["RANK"])
class Dying:
    def setup(self, estimator, context): ...
    def teardown(self, estimator, context): ...
    def on_fit_task_begin(self, estimator, context): ...
    def on_fit_task_end(self, estimator, context):
        is_new = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
        if context.task_name == "epoch" and context.task_id == 1 and is_new:
            os.kill(os.getpid(), signal.SIGKILL)
est = DeepClusterCategorizer(
    5, n_epochs=3, batch_size=50, random_state=0, checkpoint=sys.argv[2]
)
if sys.argv[3] == "die":
    est.set_callbacks(Dying())
est.fit(X)
def tell(line):
    os.write(1, f"{line}\\n".encode())  # at once: `print` mixes the processes' lines
tell(f"labels {rank} {len(est.labels_)} {est.labels_.sum()}")
if rank == 0:
    tell(f"alone {len(est.predict(X[:10]))}")
ranks._leave()
tasks = glob.glob("/proc/self/task/*/comm")
tell(f"left {[name for name in map(open, tasks) if 'gloo' in name.read()]}")
"""


def torchrun(X, tmp_path, *options, how="live"):
    (tmp_path / "script.py").write_text(SCRIPT)
    np.save(tmp_path / "X.npy", X)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    command += ["--standalone", *options]
    command += [tmp_path / "script.py", tmp_path / "X.npy", tmp_path / "kept", how]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300
    )


def test_an_unchanged_script_and_one_whose_process_dies(X, tmp_path):
    run = torchrun(X, tmp_path)
    assert run.returncode == 0, run.stderr
    found = re.findall(r"labels (\d) (\d+) (\d+)", run.stdout)
    assert {rank for rank, *_ in found} == {"0", "1"}
    assert len({(n, total) for _, n, total in found}) == 1
    assert "alone 10" in run.stdout
    assert run.stdout.count("left []") == 2  # threads that would abort the process

    # The launcher looks so seldom that the other process is the first to notice.
    dead = torchrun(X, tmp_path, "--monitor-interval=10", how="die")
    assert dead.returncode != 0
    assert f"Signal {signal.SIGKILL:d}" in dead.stderr
    assert "Another process of this fit has ended" in dead.stderr
    (_,) = (tmp_path / "kept").glob("*.checkpoint")
    revived = torchrun(X, tmp_path, "--max-restarts=1", how="die")
    assert revived.returncode == 0, revived.stderr
    again = re.findall(r"labels (\d) (\d+) (\d+)", revived.stdout)
    assert sorted(again) == sorted(found)
