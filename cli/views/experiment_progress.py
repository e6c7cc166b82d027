"""Progress of a backtest in the terminal: a line per finished run or training, and a live line at the bottom."""

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from evokd.cli.markup import literal
from evokd.cli.views.live_line import LiveLine


def tell_time(seconds: float) -> str:
    """Write a duration in the unit that suits it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class ExperimentProgress(LiveLine):
    """Shows the progress of a backtest; use it as a listener and as a context manager.

    Args:
        console: the console to write to.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console, "planning")
        self._total = self._done = self._fresh = 0
        self._jobs = 1
        self._began = time.monotonic()
        self._started: dict[str, float] = {}
        self._running: dict[str, str] = {}

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take one event in."""
        getattr(self, f"_on_{event['event']}")(event)
        self._update(self._outline())

    def _on_planned(self, event: Mapping[str, Any]) -> None:
        self._total, self._done, self._jobs = event["total"], event["done"], event["jobs"]
        self._began = time.monotonic()
        at_once = f", {self._jobs} at once" if self._jobs else "; nothing left to do"
        self._say(f"{self._total} runs and full-shot trainings, {self._done} done before{at_once}")

    def _on_started(self, event: Mapping[str, Any]) -> None:
        piece = event["piece"]
        self._started[piece.id], self._running[piece.id] = time.monotonic(), literal(piece.name)

    def _on_cycle(self, event: Mapping[str, Any]) -> None:
        piece = event["piece"]
        if event.get("cycle") is not None:
            self._running[piece.id] = f"{literal(piece.name)} (cycle {event['cycle']})"

    def _on_done(self, event: Mapping[str, Any]) -> None:
        piece = event["piece"]
        self._done += 1
        self._fresh += 1
        took = time.monotonic() - self._started[piece.id]
        self._running.pop(piece.id, None)
        self._say(f"{self._done}/{self._total} {literal(piece.name)}, {took:.1f} s{self._left()}")

    def _on_repeated(self, event: Mapping[str, Any]) -> None:
        self._say(f"[yellow]the process of {literal(event['piece'].name)} died; once more[/]")

    def _on_failed(self, event: Mapping[str, Any]) -> None:
        self._running.pop(event["piece"].id, None)
        self._say(f"[red]{literal(event['piece'].name)} failed:[/] {literal(event['message'])}")

    def _left(self) -> str:
        rest = self._total - self._done
        if not rest or not self._fresh:
            return ""
        return f"; about {tell_time((time.monotonic() - self._began) / self._fresh * rest)} left"

    def _outline(self) -> str:
        running = ", ".join(self._running.values())
        return f"{self._done}/{self._total} done{self._left()}; running: {running}"

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)
