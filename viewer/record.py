"""The record of a run as the pages read it: ledger, events, summary, configuration."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from evokd.messages import EvokdError
from evokd.tracing.events import read_events
from evokd.tracing.gate_outcome import name_outcome
from evokd.tracing.ledger import Ledger, open_ledger
from evokd.tracing.store import find_ledger
from evokd.tracing.summary import read_summary
from evokd.tracing.timeline import Timeline, make_timeline
from evokd.tracing.usage import NodeTimes


@dataclass(frozen=True)
class ProgramFacts:
    """What the program knows and no record holds."""

    find_defaults: Callable[[str], Mapping[str, Any]] = lambda _: {}
    """Task -> the settings of a run for which nothing was set, as a tree."""
    graph: Mapping[str, Any] = field(default_factory=dict)
    """The compiled graph: `nodes` (names) and `edges` ({"source", "target", "conditional"})."""
    rename_settings: Callable[[Mapping[str, Any]], dict[str, Any]] = dict
    """Gives settings of an earlier version their names of today."""
    is_compared: Callable[[str], bool] = lambda key: key != "seed"
    """Dotted key of a setting -> whether runs with other values of it are no repetitions of one another."""


@dataclass(frozen=True)
class RunPlace:
    """Where a run lies, and how to ask whether it goes on."""

    path: Path
    read_state: Callable[[], str] = lambda: ""
    """`running`, `done`, `waiting`, `parked`, `interrupted` or `killed`; empty where nobody knows."""

    @property
    def name(self) -> str:
        """The run's id."""
        return self.path.name


DAMAGE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, sqlite3.Error, OSError)
"""Errors that a record causes whose rows are not what this version writes."""


@contextmanager
def explain_damage(path: Path | None = None) -> Iterator[None]:
    """Turn what reading a damaged record raises into one line.

    Args:
        path: the run's folder, which the line names; None: it is known.

    Raises:
        EvokdError: the record is damaged.
    """
    try:
        yield
    except DAMAGE as exc:
        place = f"{path}: " if path else ""
        cause = " ".join(str(exc).split())[:200]
        raise EvokdError(
            f"{place}the record is damaged, or of another version ({type(exc).__name__}: {cause})"
        ) from exc


class RunRecord:
    """A run that is open for reading; use it as a context manager, in one thread at a time.

    Args:
        place: where it lies.
        facts: what the program knows besides.

    Raises:
        EvokdError: there is no ledger, or it is damaged.
    """

    def __init__(self, place: RunPlace, facts: ProgramFacts | None = None) -> None:
        self.place = place
        self.facts = facts or ProgramFacts()
        self.ledger: Ledger = open_ledger(find_ledger(place.path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ledger.close()

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """The event log, in order; [] where there is none."""
        path = self.place.path / "events.jsonl"
        try:
            status = path.stat()
        except OSError:
            return []
        return _read_events(path, status.st_size, status.st_mtime_ns)

    @cached_property
    def timeline(self) -> Timeline | None:
        """When things happened; None where the event log says nothing of it."""
        return make_timeline(self.events)

    @cached_property
    def node_times(self) -> NodeTimes:
        """The wall-clock seconds of the nodes."""
        return NodeTimes(self.timeline, self.ledger)

    @cached_property
    def summary(self) -> dict[str, Any] | None:
        """The content of `summary.json`; None while the run has not ended."""
        return read_summary(self.place.path / "summary.json")

    @cached_property
    def config(self) -> dict[str, Any]:
        """The content of `config.yaml`: settings, prompts, versions.

        Raises:
            EvokdError: it cannot be read.
        """
        path = self.place.path / "config.yaml"
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as exc:
            raise EvokdError(f"{path}: cannot be read ({' '.join(str(exc).split())[:200]})") from exc
        if not isinstance(content, dict):
            raise EvokdError(f"{path}: damaged (not a mapping)")
        return content

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the run as a tree, under their names of today."""
        return self.facts.rename_settings(self.config.get("settings") or {})

    @cached_property
    def start(self) -> dict[str, Any]:
        """The event with which the run began; {} where it is missing."""
        begun = (event for event in self.events if event.get("event") in ("run_started", "run_resumed"))
        return next(begun, {})

    def part(self, cycle: int, name: str) -> Any:
        """A record of a cycle by its name, as JSON; None where there is none or it cannot be read."""
        rows = self.ledger.query("SELECT body FROM cycles WHERE cycle = ? AND part = ?", cycle, name)
        if not rows:
            return None
        try:
            return json.loads(rows[0]["body"])
        except ValueError:
            return None

    def gate(self, cycle: int) -> dict[str, Any] | None:
        """What the gate made of a cycle: scores `before` and `after`, `promoted`, and the `outcome` in words."""
        gate = self.part(cycle, "gate")
        return {**gate, "outcome": name_outcome(gate)} if gate else None


@lru_cache(maxsize=4)
def _read_events(path: Path, size: int, changed: int) -> list[dict[str, Any]]:
    """Read an event log; the size and the time of the last change (nanoseconds) tell whether it is known already."""
    return [event for event in read_events(path) if isinstance(event, dict)]
