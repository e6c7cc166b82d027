import io
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evokd.api.run_list import list_runs
from evokd.cli.views.run_list import print_runs, tell_number
from evokd.graph.setup.run_folder import RunFolder
from evokd.tracing.events import EventLog
from evokd.tracing.ledger import Ledger
from evokd.tracing.summary import write_summary
from tests.tracing.rows import SUMMARY, call

BEGUN = {"domain": "toy", "preset": "evokd", "teacher": "big", "metric": "macro_f1"}


def make_run(runs: Path, name: str, age: int, events: list[tuple[str, dict[str, Any]]] | None = None) -> Path:
    folder = runs / name
    folder.mkdir()
    (folder / "config.yaml").write_text("{}", encoding="utf-8")
    os.utime(folder / "config.yaml", (1_000_000 - age, 1_000_000 - age))
    if events is not None:
        log = EventLog(folder / "events.jsonl", name)
        for event, fields in events:
            log(event, **fields)
        log.close()
    return folder


def test_runs_come_oldest_first_and_other_folders_are_no_runs(tmp_path: Path) -> None:
    for name, age in (("a", 1), ("b", 3), ("c", 2)):
        make_run(tmp_path, name, age)
    (tmp_path / "other").mkdir()
    (tmp_path / "file").touch()
    assert [row["run_id"] for row in list_runs(tmp_path)] == ["b", "c", "a"]
    assert list_runs(tmp_path / "none") == []


SCORES = {
    "test": ({"macro_f1": 0.7}, {"macro_f1": 0.9}, ("test macro_f1", 0.7, 0.9)),
    "validation_alone": (None, None, ("validation macro_f1", 0.4, 0.6)),
}


@pytest.mark.parametrize(("start", "final", "shown"), SCORES.values(), ids=SCORES.keys())
def test_an_ended_run_tells_its_headline_score(tmp_path: Path, start: Any, final: Any, shown: Any) -> None:
    folder = make_run(tmp_path, "r1", 0, [("run_started", BEGUN)])
    both = {"start": {**SUMMARY["start"], "test": start}, "final": {**SUMMARY["final"], "test": final}}
    write_summary(folder / "summary.json", {**SUMMARY, **both})
    (row,) = list_runs(tmp_path)
    assert (row["metric"], row["start"], row["final"]) == shown
    assert (row["run_id"], row["state"], row["samples"], row["teacher"]) == ("r1", "done (cycles)", 1, "big")


def test_a_run_without_any_data_to_score_has_no_score(tmp_path: Path) -> None:
    nothing = {"validation": None, "test": None}
    write_summary(make_run(tmp_path, "r1", 0) / "summary.json", {**SUMMARY, "start": nothing, "final": nothing})
    (row,) = list_runs(tmp_path)
    assert (row["start"], row["final"]) == (None, None)


STARTED = ("run_started", BEGUN)
UNFINISHED = {
    "created": (None, ("not ended", "?", 0)),
    "started": ([STARTED], ("not ended", "toy", 0)),
    "decided": ([STARTED, ("decided", {"accepted": 4}), ("decided", {"accepted": 9})], ("not ended", "toy", 9)),
    "parked": ([STARTED, ("decided", {"accepted": 4}), ("parked", {"reason": "x"})], ("parked", "toy", 4)),
    "interrupted": ([STARTED, ("interrupted", {})], ("interrupted", "toy", 0)),
    "resumed": ([STARTED, ("parked", {}), ("run_resumed", BEGUN)], ("not ended", "toy", 0)),
}


@pytest.mark.parametrize(("events", "shown"), UNFINISHED.values(), ids=UNFINISHED.keys())
def test_a_run_that_has_not_ended_tells_where_it_stands(tmp_path: Path, events: Any, shown: Any) -> None:
    make_run(tmp_path, "r1", 0, events)
    (row,) = list_runs(tmp_path)
    assert (row["state"], row["domain"], row["samples"]) == shown


ODD_EVENTS = {
    "no_fields": [("run_started", {}), ("decided", {}), ("trained", {})],
    "wrong_types": [
        ("run_started", {"domain": ["x"], "preset": {}, "teacher": 3, "metric": None}),
        ("decided", {"accepted": "many"}),
        ("trained", {"promoted": True, "after": "x", "before": []}),
        ("trained", {"promoted": True, "after": float("nan"), "before": 0.1}),
    ],
}


@pytest.mark.parametrize("summary", [None, "[]"])
@pytest.mark.parametrize("events", ODD_EVENTS.values(), ids=ODD_EVENTS.keys())
def test_odd_events_of_one_run_do_not_hide_the_others(tmp_path: Path, events: Any, summary: str | None) -> None:
    make_run(tmp_path, "good", 0, [STARTED])
    folder = make_run(tmp_path, "odd", 1, events)
    if summary:
        (folder / "summary.json").write_text(summary, encoding="utf-8")
    rows = list_runs(tmp_path)
    assert sorted(row["run_id"] for row in rows) == ["good", "odd"]
    print_runs(Console(file=io.StringIO(), width=80), rows)


