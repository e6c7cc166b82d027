"""The live line of a terminal, below the finished lines; output that is no terminal has only finished lines."""

from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from evokd.cli.markup import paint


class _Moving:
    """A line that is written anew whenever the terminal is; it never takes more than one row."""

    def __init__(self, write: Callable[[], str]) -> None:
        self._write = write

    def __str__(self) -> str:
        return paint(self._write()).plain

    def __rich__(self) -> Text:
        text = paint(self._write())
        text.no_wrap, text.overflow = True, "ellipsis"
        return text


class LiveLine:
    """A context manager that shows a line while it is open.

    Args:
        console: the console to write to; there is a live line if it is a terminal.
        first: the first text of the line.
        is_quiet: whether there is no live line even there, and of the finished lines only warnings and errors.
    """

    def __init__(self, console: Console, first: str, is_quiet: bool = False) -> None:
        self._console = console
        self._is_quiet = is_quiet
        self._first = first
        self._status: Status | None = None

    def __enter__(self) -> Self:
        """Show the live line, if this is a terminal."""
        if self._console.is_terminal and not self._is_quiet:
            self._status = self._console.status(self._first)
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the live line."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _update(self, text: str | Callable[[], str]) -> None:
        """Show another text: markup, or a function that writes it whenever the terminal is refreshed."""
        if self._status is not None:
            self._status.update(_Moving(text if callable(text) else lambda: text))

    def _say(self, text: str, style: str | None = None) -> None:
        """Show how it goes on."""
        if not self._is_quiet:
            self._warn(text, style)

    def _warn(self, text: str, style: str | None = None) -> None:
        """Show what nobody should miss, however quiet it is to be."""
        self._console.print(paint(text), style=style, highlight=False, soft_wrap=True)
