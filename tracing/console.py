"""Where commands write: the consoles and JSON lines. Light: rich comes when needed."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def program() -> str:
    """How this program is called from here: `evokd` where the shell finds it, else as it was started."""
    started = Path(sys.argv[0])
    found = shutil.which("evokd")
    if started.name == "main.py":
        return f"python {started}"
    # on Windows the shell finds evokd.exe, and the path that it was started with may lack the ending
    if started.stem != "evokd" or (
        found and Path(found).resolve().with_suffix("") == started.resolve().with_suffix("")
    ):
        return "evokd"
    try:
        return os.path.relpath(started)
    except ValueError:  # on another drive
        return str(started)


def stderr() -> "Console":
    """The console for people."""
    from rich.console import Console

    return Console(stderr=True)


def stdout() -> "Console":
    """The console for results."""
    from rich.console import Console

    # what goes into a pipe or a file is not folded to the width of a terminal that is not there
    return Console(width=None if sys.stdout.isatty() else 160)


def print_json(row: Mapping[str, Any]) -> None:
    """Print one JSON line on standard output, at once."""
    from tracing.text import json_line

    sys.stdout.write(json_line(row) + "\n")
    sys.stdout.flush()
