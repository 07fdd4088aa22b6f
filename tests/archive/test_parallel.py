import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import joblib
import pytest

from skdeepcluster.archive import _workers
from skdeepcluster.archive._file import Unreadable
from skdeepcluster.archive._options import Limits
from skdeepcluster.archive._parallel import CRASHED, in_parallel

LIMITS = Limits(timeout=30, max_memory=1)
AT_ONCE = Limits(timeout=0.5, max_memory=1)

# The items are Python, which a worker evaluates.
CRASH = "__import__('os').abort()"
BUSY = "any(iter(int, 1))"
ASLEEP = "__import__('time').sleep(1000)"
LARGE = "len(bytes(2**31))"
NUMBER = "__import__('os').getpid()"


def run(items, n_jobs=1, limits=LIMITS, size=5):
    chunks = [items[n : n + size] for n in range(0, len(items), size)]
    return list(in_parallel(eval, chunks, n_jobs, limits))


def of(outcome):
    return outcome.kind if isinstance(outcome, Unreadable) else outcome


@pytest.fixture
def not_forked(monkeypatch):
    """As where processes that have loaded libraries are not forked."""
    monkeypatch.setattr(_workers, "_CAN_FORK", False)
    workers = _workers.Workers()
    monkeypatch.setattr("skdeepcluster.archive._parallel.WORKERS", workers)
    yield
    workers.close()


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_all_items_with_their_results(n_jobs):
    items = [f"{number}**2" for number in range(50)]
    found = run(items, n_jobs)
    assert dict(found) == {f"{number}**2": number**2 for number in range(50)}
    if n_jobs == 1:
        assert [item for item, _ in found] == items


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (CRASH, "damaged"),
        (BUSY, "too slow"),
        (ASLEEP, "too slow"),
        (LARGE, "too large"),
    ],
)
def test_what_runs_over_is_found_and_the_rest_is_done(bad, kind, n_jobs):
    items = [str(number) for number in range(20)]
    items[13:13] = [bad]
    limits = AT_ONCE if kind == "too slow" else LIMITS
    found = run(items, n_jobs, limits)
    assert sorted(item for item, _ in found) == sorted(items)
    assert [(item, of(got)) for item, got in found if item == bad] == [(bad, kind)]
    assert all(got == int(item) for item, got in found if item != bad)


def test_several_that_run_over():
    items = ["1", CRASH, CRASH, "2", BUSY, LARGE, "3", ASLEEP]
    found = [of(got) for _, got in run(items, limits=AT_ONCE)]
    assert found == [
        1,
        "damaged",
        "damaged",
        2,
        "too slow",
        "too large",
        3,
        "too slow",
    ]


def test_reasons_say_which_limit():
    (_, slow), (_, large) = run([ASLEEP, LARGE], limits=AT_ONCE)
    assert slow.reason == "It took more than 0.5 s (timeout)."
    assert large.reason == "It took more than 1 GiB (max_memory)."


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_processor_time_is_bounded_too():
    """The system ends a worker that nobody waits for."""
    runs = in_parallel(eval, [[NUMBER, BUSY]], 1, AT_ONCE)
    _, number = next(runs)
    assert are_gone([number])
    assert of(next(runs)[1]) == "too slow"
    runs.close()


def test_a_file_is_not_blamed_for_the_one_before():
    """A worker that dies of what an earlier item did to it, and not of its own."""
    harm = "__import__('signal').setitimer(0, 0.3)"  # it ends in a while
    items = [harm, "__import__('time').sleep(1) or 5"]
    (_, _), (_, got) = run(items)
    assert got == 5


def test_the_worker_is_kept():
    ((_, first),) = run([NUMBER])
    ((_, again),) = run([NUMBER])
    assert first == again != os.getpid()
    (_, crashed), (_, other) = run([CRASH, NUMBER])
    assert crashed is CRASHED
    assert other != first
    ((_, again),) = run([NUMBER])
    assert again == other


def test_a_worker_that_was_killed_while_it_was_idle_is_replaced():
    ((_, first),) = run([NUMBER])
    os.kill(first, signal.SIGKILL)
    ((_, again),) = run([NUMBER])
    assert again not in (first, os.getpid())


def test_a_server_that_was_killed_is_replaced():
    run(["1"])
    _workers.WORKERS._process.kill()
    found = [of(got) for _, got in run([CRASH, "2", CRASH, "3"])]
    assert found == ["damaged", 2, "damaged", 3]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_errors_are_raised(n_jobs):
    with pytest.raises(KeyError, match="in the worker"):
        run(["1", "{}['in the worker']"], n_jobs)
    assert dict(run(["1"])) == {"1": 1}


@pytest.mark.parametrize("can_fork", [True, False])
def test_a_process_that_cannot_start_is_an_error(
    can_fork, monkeypatch, not_forked, capfd
):
    monkeypatch.setattr(_workers, "_CAN_FORK", can_fork)
    monkeypatch.setattr(_workers, "_CODE", "raise SystemExit('no such thing')")
    with pytest.raises(RuntimeError, match="could not be started"):
        run(["1"])
    assert "no such thing" in capfd.readouterr().err


