"""The three standard streams: always open, able to take every character, silent once they are closed."""

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import Any, TextIO


def prepare_streams() -> None:
    """Make sure that all three are open, and that a character that the terminal lacks does not end a command.

    A stream that is closed at the start leaves its file number free, and the next opened file would get it: a library's
    output on standard error could end up in the ledger.
    """
    with contextlib.suppress(OSError):
        while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(number, True)
        os.close(number)
    sys.stdin = sys.stdin or _open_null("r")
    sys.stdout = sys.stdout or _open_null("w")
    sys.stderr = sys.stderr or _open_null("w")
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in ("strict", "surrogateescape"):
        sys.stdout.reconfigure(errors="replace")


def _open_null(mode: str) -> Any:
    return Path(os.devnull).open(mode, encoding="utf-8")  # open as long as the process lives


def can_write(text: str) -> bool:
    """Whether standard output has all characters of a text."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeError:
        return False
    return True


def finish_output() -> OSError | None:
    """Flush both output streams; returns why standard output failed. A failed stream is not tried again at exit."""
    failed: OSError | None = None
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        stream = getattr(stream, "wrapped", stream)  # typer wraps it so that a closed pipe is not noticed
        try:
            stream.flush()
        except OSError as exc:
            failed = failed or (exc if name == "stdout" else None)
            _silence(stream)
        except ValueError:  # closed by somebody else
            continue
    return failed


def _silence(stream: TextIO) -> None:
    """Discard what is left in a stream."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
