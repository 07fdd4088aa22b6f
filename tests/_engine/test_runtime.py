import os
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from joblib.externals.loky.backend import context

from skdeepcluster._engine import runtime
from skdeepcluster._engine.runtime import (
    NothingDrawn,
    resolve_device,
    resolve_precision,
    session,
)

CPU = torch.device("cpu")


def settings():
    return (
        torch.get_rng_state().tolist(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.is_autocast_cache_enabled(),
        torch.backends.mkldnn.matmul.fp32_precision,
        torch.backends.cuda.matmul.fp32_precision,
        torch.backends.cudnn.conv.fp32_precision,
    )


@pytest.mark.parametrize("fails", [False, True])
def test_settings_come_back(fails):
    precision = torch.backends.mkldnn.matmul.fp32_precision
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode(), torch.autocast("cpu"):
            before = settings()
            try:
                with session(CPU, seed=3):
                    inside = settings()
                    torch.rand(5)
                    if fails:
                        raise KeyError
            except KeyError:
                pass
            assert settings() == before
    finally:
        torch.set_default_dtype(torch.float32)
        torch.backends.mkldnn.matmul.fp32_precision = precision
    assert inside[1:6] == (torch.float32, True, False, False, False)
    assert set(inside[6:]) == {"ieee"}


def test_a_setting_that_was_inherited_still_is():
    try:
        with session(CPU):
            pass
        torch.backends.fp32_precision = "tf32"
        with session(CPU):
            pass
        assert torch.backends.cudnn.conv.fp32_precision == "tf32"
        torch.backends.fp32_precision = "ieee"
        assert torch.backends.mkldnn.conv.fp32_precision == "ieee"
        assert torch.backends.cudnn.conv.fp32_precision == "ieee"
    finally:
        torch.backends.fp32_precision = "none"


def test_seed_repeats():
    draws = []
    for _ in range(2):
        with session(CPU, seed=3):
            draws.append(torch.rand(3).tolist())
    assert draws[0] == draws[1]


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "cpu:x"])
def test_a_device_that_is_not_there_is_named(name):
    with pytest.raises(ValueError, match=rf"device='{name}' cannot be used"):
        resolve_device(name)


def test_precision():
    assert resolve_precision("bfloat16", CPU) == "bfloat16"
    assert resolve_precision("float32", CPU) == "float32"
    assert resolve_precision("auto", CPU) in ("float32", "bfloat16")


@pytest.mark.parametrize(
    ("can", "precision"),
    [
        ({"amx_bf16": True}, "bfloat16"),
        ({"avx512_bf16": True, "amx_bf16": False}, "bfloat16"),
        ({"avx512_f": True, "avx512_bf16": False}, "float32"),
        ({}, "float32"),
    ],
)
def test_auto_is_bfloat16_where_a_cpu_is_built_for_it(monkeypatch, can, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: can)
    assert resolve_precision("auto", CPU) == precision


@pytest.fixture
def quota(monkeypatch, tmp_path):
    """Give a container so many microseconds of 100,000, as Linux writes it."""
    path = tmp_path / "cpu.max"

    def give(text):
        path.write_text(text)

    def opened(name, *args):
        return open(path if name == "/sys/fs/cgroup/cpu.max" else name, *args)

    def exists(name):
        return name == "/sys/fs/cgroup/cpu.max" or os.path.exists(name)

    made_up = types.SimpleNamespace(**vars(os))
    made_up.path = types.SimpleNamespace(exists=exists)
    made_up.cpu_count = lambda: 8
    monkeypatch.setattr(context, "os", made_up)
    monkeypatch.setattr(context, "open", opened, raising=False)
    monkeypatch.setattr(context, "_cpu_count_affinity", lambda n: n)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield give
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("text", "n_threads"),
    [
        ("100000 100000", 1),
        ("20000 100000", 1),
        ("250000 100000", 3),
        ("800000 100000", 4),
        ("max 100000", 4),
    ],
)
def test_threads_follow_the_quota_of_a_container(quota, text, n_threads):
    quota(text)
    with session(CPU):
        assert torch.get_num_threads() == n_threads
        with session(CPU):
            assert torch.get_num_threads() == n_threads
    assert torch.get_num_threads() == 4
    with pytest.raises(KeyError), session(CPU):
        raise KeyError
    assert torch.get_num_threads() == 4


