"""How far the answers are that machines of a cluster give: a live line on a terminal, and what goes wrong."""

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from evokd.cli.markup import literal
from evokd.cli.views.experiment_progress import format_duration
from evokd.cli.views.live_line import LiveLine


class ShardProgress(LiveLine):
    """Follows the answers to a large file; use it as a listener and as a context manager.

    Args:
        console: the console to write to.
        rows: rows of the whole input.
        is_quiet: whether only warnings and errors are shown.
    """

    def __init__(self, console: Console, rows: int, is_quiet: bool = False) -> None:
        super().__init__(console, "opening the cluster", is_quiet)
        self._rows = rows
        self._shards = self._done = self._fresh = 0
        self._began = time.monotonic()

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take in one event."""
        kind = event["event"]
        if kind == "planned":
            self._plan(event)
        elif kind == "done":
            self._done += 1
            self._fresh += 1
        elif kind == "cluster":
            self._say(literal(event["message"]))
        elif kind in _WARNINGS:
            name = literal(event["job"].name) if "job" in event else ""
            self._warn(_WARNINGS[kind].format(name=name, message=literal(event.get("message", ""))))
        self._update(self._outline())

    def _plan(self, event: Mapping[str, Any]) -> None:
        self._shards, self._done = event["shards"], event["done"]
        self._began = time.monotonic()
        self._say(
            f"{self._rows:,} rows in {self._shards:,} parts, {self._done:,} done before, {event['processes']} at once"
        )

    def _outline(self) -> str:
        if not self._fresh:
            return f"{self._done:,}/{self._shards:,} parts done"
        seconds_per_part = (time.monotonic() - self._began) / self._fresh
        speed = self._rows / max(1, self._shards) / seconds_per_part
        left = format_duration(seconds_per_part * (self._shards - self._done))
        return f"{self._done:,}/{self._shards:,} parts done; {speed:,.0f} rows/s; about {left} left"


_WARNINGS = {
    "failed": "[red]{name} failed:[/] {message}",
    "repeated": "[yellow]what answered {name} went away; once more[/]",
    "unfit": "[yellow]a machine of the cluster is not used:[/] {message}",
    "waiting": "[yellow]no machine of the cluster has room; waiting[/]",
}