STATUSES = {
    "created": (None, "created"),
    "killed": ([STARTED], "killed"),
    "parked": ([STARTED, ("parked", {})], "parked"),
    "interrupted": ([STARTED, ("interrupted", {})], "interrupted"),
}


@pytest.mark.parametrize(("events", "status"), STATUSES.values(), ids=STATUSES.keys())
def test_a_run_whose_lock_is_held_is_running_whatever_its_events_say(tmp_path: Path, events: Any, status: str) -> None:
    folder = make_run(tmp_path, "r1", 0, events)
    assert list_runs(tmp_path)[0]["status"] == status
    with RunFolder(folder).lock():
        (row,) = list_runs(tmp_path)
    assert (row["status"], row["state"]) == ("running", "running")
    before = sorted(path.name for path in folder.iterdir())
    assert list_runs(tmp_path)[0]["status"] == status
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_run_that_has_not_ended_tells_what_it_has_spent_and_where_its_gate_stands(tmp_path: Path) -> None:
    first = ("trained", {"before": None, "after": 0.25, "promoted": True})
    worse = ("trained", {"before": 0.25, "after": 0.125, "promoted": False})
    better = ("trained", {"before": 0.25, "after": 0.5, "promoted": True})
    folder = make_run(tmp_path, "r1", 0, [STARTED, first, worse, better])
    ledger = Ledger(folder / "ledger.db")
    ledger.record_call(call())
    ledger.close()
    (row,) = list_runs(tmp_path)
    assert (row["tokens"], row["cost_usd"], row["gain"]) == (110, 0.01, 0.25)
    assert row["gate_scores"] == [0.25, 0.25, 0.5]


def test_runs_are_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    make_run(tmp_path, "second", 0, [STARTED])
    make_run(tmp_path, "third", 9, [STARTED])
    make_run(tmp_path, "first", 5)
    assert [row["run_id"] for row in list_runs(tmp_path)] == ["first", "second", "third"]


def show(rows: list[dict[str, Any]], width: int, encoding: str = "utf-8") -> list[str]:
    """The lines of the list, without blanks at their ends."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    console = Console(file=file, width=width)
    print_runs(console, rows, datetime(2026, 5, 9, tzinfo=UTC))
    file.flush()
    return [line.rstrip() for line in file.buffer.getvalue().decode(encoding).splitlines()]  # type: ignore[attr-defined]


ROW = {
    "run_id": "tickets-1",
    "state": "done (budget.samples)",
    "status": "done",
    "started": "2026-05-08T07:06:05+00:00",
    "domain": "toy",
    "preset": "evokd",
    "teacher": "big",
    "samples": 240,
    "tokens": 32_779,
    "cost_usd": 0.125,
    "metric": "test macro_f1",
    "start": 0.5,
    "final": 0.625,
    "gain": 0.125,
    "gate_scores": [0.1, 0.2, 0.3],
}


def test_the_list_fits_the_terminal() -> None:
    killed = {**ROW, "run_id": "b", "status": "killed", "state": "not ended", "final": None, "cost_usd": None}
    old = {**ROW, "run_id": "c", "started": "2024-01-02T03:04:05+00:00", "gate_scores": [], "gain": None}
    curve = "\u2581\u2585\u2588"
    assert show([ROW, killed, old], 104) == [
        "run        state                  began        samples  tokens   USD           score    gain  curve",
        f"tickets-1  done (budget.samples)  05-08 07:06      240   32.8k  0.12  0.500 -> 0.625  +0.125  {curve}",
        f"b          killed                 05-08 07:06      240   32.8k     -      gate 0.300  +0.125  {curve}",
        "c          done (budget.samples)  2024-01-02       240   32.8k  0.12  0.500 -> 0.625       -",
    ]
    assert show([ROW], 80)[0].split() == ["run", "state", "began", "tokens", "USD", "gain", "curve"]
    assert "domain" in show([ROW], 120)[0]
    narrow = show([ROW], 40)
    assert " ".join(" ".join(narrow).split()).startswith("tickets-1: state done (budget.samples), began 05-08 07:06,")
    assert all(len(line) <= 40 for line in narrow)
    assert "teacher" in show([ROW], 160)[0]
    assert show([ROW], 104, "ascii")[1].endswith("_+@")


NUMBERS = {0: "0", 999: "999", 1_000: "1.0k", 99_949: "99.9k", 123_456: "123k", 999_600: "1.0M", 12_345_678: "12.3M"}


@pytest.mark.parametrize(("number", "told"), NUMBERS.items())
def test_numbers_of_tokens_are_short(number: int, told: str) -> None:
    assert tell_number(number) == told


def test_the_table_shows_names_as_they_are(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "r1", 0)
    write_summary(folder / "summary.json", {**SUMMARY, "teacher": "a/[bold]b[/nope]:bug:\x1b[31m"})
    make_run(tmp_path, "r2", 1)
    rows = list_runs(tmp_path)
    head, second, first = show(rows, 200)
    assert head.split()[-4:] == ["domain", "preset", "teacher", "metric"]
    assert "done (cycles)" in first
    assert "0.400 -> 0.600" in first
    assert "a/[bold]b[/nope]:bug:\ufffd[31m" in first
    assert second.split()[:3] == ["r2", "not", "begun"]
