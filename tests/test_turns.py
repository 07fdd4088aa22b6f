"""Fits of the command line that take turns."""

import os
import threading
import time
from types import SimpleNamespace

import pytest

from skdeepcluster._interruption import current
from skdeepcluster.cli import _turns
from skdeepcluster.cli._turns import TakeTurns

ON_CPU = SimpleNamespace(device="cpu")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(_turns.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(_turns, "_SECONDS", 0.0)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    current.begin(kept=None)
    yield tmp_path
    current.begin(kept=None)
    current.between_steps = None


def begun():
    fit = TakeTurns()
    fit.setup(ON_CPU, None)
    return fit


def learn(fit, who, log, n_steps):
    for step in range(n_steps):
        log.append((who, step))
        time.sleep(0.02)
        fit._hand_over()
    fit.teardown(ON_CPU, None)


def test_two_fits_learn_by_turns():
    log = []
    first = begun()

    def other():
        learn(begun(), "b", log, 5)

    thread = threading.Thread(target=other)
    thread.start()
    time.sleep(0.1)
    assert not log  # the other waits
    learn(first, "a", log, 5)
    thread.join()
    assert [who for who, _ in log] == ["a", "b"] * 5


def test_a_fit_alone_waits_for_nobody():
    fit = begun()
    start = time.monotonic()
    for _ in range(20):
        fit._hand_over()
        assert fit._held is not None
    assert time.monotonic() - start < 5
    fit.teardown(ON_CPU, None)
    assert fit._held is None
    assert current.between_steps is None


def test_a_fit_that_hands_nothing_over_is_not_waited_for_forever(monkeypatch):
    monkeypatch.setattr(_turns, "_PATIENCE", 0.1)
    holder, other = begun(), begun()
    assert holder._held is not None
    assert other._held is None
    assert other._since > time.monotonic()  # learns for a while before it waits again
    other.teardown(ON_CPU, None)
    holder.teardown(ON_CPU, None)
    assert begun()._held is not None


def test_sigterm_ends_waiting():
    holder = begun()
    current.terminated = True
    start = time.monotonic()
    other = begun()
    assert time.monotonic() - start < 5
    assert other._held is None
    holder.teardown(ON_CPU, None)


def test_cores_that_the_user_shared_out_are_not_shared_again(monkeypatch, folder):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    fit = begun()
    assert current.between_steps is None
    fit.teardown(ON_CPU, None)
    assert not any(folder.glob("*/*"))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_folder_of_somebody_else_is_not_used(folder):
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (folder / f"skdeepcluster-{_turns.getpass.getuser()}").symlink_to(elsewhere)
    begun().teardown(ON_CPU, None)
    assert current.between_steps is None
    assert not any(elsewhere.iterdir())


def test_a_process_of_a_fit_is_told_what_the_user_has_set(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as the command has shared out
    fit = TakeTurns(is_shared_out=False)
    fit.setup(ON_CPU, None)
    assert fit._held is not None
    fit.teardown(ON_CPU, None)
