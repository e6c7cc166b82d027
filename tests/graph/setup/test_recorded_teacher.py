"""Runs on a recorded language model: its folder, its pool, and the order in which its texts are dealt."""

import json
from pathlib import Path

import pytest
import yaml

from evokd.cli import main
from evokd.tracing.ledger import Ledger
from evokd.tracing.summary import read_summary
from tests.graph.conftest import KILLED, Evokd, run_quick
from tests.graph.test_resume import facts
from tests.graph.toy import QUICK, WordStudent, read_rows, write_domain, write_rows, write_yaml

RECORDED = ["--teacher", "recorded"]


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """A domain with a recording: half of its corpus was written, half of it labelled, some of that wrongly."""
    domain = write_domain(tmp_path / "toy")
    rows = read_rows(domain / "corpus.jsonl")
    (domain / "llm").mkdir()
    written = [{"text": row["text"], "label": row["label"], "how": "plain"} for row in rows[::2]]
    labelled = [{"text": row["text"], "labels": [row["label"]], "confidence": 0.9} for row in rows[1::2]]
    write_rows(domain / "llm" / "written.jsonl", written)
    write_rows(domain / "llm" / "labelled.jsonl", labelled)
    return domain


def test_a_run_takes_its_texts_and_its_pool_from_the_recording(
    recorded: Path, word_students: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_quick(recorded, *RECORDED, "--set", "gate.rule=off")
    written = {row["text"] for row in read_rows(recorded / "llm" / "written.jsonl")}
    labelled = {row["text"] for row in read_rows(recorded / "llm" / "labelled.jsonl")}
    ledger = Ledger(folder.ledger)
    samples = ledger.samples()
    ledger.close()
    assert {sample.text for sample in samples if sample.is_real} <= labelled
    assert {sample.text for sample in samples if not sample.is_real} <= written
    assert any(sample.is_real for sample in samples)
    assert any(not sample.is_real for sample in samples)
    assert len({sample.text for sample in samples}) == len(samples)
    summary = read_summary(folder.summary)
    assert summary is not None
    assert (summary["teacher"], summary["rehearsal"]) == ("recorded", True)
    assert "recorded" in capsys.readouterr().err


@pytest.mark.parametrize(("event", "node", "count"), [("call", "generator", 2), ("node_finished", "analyze", 2)])
def test_a_killed_run_is_dealt_the_same_texts(
    event: str, node: str, count: int, recorded: Path, tmp_path: Path, evokd: Evokd
) -> None:
    args = ["run", str(recorded), *QUICK, *RECORDED, "--runs-dir", str(tmp_path / "runs")]
    killed = tmp_path / "runs" / "killed"
    for code, printed in (
        (0, evokd(*args, "--run-id", "whole")),
        (KILLED, evokd(*args, "--run-id", killed.name, event=event, node=node, count=count)),
        (0, evokd("resume", str(killed))),
    ):
        assert printed[0] == code, printed[1]
    assert facts(killed) == facts(tmp_path / "runs" / "whole")


def test_without_a_recording_there_is_no_such_teacher(toy_domain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_cli(["run", str(toy_domain), *RECORDED, "--runs-dir", str(toy_domain.parent / "runs")]) == 2
    error = capsys.readouterr().err
    assert "no recorded teacher" in error
    assert "written.jsonl" in error


def test_labels_that_the_domain_does_not_know_are_refused(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = recorded / "llm" / "written.jsonl"
    path.write_text(json.dumps({"text": "strange", "label": "odd", "how": "plain"}) + "\n", encoding="utf-8")
    assert main.run_cli(["run", str(recorded), *RECORDED, "--runs-dir", str(recorded.parent / "runs")]) == 2
    assert "'strange' has the unknown label 'odd'" in capsys.readouterr().err


def test_a_label_that_the_domain_does_not_have_is_refused_in_either_file(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, key in (("labelled.jsonl", "labels"), ("written.jsonl", "label")):
        path = recorded / "llm" / name
        rows = read_rows(path)
        strange = ["nonsense"] if key == "labels" else "nonsense"
        write_rows(path, [{**rows[0], key: strange}, *rows[1:]])
        assert main.run_cli(["check", str(recorded), *RECORDED]) == 2
        error = capsys.readouterr().err
        assert name in error
        assert "'nonsense'" in error
        write_rows(path, rows)


def test_an_empty_recording_is_refused(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recorded / "llm" / "written.jsonl").write_text("\n", encoding="utf-8")
    assert main.run_cli(["check", str(recorded), *RECORDED]) == 2
    assert "written.jsonl: holds no rows" in capsys.readouterr().err


def test_a_recording_without_labels_says_that_there_is_no_pool(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recorded / "llm" / "labelled.jsonl").unlink()
    assert main.run_cli(["check", str(recorded), *RECORDED]) == 0
    assert "labelled.jsonl: missing or empty" in " ".join(capsys.readouterr().out.split())


def test_a_pool_of_which_nothing_was_recorded_is_refused(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (recorded / "pool.txt").write_text("a line of which nothing was recorded\n", encoding="utf-8")
    domain = yaml.safe_load((recorded / "domain.yaml").read_text(encoding="utf-8"))
    domain["data"]["pool"] = "pool.txt"
    write_yaml(recorded / "domain.yaml", domain)
    assert main.run_cli(["check", str(recorded), *RECORDED]) == 2
    error = capsys.readouterr().err
    assert "labelled.jsonl" in error
    assert "pool.txt" in error
