"""How far the answers are that machines of a cluster give, and what goes wrong: a live line, or a line now and then."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console

from evokd.cli.markup import literal
from evokd.cli.views.experiment_progress import format_duration
from evokd.cli.views.live_line import LiveLine

_EVERY = 60.0
"""Seconds between two lines where no terminal shows a live one, such as in the log of a job over night."""


class ShardProgress(LiveLine):
    """Follows the answers to a large file; use it as a listener and as a context manager.

    Args:
        console: the console to write to.
        rows: rows of the whole input.
        is_quiet: whether only warnings and errors are shown.
        clock: seconds, from any zero.
    """

    def __init__(
        self, console: Console, rows: int, is_quiet: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(console, "opening the cluster", is_quiet)
        self._clock = clock
        self._rows = rows
        self._shards = self._done = self._fresh = 0
        self._began = self._told = clock()

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take in one event."""
        kind = event["event"]
        if kind == "planned":
            self._plan(event)
        elif kind == "done":
            self._done += 1
            self._fresh += 1
            self._report()
        elif kind == "kept":
            fault = f"goes on with the {event['shards']:,} parts of the first command"
            self._warn(f"[yellow]{fault}; {event['wanted']:,} would need another folder[/]")
        elif kind == "cluster":
            self._say(literal(event["message"]))
        elif kind in _WARNINGS:
            name = literal(event["job"].name) if "job" in event else ""
            self._warn(_WARNINGS[kind].format(name=name, message=literal(event.get("message", ""))))
        self._update(self._outline())

    def _plan(self, event: Mapping[str, Any]) -> None:
        self._shards, self._done = event["shards"], event["done"]
        self._began = self._told = self._clock()
        self._say(
            f"{self._rows:,} rows in {self._shards:,} parts, {self._done:,} done before, {event['processes']} at once"
        )

    def _report(self) -> None:
        """Say now and then how far it is, where there is no live line."""
        if self._status is None and self._clock() - self._told >= _EVERY:
            self._told = self._clock()
            self._say(self._outline())

    def _outline(self) -> str:
        if not self._fresh:
            return f"{self._done:,}/{self._shards:,} parts done"
        seconds_per_part = (self._clock() - self._began) / self._fresh
        speed = self._rows / max(1, self._shards) / seconds_per_part
        left = format_duration(seconds_per_part * (self._shards - self._done))
        return f"{self._done:,}/{self._shards:,} parts done; {speed:,.0f} rows/s; about {left} left"


_WARNINGS = {
    "failed": "[red]{name} failed:[/] {message}",
    "repeated": "[yellow]what answered {name} went away; once more[/]",
    "unfit": "[yellow]a machine of the cluster is not used:[/] {message}",
    "waiting": "[yellow]no machine of the cluster has room; waiting[/]",
}
