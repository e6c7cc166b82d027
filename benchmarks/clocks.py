"""Clocks for `benchmarks.endurance`: what the nodes of a run take besides teacher and student."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import evokd.graph.nodes.curate
import evokd.graph.open_context
from evokd.student.protocol import StudentProtocol


class Time(NamedTuple):
    """Seconds on the wall, and of the processor in this process: the latter does not see what else the machine does."""

    wall: float
    cpu: float

    def since(self, other: "Time") -> "Time":
        """Give the time that has passed since another."""
        return Time(self.wall - other.wall, self.cpu - other.cpu)

    def and_(self, other: "Time") -> "Time":
        """Give the sum."""
        return Time(self.wall + other.wall, self.cpu + other.cpu)


NO_TIME = Time(0.0, 0.0)


def now() -> Time:
    """Read both clocks."""
    return Time(time.perf_counter(), time.process_time())


class Clock:
    """Time in which the teacher or the student was at work, counted once where they overlap."""

    def __init__(self) -> None:
        self._busy = 0
        self._since = NO_TIME
        self.total = NO_TIME

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run inside."""
        if not self._busy:
            self._since = now()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self.total = self.total.and_(now().since(self._since))

    def wrap(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Let the clock run while an asynchronous function does."""

        async def timed(*args: Any, **options: Any) -> Any:
            with self.running():
                return await work(*args, **options)

        return timed


@contextmanager
def clocked(clock: Clock, index: Clock) -> Iterator[None]:
    """Let one clock run while the rehearsal teacher answers, the other while drafts are compared with known texts."""
    rehearse = evokd.graph.open_context._rehearse

    def timed_rehearse(*plan: Any) -> Any:
        with clock.running():
            transport: Any = rehearse(*plan)
        transport.handle_async_request = clock.wrap(transport.handle_async_request)
        return transport

    def timed(work: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*args: Any, **options: Any) -> Any:
            with index.running():
                return work(*args, **options)

        return measured

    with (
        patch.object(evokd.graph.open_context, "_rehearse", timed_rehearse),
        patch.object(evokd.graph.nodes.curate, "_judge", timed(evokd.graph.nodes.curate._judge)),
    ):
        yield


def time_student(kind: Callable[..., StudentProtocol], clock: Clock) -> Callable[..., Any]:
    """Let the clock run while a student of this kind is at work."""

    def make(*args: Any, **options: Any) -> Any:
        client = kind(*args, **options)
        for name in ("train", "predict", "embed", "warm_up", "appraise", "calibrate"):
            setattr(client, name, clock.wrap(getattr(client, name)))
        return client

    return make


class NodeTimes:
    """Time of each node of a cycle without that of teacher and student; of parallel lessons, up to the last one."""

    def __init__(self, busy: Clock) -> None:
        self._busy = busy
        self._starts: dict[str, Time] = {}
        self._found: dict[str, Time] = {}

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take the event of a run."""
        idle, node = now().since(self._busy.total), event.get("node", "")
        if event["event"] == "node_started":
            self._starts.setdefault(node, idle)
        if event["event"] == "node_finished" and node in self._starts:
            self._found[node] = idle.since(self._starts[node])

    def take(self) -> dict[str, Time]:
        """Give the nodes since the last call."""
        found, self._found = self._found, {}
        self._starts.clear()
        return found
