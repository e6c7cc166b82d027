import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evokd.tracing.events import EventLog, WallClock, holds_event, measure_wall, read_events


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_an_event_is_on_disk_before_the_listeners_hear_of_it_in_order(path: Path) -> None:
    heard: list[Any] = []
    log = EventLog(path, "r1", (lambda event: heard.append(read_events(path)), lambda event: heard.append(event)))
    log("node_started", cycle=1, node="train")
    (on_disk,), event = heard
    assert on_disk == event
    assert {**event, "time": None} == {
        "event": "node_started",
        "time": None,
        "run_id": "r1",
        "cycle": 1,
        "node": "train",
    }
    assert datetime.fromisoformat(event["time"]).tzinfo == UTC
    log.close()


def test_an_event_that_is_passed_on_is_heard_and_not_written(path: Path) -> None:
    heard: list[Any] = []
    log = EventLog(path, "r1", (heard.append,))
    log.pass_on("training_step", cycle=1, step=3, steps=9)
    (event,) = heard
    assert datetime.fromisoformat(event.pop("time")).tzinfo == UTC
    assert event == {"event": "training_step", "run_id": "r1", "cycle": 1, "step": 3, "steps": 9}
    log.close()
    assert read_events(path) == []


def test_a_line_is_one_event_whatever_the_text_in_it(path: Path) -> None:
    texts = ["a\nb", "\u2028", "\u0085", "\x0c", "\x1c", 'é"\\', "\U0001f600"]
    log = EventLog(path, "r1")
    for text in texts:
        log("lesson", topic=text)
    log.close()
    assert [event["topic"] for event in read_events(path)] == texts
    assert path.read_bytes().count(b"\n") == len(texts)


@pytest.mark.parametrize(
    "cut", [b'{"event": "b", "to', '{"event": "é'.encode()[:-1], b"\n"], ids=["json", "utf8", "none"]
)
def test_a_line_cut_off_by_a_crash_is_left_out_and_swallows_nothing(path: Path, cut: bytes) -> None:
    log = EventLog(path, "r1")
    log("a")
    log.close()
    path.write_bytes(path.read_bytes().removesuffix(b"\n") + b"\n" + cut.removesuffix(b"\n"))
    log = EventLog(path, "r1")
    log("c")
    log.close()
    assert [event["event"] for event in read_events(path)] == ["a", "c"]


def test_a_resumed_log_goes_on_where_it_ended(path: Path) -> None:
    for number in range(2):
        log = EventLog(path, "r1")
        log("turn", number=number)
        log.close()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["number"] for line in lines] == [0, 1]


def test_an_event_is_found_by_its_name_where_its_line_is_whole(path: Path) -> None:
    log = EventLog(path, "one")
    log("note", text='{"event": "finished", "x": 1}\n{"event": "finished", "x": 1}')
    assert not holds_event(path, "finished")
    with path.open("ab") as file:
        file.write(b'{"event": "finished", "time": "20')
    assert not holds_event(path, "finished")
    log.close()
    log = EventLog(path, "one")
    log("finished", x=1)
    log.close()
    assert holds_event(path, "finished")
    assert holds_event(path, "note")
    assert not holds_event(path, "fin")


def test_an_empty_log_has_no_events(path: Path) -> None:
    EventLog(path, "r1").close()
    assert read_events(path) == []
    assert path.read_bytes() == b""


WALLS = {
    "one process": ([("run_started", 0), ("call", 5), ("node_finished", 9)], 10),
    "killed and resumed": ([("run_started", 0), ("call", 5), ("run_resumed", 100), ("call", 107)], 13),
    "twice": ([("run_started", 0), ("parked", 2), ("run_resumed", 50), ("run_resumed", 90), ("call", 91)], 4),
    "a clock set back": ([("run_started", 50), ("call", 20), ("call", 23)], 4),
    "nothing yet": ([], 0),
}


@pytest.mark.parametrize(("events", "seconds"), WALLS.values(), ids=WALLS)
def test_the_wall_time_of_all_processes_is_added_up(path: Path, events: list[tuple[str, int]], seconds: int) -> None:
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    lines = [json.dumps({"event": name, "time": (begun + timedelta(seconds=at)).isoformat()}) for name, at in events]
    path.write_text("\n".join([*lines, '{"event": "cut o']), encoding="utf-8")
    last = max((at for _, at in events[-1:]), default=0)
    assert measure_wall(path, begun + timedelta(seconds=last + 1)) == seconds
    assert measure_wall(path.with_name("none.jsonl")) == 0


def test_a_listener_that_fails_is_told_nothing_more_and_the_others_are(path: Path) -> None:
    heard: list[str] = []

    def closed(_: Any) -> None:
        raise BrokenPipeError

    log = EventLog(path, "r1", (lambda event: heard.append(event["event"]), closed))
    with pytest.raises(BrokenPipeError):
        log("call")
    log("parked")
    log.close()
    assert heard == ["call", "parked"]


def test_a_clock_that_reads_each_event_once_agrees_with_one_that_reads_all(tmp_path: Path) -> None:
    path, begun = tmp_path / "events.jsonl", datetime(2026, 11, 1, tzinfo=UTC)
    clock, told = WallClock(path), begun + timedelta(seconds=1_000)
    assert clock.measure(told) == 0
    names = ("run_started", "curated", "run_resumed", "curated", "decided")
    for number, name in enumerate(names):
        line = json.dumps({"event": name, "time": (begun + timedelta(seconds=10 * number**2)).isoformat()})
        with path.open("a", encoding="utf-8") as file:
            file.write("{broken\n" + line[:9])
        clock.measure(told)
        with path.open("a", encoding="utf-8") as file:
            file.write(line[9:] + "\n")
        assert clock.measure(told) == measure_wall(path, told)
        assert clock._read_bytes == path.stat().st_size
    assert clock.measure(told) == 10 + (90 - 40) + (160 - 90) + (1_000 - 160)
