"""The live line of a terminal, below the finished lines; output that is no terminal has only finished lines."""

from typing import Self

from rich.console import Console
from rich.status import Status


class LiveLine:
    """A context manager that shows a line while it is open.

    Args:
        console: the console to write to; there is a live line if it is a terminal.
        first: the first text of the line.
    """

    def __init__(self, console: Console, first: str) -> None:
        self._console = console
        self._first = first
        self._status: Status | None = None

    def __enter__(self) -> Self:
        """Show the live line, if this is a terminal."""
        if self._console.is_terminal:
            self._status = self._console.status(self._first)
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the live line."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _update(self, text: str) -> None:
        if self._status is not None:
            self._status.update(text)
