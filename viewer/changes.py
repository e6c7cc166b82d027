"""Tell open pages that a run has gone on: one task per run looks at its event log, however many pages listen."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from evokd.viewer.record import RunPlace

PERIOD = 1.0
"""Seconds between two looks at a run."""
HEARTBEAT = 15.0
"""Seconds after which a page that nothing is to be told gets a sign of life."""
_TAIL = 2**18
"""Bytes at the end of an event log in which the last event is looked for."""


@dataclass
class _Watch:
    """A run that somebody listens to."""

    task: "asyncio.Task[None]"
    latest: dict[str, Any] | None = None
    listeners: set[asyncio.Event] = field(default_factory=set)

    def tell(self, change: dict[str, Any]) -> None:
        """Keep what a run has come to, and wake up who listens."""
        self.latest = change
        self.wake()

    def wake(self) -> None:
        """Wake up who listens."""
        for listener in self.listeners:
            listener.set()


class Watcher:
    """Watches runs for pages that listen; it works in the event loop of its server.

    Args:
        period: seconds between two looks.
        heartbeat: seconds between two signs of life.
    """

    def __init__(self, period: float = PERIOD, heartbeat: float = HEARTBEAT) -> None:
        self._period = period
        self._heartbeat = heartbeat
        self._watches: dict[Path, _Watch] = {}
        self._is_closed = False

    @property
    def watched(self) -> int:
        """How many runs are looked at."""
        return len(self._watches)

    def close(self) -> None:
        """End all streams, because the server ends."""
        self._is_closed = True
        for watch in self._watches.values():
            watch.wake()

    async def listen(self, place: RunPlace) -> AsyncIterator[bytes]:
        """Yield server-sent events: at once what the run has come to, then every change of it.

        The data of a `change` is JSON: `state`, `size` (bytes of the event log), and `event` (name), `cycle` and `node`
        of its last event.
        """
        woken = asyncio.Event()
        watch = self._join(place, woken)
        told: dict[str, Any] | None = None
        try:
            yield b"retry: 2000\n\n"
            while not self._is_closed:
                if watch.latest is not None and watch.latest != told:
                    told = watch.latest
                    yield f"id: {told['size']}\nevent: change\ndata: {json.dumps(told)}\n\n".encode("ascii")
                try:
                    await asyncio.wait_for(woken.wait(), self._heartbeat)
                    woken.clear()
                except TimeoutError:
                    yield b": alive\n\n"
        finally:
            self._leave(place, woken)

    def _join(self, place: RunPlace, listener: asyncio.Event) -> _Watch:
        watch = self._watches.get(place.path)
        if watch is None:
            watch = _Watch(asyncio.create_task(self._look(place)))
            self._watches[place.path] = watch
        watch.listeners.add(listener)
        return watch

    def _leave(self, place: RunPlace, listener: asyncio.Event) -> None:
        watch = self._watches[place.path]
        watch.listeners.discard(listener)
        if not watch.listeners:
            watch.task.cancel()
            del self._watches[place.path]

    async def _look(self, place: RunPlace) -> None:
        known: object = None
        while True:
            seen = await run_in_threadpool(_measure, place)
            if seen != known:
                known = seen
                state, size, _ = seen
                last = await run_in_threadpool(read_last_event, place.path / "events.jsonl")
                told = {key: last.get(key) for key in ("event", "cycle", "node")}
                self._watches[place.path].tell({"state": state, "size": size, **told})
            await asyncio.sleep(self._period)


def _measure(place: RunPlace) -> tuple[str, int, int]:
    """State of the run, size of its event log in bytes, and time of its last change in nanoseconds."""
    try:
        status = (place.path / "events.jsonl").stat()
    except OSError:
        return place.read_state(), 0, 0
    return place.read_state(), status.st_size, status.st_mtime_ns


def read_last_event(path: Path) -> dict[str, Any]:
    """Read the last whole event of a log without reading the log; {} where there is none or it is very long."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            lines = file.read().split(b"\n")
    except OSError:
        return {}
    for line in reversed(lines[:-1]):  # behind the last line end there is nothing, or an event that is being written
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            return event
    return {}