def test_where_nothing_is_forked(not_forked):
    items = ["1", CRASH, "2", BUSY, LARGE, NUMBER]
    found = [of(got) for _, got in run(items, limits=AT_ONCE)]
    assert found[:5] == [1, "damaged", 2, "too slow", "too large"]
    ((_, again),) = run([NUMBER])
    assert again == found[5]


def test_nothing_to_do():
    assert run([], 2) == []


def test_workers_say_nothing(capfd):
    run(["__import__('os').write(2, b'a name')", "print('a name')", CRASH])
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_CORE")
def test_a_crash_writes_no_core():
    """A picture of the memory would have the file's content in it."""
    limit = "__import__('resource').getrlimit(__import__('resource').RLIMIT_CORE)[0]"
    assert run([limit]) == [(limit, 0)]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_whoever_has_enough_ends_what_is_under_way(n_jobs, tmp_path):
    def note(number):
        path = str(tmp_path / str(number))
        return [f"__import__('time').sleep(0.2) or open({path!r}, 'x').close()"]

    runs = in_parallel(eval, (note(number) for number in range(50)), n_jobs, LIMITS)
    next(runs)
    runs.close()
    n_done = len(list(tmp_path.iterdir()))
    assert 1 <= n_done < 20
    time.sleep(0.5)
    assert len(list(tmp_path.iterdir())) == n_done


def test_from_several_threads():
    found = []
    items = ["1", CRASH, "2"] * 3
    threads = [
        threading.Thread(target=lambda: found.append(run(items, 2))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for outcomes in found:
        assert sorted(str(of(got)) for _, got in outcomes) == sorted(
            ["1", "damaged", "2"] * 3
        )
    assert len(found) == 4


@pytest.mark.parametrize(
    "answers",
    [[True, True], [(0, "of another", None)], [True, (3, "of another", None)]],
)
def test_an_answer_that_is_not_to_the_question_is_not_taken(answers, monkeypatch):
    ours, theirs = multiprocessing.Pipe()
    for answer in answers:
        theirs.send(answer)
    ended = []
    strange = _workers.Worker(ours, lambda: len(ended) or ended.append(1) or 0)
    monkeypatch.setattr(_workers.WORKERS, "take", lambda: strange)
    assert [of(got) for _, got in run(["1", "2"])] == [1, 2]
    assert ended


def in_a_forked_process(queue):
    queue.put([of(got) for _, got in run([NUMBER, CRASH])])


@pytest.mark.skipif(sys.platform != "linux", reason="fork")
def test_in_a_daemon_that_was_forked():
    """As the processes of multiprocessing.Pool are."""
    ((_, ours),) = run([NUMBER])
    queue = multiprocessing.get_context("fork").SimpleQueue()
    process = multiprocessing.get_context("fork").Process(
        target=in_a_forked_process, args=(queue,), daemon=True
    )
    process.start()
    number, crashed = queue.get()
    process.join()
    assert number != ours
    assert crashed == "damaged"
    assert run([NUMBER]) == [(NUMBER, ours)]


def test_in_a_worker_of_joblib():
    task = functools.partial(in_parallel, eval, [["1", CRASH, "2"]], 1, LIMITS)
    for backend in ("loky", "threading", "multiprocessing"):
        with joblib.parallel_config(backend, n_jobs=2):
            found = joblib.Parallel()(joblib.delayed(_listed)(task) for _ in range(2))
        for outcomes in found:
            assert [of(got) for _, got in outcomes] == [1, "damaged", 2]


def _listed(task):
    return list(task())


SCRIPT = """
import os, sys, time
from skdeepcluster.archive._options import Limits
from skdeepcluster.archive._parallel import in_parallel

print("run", os.getpid(), flush=True)  # there is no `if __name__ == "__main__"` here
items = ["__import__('os').getpid()", "__import__('time').sleep(1000)"]
runs = in_parallel(eval, [items, items], 2, Limits(100, 1))
print(next(runs)[1], next(runs)[1], flush=True)
{end}
"""


def family(process):
    """The numbers of a process and of all that come from it."""
    found = {process}
    for _ in range(5):
        for name in filter(str.isdecimal, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/stat") as file:
                    state, parent = file.read().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(parent) in found and state != "Z":
                found.add(int(name))
    return found


def are_gone(processes):
    for _ in range(100):
        alive = [n for n in processes if os.path.exists(f"/proc/{n}")]
        if not alive:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_by_one_that_is_ended(number, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(end="list(runs)"))
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline().split()[0] == b"run"
        workers = {int(text) for text in process.stdout.readline().split()}
        processes = family(process.pid)
        assert workers < processes
        assert len(processes) == 4  # it, the server and two workers
        process.send_signal(number)
        process.communicate()
    assert are_gone(processes)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_no_process_is_left_at_the_end_of_a_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(end="runs.close()"))
    run = subprocess.run(
        [sys.executable, "-W", "error", script], capture_output=True, check=True
    )
    assert run.stdout.count(b"run") == 1
    assert run.stderr == b""
    assert are_gone({int(text) for text in run.stdout.split()[2:]})
