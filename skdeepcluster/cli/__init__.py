"""The command line: `skdeepcluster demo`, `categorize`, `name` and `assign`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from skdeepcluster import __version__
from skdeepcluster.cli import _assign, _categorize, _demo, _name

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
        0, 2 where an argument or a file is not what it should be, or 130 after Ctrl-C.
    """
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, OSError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"skdeepcluster: error: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("skdeepcluster: interrupted", file=sys.stderr)
        return 130
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
