"""Export beside a run: each cycle when it is over, and no receiver that disturbs or delays the run."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evokd.exporters.delivery import DeliveryError
from evokd.exporters.live import LiveExport
from evokd.exporters.otlp import OtlpExporter
from evokd.exporters.source import RunSource
from tests.conftest import ServeApp
from tests.exporters.receiver import Receiver, source_of


class Scripted:
    """An exporter that notes what it is told, and does what a test wants."""

    option, address, unit = "--trace somewhere", "somewhere", "spans"

    def __init__(self, work: Callable[[], None] = lambda: None) -> None:
        self.work = work
        self.jobs: list[tuple[int, bool]] = []
        self.sent = (0, False)

    def send(self, source: RunSource, cycles: int, ended: bool) -> None:
        self.jobs.append((cycles, ended))
        self.work()
        self.sent = (cycles, ended)

    def count_left(self, source: RunSource, cycles: int, ended: bool) -> int:
        return 0 if self.sent == (cycles, ended) else 7


def play(live: LiveExport, *, ended: bool = True) -> None:
    """Tell of a run of three cycles."""
    live.take({"event": "run_started", "folder": "example"})
    for cycle in (1, 2, 3):
        live.take({"event": "node_started", "node": "analyze", "cycle": cycle})
        live.take({"event": "node_started", "node": "train", "cycle": cycle})
    if ended:
        live.take({"event": "finished"})


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_cycle_is_sent_when_the_next_begins_and_the_run_when_it_ends() -> None:
    exporter = Scripted()
    live = LiveExport([exporter], source_of)
    live.take({"event": "run_started", "folder": "example"})
    for cycle in (1, 2):
        live.take({"event": "node_started", "node": "analyze", "cycle": cycle})
        wait_for(lambda cycle=cycle: exporter.sent == (cycle, False))  # type: ignore[misc]
    live.take({"event": "finished"})
    assert live.close() == []
    assert exporter.jobs[-1] == (2, True)


def test_spans_of_cycles_arrive_before_the_run_ends(serve_app: ServeApp) -> None:
    receiver = Receiver()
    live = LiveExport([OtlpExporter(serve_app(receiver.app))], source_of)
    live.take({"event": "run_started", "folder": "example"})
    live.take({"event": "node_started", "node": "analyze", "cycle": 1})
    wait_for(lambda: len(receiver.spans) == 6)
    assert {span.name for span in receiver.spans} == {"cycle 0", "prepare", "train", "gate", "examine", "decide"}
    live.take({"event": "finished"})
    assert live.close() == []
    assert len({span.span_id for span in receiver.spans}) == len(receiver.spans) == 61


def test_an_outage_is_told_once_at_the_end_with_what_is_missing() -> None:
    def fail() -> None:
        raise DeliveryError("HTTP 503")

    live = LiveExport([Scripted(fail)], source_of)
    play(live)
    (left,) = live.close()
    assert left.tell() == "7 spans were not delivered to somewhere (HTTP 503)"
    assert (left.run_id, left.option, Path(left.folder).name) == ("example", "--trace somewhere", "example")


@pytest.mark.parametrize("error", [ValueError("a library's\nown"), OSError(5, "broken"), MemoryError()])
def test_whatever_a_library_raises_does_not_reach_the_run(error: Exception) -> None:
    def fail() -> None:
        raise error

    live = LiveExport([Scripted(fail)], source_of)
    play(live)
    (left,) = live.close()
    assert "\n" not in left.tell()


def test_a_cycle_that_was_not_taken_is_sent_with_the_next() -> None:
    faults = [DeliveryError("HTTP 503")]

    def fail_once() -> None:
        if faults:
            raise faults.pop()

    exporter = Scripted(fail_once)
    live = LiveExport([exporter], source_of)
    live.take({"event": "run_started", "folder": "example"})
    live.take({"event": "node_started", "node": "analyze", "cycle": 1})
    wait_for(lambda: not faults)
    assert exporter.sent == (0, False)
    live.take({"event": "finished"})
    assert live.close() == []
    assert exporter.sent == (1, True)


def test_a_receiver_that_hangs_delays_neither_the_run_nor_its_end_for_long() -> None:
    live = LiveExport([Scripted(lambda: time.sleep(3))], source_of, patience=0.2)
    start = time.monotonic()
    for _ in range(200):
        play(live)
    assert time.monotonic() - start < 0.5
    (left,) = live.close()
    assert time.monotonic() - start < 1.5
    assert left.reason == "not in time"


def test_a_run_that_was_stopped_has_its_finished_cycles_sent() -> None:
    exporter = Scripted()
    live = LiveExport([exporter], source_of)
    play(live, ended=False)
    live.take({"event": "interrupted"})
    assert live.close() == []
    assert exporter.sent == (3, False)


def test_without_a_run_nothing_is_started() -> None:
    exporter = Scripted()
    live = LiveExport([exporter], source_of)
    live.take({"event": "finished"})
    assert live.close() == []
    assert exporter.jobs == []
