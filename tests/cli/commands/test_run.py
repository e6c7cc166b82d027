"""`evokd run` leaves other runs alone, and with --json prints events and nothing else."""

import json
from pathlib import Path

import pytest

from evokd.cli import main
from tests.cli.conftest import check_refusal
from tests.graph.toy import QUICK, WordStudent


def test_a_run_that_exists_is_not_overwritten(
    toy_domain: Path, done_runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (done_runs / "done").rglob("*")}
    args = ["run", str(toy_domain), "--runs-dir", str(done_runs), "--run-id", "done"]
    check_refusal(args, ["'done' already exists", "evokd resume"], capsys)
    assert {path: path.stat().st_mtime_ns for path in (done_runs / "done").rglob("*")} == before


def test_json_prints_events_alone_and_the_summary_last(
    toy_domain: Path, word_students: list[WordStudent], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["run", str(toy_domain), *QUICK, "--runs-dir", str(tmp_path / "runs"), "--run-id", "one", "--json"]
    assert main.run_cli(args) == 0
    printed = capsys.readouterr()
    events = [json.loads(line) for line in printed.out.splitlines()]
    assert events[0]["event"] == "run_started"
    assert events[-1]["event"] == "finished"
    summary = json.loads((tmp_path / "runs" / "one" / "summary.json").read_text(encoding="utf-8"))
    assert {key: events[-1][key] for key in summary} == summary
    stored = (tmp_path / "runs" / "one" / "events.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line) for line in stored.splitlines()] == events
    assert "cycle 2:" in printed.err
    assert "evokd show" in printed.err
    assert "no language model was called" in printed.err
