"""Where commands write: the consoles and JSON lines. Imports rich only when needed."""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def program() -> str:
    """How to call this program: `evokd` if the shell finds it, else as it was started."""
    started = Path(sys.argv[0])
    command = shutil.which("evokd")
    if started.name == "main.py":
        return f"python {started}"
    # on Windows the shell finds evokd.exe, and the path that it was started with may lack the ending
    if started.stem != "evokd" or (
        command and Path(command).resolve().with_suffix("") == started.resolve().with_suffix("")
    ):
        return "evokd"
    try:
        return os.path.relpath(started)
    except ValueError:  # on another drive
        return str(started)


def stderr() -> "Console":
    """The console for people."""
    return _make_console(stderr=True)


def stdout() -> "Console":
    """The console for results."""
    # what goes into a pipe or a file is not folded to the width of a terminal that is not there
    is_measured = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal()
    return _make_console(width=None if is_measured else 160)


def _make_console(**options: Any) -> "Console":
    from rich.console import Console

    class PlainConsole(Console):
        """Leaves the handling of a closed pipe to the command; rich would end the process, even inside a run."""

        def on_broken_pipe(self) -> None:
            # called while the error is being handled
            raise

    return PlainConsole(**options)


def say(message: str) -> None:
    """Tell people something, a line on standard error; what a terminal would obey stands there as an escape."""
    from evokd.messages.escape import clean

    stderr().print(clean(message), markup=False, highlight=False, soft_wrap=True)


def print_json(row: Mapping[str, Any]) -> None:
    """Print one JSON line on standard output, at once. Characters that its encoding lacks are escaped.

    Raises:
        BrokenPipeError: the reader has closed the pipe.
        EvokdError: it cannot be written, such as to a full disk.
    """
    from evokd.cli.streams import can_write
    from evokd.messages import EvokdError
    from evokd.messages.escape import json_line

    line = json_line(row)
    try:
        sys.stdout.write((line if can_write(line) else json.dumps(row)) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise EvokdError(f"standard output cannot be written ({exc.strerror})") from exc
