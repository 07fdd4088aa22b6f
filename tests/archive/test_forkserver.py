import os
import signal
import sys

import pytest

from skdeepcluster.archive._forkserver import _Forked, _no_end_told


@pytest.fixture
def forked():
    before = signal.getsignal(signal.SIGCHLD)
    yield _Forked()
    signal.signal(signal.SIGCHLD, before)


@pytest.mark.skipif(sys.platform != "linux", reason="the server is for Linux")
def test_an_end_that_is_told_while_another_is_looked_at(forked, monkeypatch):
    waitpid, told = os.waitpid, [True]

    def in_the_midst(*arguments):
        if told:
            told.pop()
            forked._has_ended()
        return waitpid(*arguments)

    monkeypatch.setattr(os, "waitpid", in_the_midst)
    with _no_end_told():
        for code in (3, 4):
            script = ["sh", "-c", f"exit {code}"]
            child = os.posix_spawn("/bin/sh", script, os.environ)
            forked._alive.add(child)
            os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        forked._has_ended()
    assert sorted(forked._codes.values()) == [3, 4]
    assert not forked._alive
