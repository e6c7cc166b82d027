"""Export a run while it goes on, in a thread of its own: neither a slow receiver nor a broken one delays the run.

Nothing is buffered. The record on the disk is what is sent, so what a receiver did not take is sent with the next
cycle, or by a command later.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from evokd.exporters.delivery import DeliveryError, Exporter
from evokd.exporters.source import RunSource
from evokd.messages import EvokdError
from evokd.messages.escape import clean
from evokd.tracing.timeline import BEGINS

PATIENCE = 15.0
"""Seconds that the end of a command waits for its exporters."""
_WAITING = 4
"""Wake-ups that wait at most; one that finds no place is left out, since the next sends what it would have sent."""


@dataclass(frozen=True)
class Undelivered:
    """What a receiver did not take."""

    run_id: str
    folder: str
    option: str
    """How to ask for it again: an option of `evokd send`."""
    address: str
    count: int | None
    """How much; None: unknown."""
    unit: str
    reason: str

    def tell(self) -> str:
        """Say it in one line, without the command that sends it again."""
        count = "some" if self.count is None else f"{self.count:,}"
        return f"{count} {self.unit} were not delivered to {self.address} ({self.reason})"


class LiveExport:
    """Listens to the events of a run, and has exporters send each cycle when it is over.

    Args:
        exporters: where to send it.
        locate: makes the source of a run from its folder.
        patience: seconds that `close` waits.
    """

    def __init__(
        self, exporters: Sequence[Exporter], locate: Callable[[str], RunSource], patience: float = PATIENCE
    ) -> None:
        self._workers = [_Worker(exporter) for exporter in exporters]
        self._locate, self._patience = locate, patience
        self._source: RunSource | None = None
        self._cycles = 0
        self._ended = False

    def take(self, event: Mapping[str, Any]) -> None:
        """Take an event. It only notes what to do, and never fails."""
        name, cycle = event.get("event"), event.get("cycle")
        if name in BEGINS and self._source is None:
            self._source = self._locate(str(event.get("folder")))
            return
        if name == "finished":
            self._ended = True
        elif name == "node_started" and event.get("node") == "analyze" and isinstance(cycle, int):
            self._cycles = max(self._cycles, cycle)  # the cycles before it are over
        else:
            return
        if self._source is not None:
            for worker in self._workers:
                worker.wake(self._source, self._cycles, self._ended)

    def close(self) -> list[Undelivered]:
        """Wait for what is under way, for some seconds; returns what was not delivered."""
        deadline = time.monotonic() + self._patience
        for worker in self._workers:
            worker.stop()
        if self._source is None:
            return []
        reports = [worker.report(self._source, self._cycles, self._ended, deadline) for worker in self._workers]
        return [report for report in reports if report is not None]


class _Worker:
    """The thread of one exporter. It starts with the first cycle."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._jobs: queue.Queue[tuple[RunSource, int, bool] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="evokd-export", daemon=True)
        self._started = False
        self._stopping = threading.Event()
        self._fault = ""

    def wake(self, source: RunSource, cycles: int, ended: bool) -> None:
        if not self._started:
            self._started = True
            self._thread.start()
        if ended:
            self._make_room()
        with suppress(queue.Full):
            self._jobs.put_nowait((source, cycles, ended))

    def stop(self) -> None:
        self._stopping.set()
        if self._jobs.full():
            return  # it looks at `_stopping` after each job
        self._jobs.put_nowait(None)

    def _make_room(self) -> None:
        """Drop what waits: what comes now includes it."""
        while True:
            try:
                self._jobs.get_nowait()
            except queue.Empty:
                return

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._exporter.send(*job)
                self._fault = ""
            except DeliveryError as exc:
                self._fault = str(exc)
            except Exception as exc:  # whatever a library of others raises must not disturb the run
                self._fault = clean(str(exc) if isinstance(exc, EvokdError) else f"{type(exc).__name__}: {exc}", 200)

    def _next(self) -> tuple[RunSource, int, bool] | None:
        try:
            return self._jobs.get(block=not self._stopping.is_set())
        except queue.Empty:
            return None

    def report(self, source: RunSource, cycles: int, ended: bool, deadline: float) -> Undelivered | None:
        """Wait until the deadline (of the monotonic clock), and say what was not delivered; None if all was."""
        if self._started:
            self._thread.join(max(0.0, deadline - time.monotonic()))
        reason = "not in time" if self._started and self._thread.is_alive() else self._fault
        try:
            left: int | None = self._exporter.count_left(source, cycles, ended)
        except Exception as exc:  # as above; the run itself has its own error for a record that cannot be read
            left, reason = None, reason or clean(f"{type(exc).__name__}: {exc}", 200)
        if left == 0:
            return None
        exporter = self._exporter
        return Undelivered(
            source.run_id,
            str(source.folder),
            exporter.option,
            exporter.address,
            left,
            exporter.unit,
            reason or "the run ended before",
        )
