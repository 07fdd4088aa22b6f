"""One run at a time writes to a folder."""

import subprocess
import sys

import pytest

from skdeepcluster._lock import locked

HELD = """
import sys, time
from pathlib import Path
from skdeepcluster._lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_is_made_and_one_run_has_it(tmp_path):
    folder = tmp_path / "new" / "folder"
    with (
        locked(folder),
        pytest.raises(ValueError, match=r"Another run is writing to .*folder: wait"),
        locked(folder),
    ):
        pass
    with locked(folder):
        pass


def test_an_error_within_is_not_taken_for_another_run(tmp_path):
    with pytest.raises(TimeoutError, match="mine"), locked(tmp_path):
        raise TimeoutError("mine")
    with locked(tmp_path):
        pass


def test_a_killed_process_has_no_lock(tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-c", HELD, tmp_path], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "held\n"
    with pytest.raises(ValueError, match="Another run"), locked(tmp_path):
        pass
    child.kill()
    child.communicate()
    with locked(tmp_path):
        pass
