"""The event log of a run: one JSON object per line, appended to a file and passed to listeners."""

import contextlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from evokd.messages import EvokdError

Listener = Callable[[Mapping[str, Any]], None]
AWAITS_REVIEW = "awaiting_review"
"""Name of the last event of a run that waits for people; it says for how many `texts` of which `cycle`."""

FINISHED = "finished"
"""Name of the last event of a run that has ended; it holds the summary."""


class Emit(Protocol):
    """A function that takes events."""

    def __call__(self, event: str, **fields: Any) -> None:
        """Take one event: its name and its fields."""


class EventLog:
    """Appends events to a file and passes them on.

    Args:
        path: the `events.jsonl` of a run.
        run_id: written into every event.
        listeners: functions called with every event, in order; one that raises (a closed pipe) is not called again.
    """

    def __init__(self, path: Path, run_id: str, listeners: tuple[Listener, ...] = ()) -> None:
        self._path = path
        self._run_id = run_id
        self._listeners = listeners
        _end_last_line(path)
        # unbuffered: bytes that could not be written must not be tried again when the file is closed
        self._file = path.open("ab", buffering=0)

    def __call__(self, event: str, **fields: Any) -> None:
        """Write one event with its name, the time (UTC, ISO 8601) and its fields, and call the listeners.

        Raises:
            OSError: the file cannot be written; it has no part of the event, and no listener was called.
        """
        entry = self._make(event, fields)
        self._append(json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
        self._tell(entry)

    def pass_on(self, event: str, **fields: Any) -> None:
        """Call the listeners with an event that is not written: of many such events only the newest matters."""
        self._tell(self._make(event, fields))

    def _make(self, event: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        return {"event": event, "time": time, "run_id": self._run_id, **fields}

    def _tell(self, entry: Mapping[str, Any]) -> None:
        for listener in self._listeners:
            try:
                listener(entry)
            except Exception:
                # it is not called again: the events that end the run must not fail as well
                self._listeners = tuple(other for other in self._listeners if other is not listener)
                raise

    def _append(self, line: bytes) -> None:
        start = self._file.seek(0, 2)
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as exc:
            with contextlib.suppress(OSError):
                self._file.truncate(start)
            raise OSError(exc.errno, exc.strerror, str(self._path)) from exc

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _end_last_line(path: Path) -> None:
    """End a line that a crash has cut off, so that the next event begins a new one."""
    if path.exists() and path.stat().st_size:
        with path.open("rb+") as file:
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                file.write(b"\n")


def read_events(path: Path) -> list[dict[str, Any]]:
    """Read an event log; skip a line that a crash has cut off.

    Raises:
        EvokdError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as exc:
        raise EvokdError(f"{path}: cannot be read ({exc.strerror or exc})") from exc
    return _parse(text)


def holds_event(path: Path, event: str) -> bool:
    """Whether an event log has a whole event of this name. Quick: its lines are searched, not read as JSON.

    Raises:
        OSError: the file cannot be read.
    """
    # `EventLog` writes the name first, and a text in an event has no line break of its own
    start = b"\n" + json.dumps({"event": event})[:-1].encode() + b","
    content = b"\n" + path.read_bytes()
    at = content.rfind(start)
    return at >= 0 and content.find(b"\n", at + 1) >= 0


def _parse(text: str) -> list[dict[str, Any]]:
    events = []
    # Not splitlines(): it also breaks at characters such as U+2028, which JSON allows inside a string.
    for line in text.split("\n"):
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    return events


_BEGINS = ("run_started", "run_resumed", AWAITS_REVIEW)
"""Events up to which nobody has worked on the run; the last one ends a process whose work has been told before it."""


def measure_wall(path: Path, now: datetime | None = None) -> float:
    """Measure how long processes have worked on a run, in wall-clock seconds, without the time between them.

    A process that was killed counts up to its last event, the present one up to now. Time by which the clock was set
    back is not counted.

    Args:
        path: the `events.jsonl` of a run that is going on; where there is none, the result is 0.
        now: the time up to which the present process counts; None: the present.
    """
    return WallClock(path).measure(now)


class WallClock:
    """Measures as `measure_wall` does, time after time; each event is read once.

    Args:
        path: the `events.jsonl` of a run that is going on, to which events are appended.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0
        self._total = 0.0
        self._last: datetime | None = None

    def measure(self, now: datetime | None = None) -> float:
        """Give the seconds so far; see `measure_wall`.

        Raises:
            EvokdError: the file cannot be read.
        """
        for event in self._read_new():
            try:
                time = datetime.fromisoformat(event["time"])
            except (KeyError, TypeError, ValueError):
                continue
            if self._last is not None and event.get("event") not in _BEGINS:
                self._total += max(0.0, (time - self._last).total_seconds())
            self._last = time
        if self._last is None:
            return 0.0
        return self._total + max(0.0, ((now or datetime.now(UTC)) - self._last).total_seconds())

    def _read_new(self) -> list[dict[str, Any]]:
        """Read the events that came since the last call, as far as their lines are whole."""
        if not self._path.is_file():
            return []
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_bytes)
                text = file.read()
        except OSError as exc:
            raise EvokdError(f"{self._path}: cannot be read ({exc.strerror or exc})") from exc
        whole = text[: text.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        return _parse(whole.decode("utf-8", errors="replace"))
