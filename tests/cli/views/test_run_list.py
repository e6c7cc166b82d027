import os
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evokd.api.run_list import list_runs
from evokd.cli.views.run_list import print_runs
from evokd.tracing.events import EventLog
from evokd.tracing.summary import write_summary
from tests.tracing.rows import SUMMARY

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


def test_the_table_shows_names_as_they_are(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "r1", 0)
    write_summary(folder / "summary.json", {**SUMMARY, "teacher": "a/[bold]b[/nope]:bug:\x1b[31m"})
    make_run(tmp_path, "r2", 1)
    console = Console(record=True, width=160, file=(tmp_path / "out").open("w", encoding="utf-8"))
    print_runs(console, list_runs(tmp_path))
    console.file.close()
    head, second, first = console.export_text().splitlines()
    assert head.split() == ["run", "id", "state", "domain", "preset", "teacher", "samples", "metric", "start", "final"]
    assert first.split() == [
        *("r1", "done", "(cycles)", "toy", "evokd", "a/[bold]b[/nope]:bug:\ufffd[31m", "1"),
        *("validation", "macro_f1", "0.400", "0.600"),
    ]
    assert second.split() == ["r2", "not", "ended", "?", "?", "?", "0", "?", "-", "-"]
