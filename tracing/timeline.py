"""When things happened in a run, from its event log: nodes, calls, and what else was told."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

BEGINS = ("run_started", "run_resumed")
"""Events with which a process begins to work on a run."""
_ENVELOPE = ("event", "time", "run_id")


@dataclass(frozen=True)
class NodeTime:
    """One execution of a node. Times are nanoseconds since 1970, UTC."""

    cycle: int
    node: str
    lesson: str | None
    """Id of the lesson that it worked on; None: on none."""
    number: int
    """How many times the node was started before, in this cycle and for this lesson."""
    start: int
    end: int
    finished: bool
    """Whether it came to its end; otherwise `end` is the last time at which its process is known to have lived."""


@dataclass(frozen=True)
class Happening:
    """An event of a run that neither begins nor ends anything."""

    name: str
    time: int
    """Nanoseconds since 1970, UTC."""
    cycle: int | None
    lesson: str | None
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Timeline:
    """The times of a run, in nanoseconds since 1970, UTC."""

    run_id: str
    start: int
    end: int
    """Time of the last event."""
    ended: bool
    """Whether the run has come to its end."""
    opening: Mapping[str, Any]
    """Fields of `run_started`."""
    nodes: tuple[NodeTime, ...]
    calls: Mapping[str, int]
    """Id of a call -> when its reply had come."""
    happenings: tuple[Happening, ...]

    @property
    def last_cycle(self) -> int:
        """The highest cycle in which a node was started."""
        return max((node.cycle for node in self.nodes), default=0)


def to_nanoseconds(time: object) -> int | None:
    """Read a time of an event (ISO 8601); None where it is none."""
    try:
        stamp = datetime.fromisoformat(str(time))
        return round(stamp.timestamp() * 1_000) * 1_000_000
    except (ValueError, OverflowError, OSError):
        return None


def make_timeline(events: Iterable[Any]) -> Timeline | None:
    """Put the times of a run together.

    Args:
        events: its event log, in order; events that are damaged are skipped.

    Returns:
        The times; None where no event has one.
    """
    reader = _Reader()
    for event in events:
        if isinstance(event, dict) and (time := to_nanoseconds(event.get("time"))) is not None:
            reader.take(event, time)
    return reader.finish() if reader.start is not None else None


class _Reader:
    """Puts events together, one after the other."""

    def __init__(self) -> None:
        self.start: int | None = None
        self._last = 0
        self._run_id = ""
        self._ended = False
        self._opening: Mapping[str, Any] = {}
        self._open: dict[tuple[int, str, str | None], int] = {}
        self._counts: dict[tuple[int, str, str | None], int] = {}
        self._nodes: list[NodeTime] = []
        self._calls: dict[str, int] = {}
        self._happenings: list[Happening] = []

    def take(self, event: Mapping[str, Any], time: int) -> None:
        name = str(event.get("event", ""))
        if self.start is None:
            self.start, self._run_id = time, str(event.get("run_id", ""))
        if name in BEGINS:
            self._close_open(self._last)  # of a process that was killed
            self._opening = self._opening or event
        match name:
            case "node_started":
                self._open[_place(event)] = time
            case "node_finished":
                key, seconds = _place(event), _read_seconds(event)
                if seconds is not None:
                    start = self._open.pop(key, time - round(seconds * 1e9))
                    self._add(key, start, time, finished=True)
            case "call":
                self._calls[str(event.get("id"))] = time
            case "finished":
                self._ended = True
            case _:
                self._happenings.append(_happening(name, time, event))
        self._last = max(self._last, time)

    def _add(self, key: tuple[int, str, str | None], start: int, end: int, finished: bool) -> None:
        number = self._counts.get(key, 0)
        self._counts[key] = number + 1
        cycle, node, lesson = key
        self._nodes.append(NodeTime(cycle, node, lesson, number, min(start, end), end, finished))

    def _close_open(self, end: int) -> None:
        for key, start in self._open.items():
            self._add(key, start, max(start, end), finished=False)
        self._open.clear()

    def finish(self) -> Timeline:
        assert self.start is not None
        self._close_open(self._last)
        return Timeline(
            run_id=self._run_id,
            start=self.start,
            end=self._last,
            ended=self._ended,
            opening=self._opening,
            nodes=tuple(self._nodes),
            calls=self._calls,
            happenings=tuple(self._happenings),
        )


def _place(event: Mapping[str, Any]) -> tuple[int, str, str | None]:
    lesson = event.get("lesson")
    return _number(event.get("cycle")) or 0, str(event.get("node", "")), None if lesson is None else str(lesson)


def _read_seconds(event: Mapping[str, Any]) -> float | None:
    """How long a node worked; None where the event does not say it."""
    try:
        return float(event["seconds"])
    except (KeyError, TypeError, ValueError):
        return None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _happening(name: str, time: int, event: Mapping[str, Any]) -> Happening:
    fields = {key: value for key, value in event.items() if key not in _ENVELOPE}
    lesson = event.get("lesson")
    return Happening(name, time, _number(event.get("cycle")), None if lesson is None else str(lesson), fields)
