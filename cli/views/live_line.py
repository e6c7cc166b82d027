"""The live line of a terminal, above which finished lines are printed; without a terminal there are only these."""

from typing import Self

from rich.console import Console
from rich.status import Status


class LiveLine:
    """A context manager that shows a line for as long as it is open.

    Args:
        console: where to write; its terminal-ness decides whether there is a live line.
        first: what the line says before anything is known.
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
        """Take the live line away."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _update(self, text: str) -> None:
        if self._status is not None:
            self._status.update(text)
