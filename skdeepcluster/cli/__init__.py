"""The command line: `skdeepcluster demo`, `categorize`, `name`, `assign`, `extend`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from skdeepcluster import __version__
from skdeepcluster._interruption import TERMINATED
from skdeepcluster.cli import _assign, _categorize, _demo, _extend, _name
from skdeepcluster.cli._signals import terminable

# RuntimeError is what PyTorch raises when a GPU has too little memory.
_UNDERSTOOD = (ValueError, OSError, MemoryError, ImportError, RuntimeError)

# Slow imports are made where they are needed, for a quick --help.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit code.

    Parameters
    ----------
    arguments : sequence of str or None
        None uses those of the process.

    Returns
    -------
    int
        0, 2 if an argument or a file is wrong, 130 after Ctrl-C, or 143 after SIGTERM.
    """
    options = parser().parse_args(arguments)
    # Waiting threads would keep cores busy. Read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with terminable():
            from skdeepcluster._text import any_text

            with any_text():
                options.run(options)
    except _UNDERSTOOD as error:
        reason = " ".join(_reason(error).split()) or type(error).__name__
        print(f"skdeepcluster: error: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("skdeepcluster: interrupted", file=sys.stderr)
        return 130
    except SystemExit as end:
        if end.code != TERMINATED:
            raise
        told = "terminated; the same command continues from there"
        print(f"skdeepcluster: {told}", file=sys.stderr)
        return TERMINATED
    return 0


def _reason(error: Exception) -> str:
    """What an error says, in the words of the command line."""
    from skdeepcluster.archive._file import UnreadableFileError

    if isinstance(error, UnreadableFileError):
        # Its path may be the name of a patient.
        return (
            f"a file cannot be read: {error.reason} Without --strict the others are "
            "read, and skipped.csv says which one it is."
        )
    return str(error)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; `run` of its result runs the command."""
    whole = argparse.ArgumentParser(
        prog="skdeepcluster",
        description="Sort unlabelled images into pure clusters.",
    )
    whole.add_argument("--version", action="version", version=__version__)
    commands = whole.add_subparsers(metavar="COMMAND", required=True)
    for command in (_demo, _categorize, _name, _assign, _extend):
        command.add_to(commands)
    return whole