def test_nothing_is_drawn_for_layers_that_will_be_replaced():
    before = torch.get_rng_state()
    with NothingDrawn():
        layer = torch.nn.Conv2d(1, 2, 3)
        torch.nn.init.kaiming_normal_(layer.weight)
    assert torch.equal(torch.get_rng_state(), before)
    assert layer.weight.shape == (2, 1, 3, 3)
    torch.nn.Linear(2, 2)
    assert not torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("mean", "bound"), [(0.0, 2.0), (5.0, 5.1), (0.0, 1e-3)])
def test_truncated_distributions_that_are_not_drawn_end(mean, bound):
    weights = torch.full((1000,), 1e30)  # whatever memory held
    with NothingDrawn():
        torch.nn.init.trunc_normal_(weights, mean, 1.0, -bound, bound)
    assert weights.abs().max() <= bound


def test_seeded_sessions_of_threads_take_turns():
    def drawn(seed):
        with session(CPU, seed):
            found = []
            for _ in range(20):
                found.append(torch.rand(1).item())
                time.sleep(0.001)
            return found

    alone = [drawn(seed) for seed in (0, 1)]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(drawn, [0, 1])) == alone


def test_settings_come_back_when_the_last_thread_has_ended():
    precision = torch.backends.mkldnn.matmul.fp32_precision
    first_is_in, second_is_in = threading.Event(), threading.Event()
    inside = []

    def first():
        with session(CPU):
            first_is_in.set()
            second_is_in.wait(10)

    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    try:
        with ThreadPoolExecutor(1) as threads:
            done = threads.submit(first)
            first_is_in.wait(10)
            with session(CPU):
                second_is_in.set()
                done.result(10)
                inside.append(torch.backends.mkldnn.matmul.fp32_precision)
        inside.append(torch.backends.mkldnn.matmul.fp32_precision)
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = precision
    assert inside == ["ieee", "bf16"]


def test_the_callers_default_device_is_not_taken():
    with torch.device("meta"):
        with session(CPU):
            assert torch.zeros(1).device == CPU
        assert torch.zeros(1).device.type == "meta"


def test_a_session_within_a_session_makes_its_settings_anew():
    precision = torch.backends.mkldnn.matmul.fp32_precision
    before = settings()
    try:
        with session(CPU):
            torch.set_default_dtype(torch.float64)
            torch.backends.mkldnn.matmul.fp32_precision = "bf16"
            with session(CPU):
                inside = settings()
    finally:
        after = settings()
        torch.set_default_dtype(torch.float32)
        torch.backends.mkldnn.matmul.fp32_precision = precision
    assert inside[1] == torch.float32
    assert set(inside[6:]) == {"ieee"}
    assert after == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process can be forked")
def test_a_child_that_leaves_its_parents_session_has_sessions_of_its_own():
    is_child = False
    with session(CPU):
        number = os.fork()
        is_child = number == 0
    if is_child:
        torch.backends.mkldnn.matmul.fp32_precision = "bf16"
        with session(CPU, seed=0):
            made = torch.backends.mkldnn.matmul.fp32_precision
        os._exit(0 if made == "ieee" else 1)
    assert os.waitpid(number, 0)[1] == 0


def test_who_waits_for_another_thread_says_so(monkeypatch, caplog):
    monkeypatch.setattr(runtime, "_SAY_AFTER", 0.01)
    is_in, may_end = threading.Event(), threading.Event()

    def first():
        with session(CPU, seed=0):
            is_in.set()
            may_end.wait(10)

    def second():
        with session(CPU, seed=1):
            return torch.rand(1).item()

    with ThreadPoolExecutor(2) as threads:
        threads.submit(first)
        is_in.wait(10)
        waiting = threads.submit(second)
        while not caplog.records:
            time.sleep(0.01)
        may_end.set()
        waiting.result(10)
    assert "Waiting for a fit in another thread" in caplog.text
