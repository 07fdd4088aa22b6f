"""The command line: `skdeepcluster demo`, `categorize`, `name` and `assign`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from skdeepcluster import __version__
from skdeepcluster._interruption import TERMINATED
from skdeepcluster.cli import _assign, _categorize, _demo, _name
from skdeepcluster.cli._signals import terminable

# What takes long to import is imported where it is needed, for a quick --help.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code.

    Parameters
    ----------
    arguments : sequence of str or None
        None takes the process's own.

    Returns
    -------
    int
        0, 2 where an argument or a file is not what it should be, 130 after Ctrl-C, or
        143 after SIGTERM.
    """
    options = parser().parse_args(arguments)
    # Threads that wait would keep cores from other work. Read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with terminable():
            options.run(options)
    except (ValueError, OSError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"skdeepcluster: error: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("skdeepcluster: interrupted", file=sys.stderr)
        return 130
    except SystemExit as end:
        if end.code != TERMINATED:
            raise
        told = "terminated; the same command goes on from there"
        print(f"skdeepcluster: {told}", file=sys.stderr)
        return TERMINATED
    return 0


def parser() -> argparse.ArgumentParser:
    """What the command line takes; `run` of what it gives does what is asked."""
    whole = argparse.ArgumentParser(
        prog="skdeepcluster",
        description="Sort unlabelled images into pure clusters.",
    )
    whole.add_argument("--version", action="version", version=__version__)
    commands = whole.add_subparsers(metavar="COMMAND", required=True)
    for command in (_demo, _categorize, _assign, _name):
        command.add_to(commands)
    return whole
