"""`--quiet`: warnings, errors and one line at the end on standard error; standard output is what it was."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from evokd.api.students import Student
from evokd.cli import main
from evokd.cli.views.answer_progress import count_answers
from evokd.cli.views.experiment_progress import ExperimentProgress
from evokd.cli.views.progress import Progress
from evokd.inference.prediction import AnsweredRow
from tests.cli.conftest import check_refusal
from tests.cli.views.test_progress import CALL, CURATED, STARTED, TRAINED
from tests.graph.toy import QUICK, WordStudent

EXAMPLE = Path(__file__).parents[3] / "domains" / "support_tickets" / "example"


def test_a_quiet_run_says_one_line_and_with_json_the_same(
    toy_domain: Path, word_students: list[WordStudent], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    args = ["run", str(toy_domain), *QUICK, "--runs-dir", str(runs), "--quiet"]
    assert main.run_cli([*args, "--run-id", "one"]) == 0
    plain = capsys.readouterr()
    assert plain.out == ""
    assert plain.err.startswith(f"{runs / 'one'}: validation macro_f1 ")
    assert "; stopped by " in plain.err
    assert plain.err.endswith("; teacher rehearsal: no language model was called\n")
    assert plain.err.count("\n") == 1
    assert main.run_cli([*args, "--run-id", "two", "--json"]) == 0
    both = capsys.readouterr()
    events = [json.loads(line)["event"] for line in both.out.splitlines()]
    assert (events[0], events[-1]) == ("run_started", "finished")
    assert both.err.startswith(f"{runs / 'two'}: validation macro_f1 ")
    assert both.err.count("\n") == 1


def test_a_quiet_run_that_waits_for_people_says_so_in_one_line(
    toy_domain: Path, word_students: list[WordStudent], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["run", str(toy_domain), *QUICK, "--review", "all", "--runs-dir", str(tmp_path), "--run-id", "one"]
    assert main.run_cli([*args, "--quiet"]) == 0
    told = capsys.readouterr().err
    assert told.startswith(f"{tmp_path / 'one'}: waits for a review: ")
    assert told.endswith(f"; next: evokd review {tmp_path / 'one'}\n")
    assert told.count("\n") == 1


def test_a_quiet_resume_of_a_finished_run_says_that_and_the_result(
    done_runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main.run_cli(["resume", "done", "--runs-dir", str(done_runs), "--quiet"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "has ended already" in lines[0]
    assert lines[1].startswith(f"{done_runs / 'done'}: validation macro_f1 ")


def test_errors_are_told_all_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_refusal(["run", str(tmp_path / "none"), "--quiet"], ["no domain folder"], capsys)


def quietly(*events: dict[str, object]) -> str:
    """What a run leaves on a terminal where it is to be quiet."""
    console = Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None)
    with Progress(console, is_quiet=True) as progress:
        for event in events:
            progress(event)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_progress_is_left_out_and_warnings_stay() -> None:
    started = {**STARTED, "notes": ["the pool has 3 of 3 lines"], "warnings": []}
    assert quietly(started, CALL, CURATED, TRAINED) == ""
    read = "seeds.jsonl: tags are IOB1; read as BIO"
    odd = {**started, "notes": [read, "the pool has 3 of 3 lines"], "warnings": [read]}
    lost = {**CALL, "status": "lost", "faults": ["HTTP 503: overloaded"]}
    again = {**CALL, "status": "fault", "faults": ["no JSON"], "again": True}
    useless = {**CALL, "status": "fault", "faults": ["no JSON"], "again": False}
    adapted = {**CALL, "flags": ["no_seed"]}
    lines = quietly(odd, lost, again, useless, adapted, adapted).splitlines()
    assert lines[:2] == [f"note: {read}", "cycle 1: analyst: HTTP 503: overloaded"]
    assert lines[2] == "cycle 1: analyst: unusable reply, not asked again: no JSON"
    assert lines[3].startswith("note: the server takes no seed")
    assert len(lines) == 4


def test_what_a_file_was_read_as_is_a_warning_of_the_first_event(
    toy_domain: Path, word_students: list[WordStudent], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = [json.loads(line) for line in (toy_domain / "seeds.jsonl").read_text(encoding="utf-8").splitlines()]
    table = "text;label\n" + "".join(f"{row['text'].replace(';', ',')};{row['label']}\n" for row in seeds)
    (toy_domain / "seeds.csv").write_text(table, encoding="utf-8")
    manifest = toy_domain / "domain.yaml"
    text = manifest.read_text(encoding="utf-8").replace("seeds: seeds.jsonl", "seeds: seeds.csv")
    manifest.write_text(text, encoding="utf-8")
    args = ["run", str(toy_domain), *QUICK, "--cycles", "1", "--runs-dir", str(tmp_path), "--run-id", "one", "--quiet"]
    assert main.run_cli(args) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "cells are parted by semicolons" in line] == lines[:-1]
    assert len(lines) == 2


def test_a_quiet_predict_keeps_what_is_odd_and_says_where_the_answers_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        Student,
        "answer_rows",
        lambda _, rows, *more, **options: [[AnsweredRow(row, {"predicted_label": "x"}) for row in rows]],
    )
    monkeypatch.setattr(Student, "trained", None)  # the run that comes with the program has none
    monkeypatch.setattr(Student, "name_columns", lambda *_: ["predicted_label"])
    monkeypatch.setattr(Student, "note_unseen", lambda _, texts: ["an odd sign"])
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"stop it\n")))
    assert main.run_cli(["predict", str(EXAMPLE), "-", "--quiet"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "note: an odd sign\n"
    assert json.loads(printed.out)["predicted_label"] == "x"
    out = tmp_path / "out.csv"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"stop it\n")))
    assert main.run_cli(["predict", str(EXAMPLE), "-", "--quiet", "--output", str(out)]) == 0
    assert capsys.readouterr().err == f"note: an odd sign\n1 answer: {out}\n"


def test_counting_answers_shows_nothing_where_it_is_to_be_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    monkeypatch.setattr("evokd.cli.console.stderr", lambda: console)
    assert list(count_answers([[1, 2], [3]], 3, is_quiet=True)) == [[1, 2], [3]]
    assert console.file.getvalue() == ""  # type: ignore[attr-defined]
    list(count_answers([[1, 2], [3]], 3))
    assert "answered" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_quiet_experiment_tells_failures_alone() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None)
    job = SimpleNamespace(id="j", name="toy evokd 1")
    with ExperimentProgress(console, is_quiet=True) as progress:
        progress({"event": "planned", "total": 2, "done": 0, "processes": 1, "baselines": False})
        progress({"event": "started", "job": job})
        progress({"event": "failed", "job": job, "message": "no disk"})
    assert console.file.getvalue() == "toy evokd 1 failed: no disk\n"  # type: ignore[attr-defined]
