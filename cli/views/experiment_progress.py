"""Progress of an experiment in the terminal: a line per finished job, and a live line on a real terminal."""

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from evokd.cli.markup import literal
from evokd.cli.views.live_line import LiveLine


def format_duration(seconds: float) -> str:
    """Write a duration in seconds, minutes or hours, whichever suits it.

    Args:
        seconds: the duration.
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class ExperimentProgress(LiveLine):
    """Follows an experiment; use it as a listener and as a context manager.

    Args:
        console: the console to write to.
        is_quiet: whether only warnings and errors are shown.
    """

    def __init__(self, console: Console, is_quiet: bool = False) -> None:
        super().__init__(console, "planning", is_quiet)
        self._total = self._done = self._fresh = 0
        self._began = time.monotonic()
        self._started: dict[str, float] = {}
        self._running: dict[str, str] = {}
        self._warned: set[str] = set()

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take in one event."""
        getattr(self, f"_on_{event['event']}")(event)
        self._update(self._outline())

    def _on_planned(self, event: Mapping[str, Any]) -> None:
        self._total, self._done = event["total"], event["done"]
        self._began = time.monotonic()
        rest = f", {event['processes']} at once" if event["processes"] else "; nothing left to do"
        jobs = "runs and full-shot trainings" if event["baselines"] else "runs"
        self._say(f"{self._total} {jobs}, {self._done} done before{rest}")

    def _on_cluster(self, event: Mapping[str, Any]) -> None:
        self._say(literal(event["message"]))

    def _on_waiting(self, event: Mapping[str, Any]) -> None:
        self._warn("[yellow]no machine of the cluster has room; waiting[/]")

    def _on_unfit(self, event: Mapping[str, Any]) -> None:
        self._warn(f"[yellow]a machine of the cluster is not used:[/] {literal(event['message'])}")

    def _on_started(self, event: Mapping[str, Any]) -> None:
        job = event["job"]
        self._started[job.id], self._running[job.id] = time.monotonic(), literal(job.name)

    def _on_cycle(self, event: Mapping[str, Any]) -> None:
        job = event["job"]
        if event.get("cycle") is not None:
            self._running[job.id] = f"{literal(job.name)} (cycle {event['cycle']})"

    def _on_warning(self, event: Mapping[str, Any]) -> None:
        if event["message"] not in self._warned:  # every run says the same
            self._warned.add(event["message"])
            self._warn(f"[yellow]{literal(event['job'].name)}:[/] {literal(event['message'])}")

    def _on_done(self, event: Mapping[str, Any]) -> None:
        job = event["job"]
        self._done += 1
        self._fresh += 1
        took = time.monotonic() - self._started[job.id]
        self._running.pop(job.id, None)
        self._say(f"{self._done}/{self._total} {literal(job.name)}, {took:.1f} s{self._left()}")

    def _on_repeated(self, event: Mapping[str, Any]) -> None:
        name = literal(event["job"].name)
        fault = f"the process of {name} died"
        if event["lost_node"]:  # Ray tells a lost machine and a lost process of its own alike
            fault = f"the machine of {name}, or Ray's process there, went away"
        self._running.pop(event["job"].id, None)
        self._warn(f"[yellow]{fault}; once more[/]")

    def _on_failed(self, event: Mapping[str, Any]) -> None:
        self._running.pop(event["job"].id, None)
        self._warn(f"[red]{literal(event['job'].name)} failed:[/] {literal(event['message'])}")

    def _left(self) -> str:
        """Estimate the time left from the jobs done since the start; empty where there is nothing to go by."""
        rest = self._total - self._done
        if not rest or not self._fresh:
            return ""
        seconds_per_job = (time.monotonic() - self._began) / self._fresh
        return f"; about {format_duration(seconds_per_job * rest)} left"

    def _outline(self) -> str:
        running = ", ".join(self._running.values())
        return f"{self._done}/{self._total} done{self._left()}; running: {running}"
