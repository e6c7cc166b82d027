"""`evokd predict` says how it has read texts, and gives each answer the line of its text."""

import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from evokd.api.students import Student
from evokd.cli import main
from evokd.graph.setup.run_folder import SHIPPED_EXAMPLE, RunFolder
from evokd.inference.prediction import AnsweredRow
from evokd.student.protocol import Prediction
from tests.cli.conftest import check_refusal

RUN = Path(__file__).parents[3] / "domains" / "support_tickets" / "example"


def predict(
    raw: bytes, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[list[dict[str, object]], str]:
    monkeypatch.setattr(
        Student,
        "answer_rows",
        lambda _, rows, prefix, reject: [[AnsweredRow(row, {f"{prefix}label": "x"}) for row in rows]],
    )
    monkeypatch.setattr(Student, "trained", None)  # the run that comes with the program has none
    monkeypatch.setattr(Student, "note_unseen", lambda _, texts: ["an odd sign \x1b[31m"])
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
    assert main.run_cli(["predict", str(RUN), "-", *options]) == 0
    out, err = capsys.readouterr()
    return [json.loads(line) for line in out.splitlines()], err


def test_what_was_recognised_is_told_and_escaped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = b"text;[b]\x1b[31mid\nstop, now;1\n"
    rows, told = predict(raw, ["--format", "csv"], monkeypatch, capsys)
    assert rows == [{"line": 2, "text": "stop, now", "label": "x"}]
    assert told.splitlines() == [
        "note: standard input: cells are parted by semicolons, as the header shows",
        "note: an odd sign \ufffd[31m",
    ]
    _, told = predict(b"stop\n", [], monkeypatch, capsys)
    assert told.startswith("standard input: 1 text, read as plain lines\n")


_ASKS = (["predict"], ["eval"], ["export", "--format", "hf", "--to", "out"])
"""What asks for the student of a run."""


def _ask_all(run: str, told: str, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All commands that want a student refuse a run alike."""
    for command, *options in _ASKS:
        files = [str(rows)] if command != "export" else []
        check_refusal([command, run, *files, *options], [f"evokd: {told}"], capsys)


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "rows.csv"
    path.write_text("text,label\nWhere is my parcel?,delivery\n", encoding="utf-8")
    return path


def test_a_run_that_has_not_ended_has_no_student(
    done_runs: Path, tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "unfinished"
    folder.mkdir()
    shutil.copy(done_runs / "done" / "config.yaml", folder)
    fault = f"{folder}: it has not ended and so has no student yet"
    _ask_all(str(folder), f"{fault}; go on with: evokd resume {folder}\n", rows, capsys)
    with RunFolder(folder).lock():
        _ask_all(str(folder), f"{fault}; wait until it has\n", rows, capsys)


def test_a_student_that_was_deleted_is_told(
    done_runs: Path, tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bare"
    shutil.copytree(done_runs / "done", folder, ignore=shutil.ignore_patterns("student", "work"))
    _ask_all(str(folder), f"{folder}: its student was deleted, as experiments do after their runs; ", rows, capsys)
    _ask_all("example", f"{RunFolder(SHIPPED_EXAMPLE).path}: the run that comes with the program has no", rows, capsys)


@pytest.mark.parametrize(
    ("content", "told"), [("{", "cannot be read"), ("[]", "damaged"), ('{"task": "classification"}', "'labels'")]
)
def test_a_damaged_student_is_told(
    content: str, told: str, tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "evokd.json").write_text(content, encoding="utf-8")
    for command, *options in _ASKS:
        files = [str(rows)] if command != "export" else []
        check_refusal([command, str(tmp_path), *files, *options], [str(tmp_path), told], capsys)


def test_an_empty_prefix_would_write_over_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--prefix", "", "--output", str(tmp_path / "out.csv")]
    assert main.run_cli(["predict", str(RUN), "no.csv", *options]) == 2
    assert "--prefix: give one letter or more" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_options_are_refused_before_the_rows_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_cli(["predict", str(RUN), "no.csv", "--reject", "1.5"]) == 2
    assert capsys.readouterr().err == "evokd: --reject 1.5: a confidence is a number from 0 to 1\n"


def test_a_column_that_is_taken_in_a_later_row_is_told_before_anything_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Student, "note_unseen", lambda *_: [])
    student = tmp_path / "student"
    student.mkdir()
    (student / "evokd.json").write_text('{"task": "classification", "labels": ["a", "b"]}', encoding="utf-8")
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "late"}\n{"text": "stop", "predicted_label": "x"}\n', encoding="utf-8")
    assert main.run_cli(["predict", str(student), str(rows), "--output", str(tmp_path / "out.csv")]) == 2
    assert "the input has a column 'predicted_label' already" in capsys.readouterr().err
    assert not (tmp_path / "out.csv").exists()


def test_a_prefix_stands_before_the_keys_of_json_lines_as_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, _ = predict(b"stop\n", ["--prefix", "ours_"], monkeypatch, capsys)
    assert rows == [{"line": 1, "text": "stop", "ours_label": "x"}]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl"])
def test_sets_of_labels_that_were_answered_are_read_by_init(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No label at all is an answer, which an empty cell is not."""
    answers = {"the tap drips": ["damp"], "all is well": [], "a loud drip": ["damp", "noise"], "a drum": ["noise"]}
    student = tmp_path / "student"
    student.mkdir()
    record = {"task": "multilabel", "labels": ["damp", "noise"], "max_length": 32}
    (student / "evokd.json").write_text(json.dumps(record), encoding="utf-8")
    monkeypatch.setattr(Student, "note_unseen", lambda *_: [])
    monkeypatch.setattr(
        "evokd.inference.prediction.answer_texts",
        lambda _, parts: ([Prediction(answer=answers[text], confidence=0.9, scores={}) for text in p] for p in parts),
    )
    (tmp_path / "rows.csv").write_text("text\n" + "\n".join(answers) + "\n", encoding="utf-8")
    output = tmp_path / f"answered{ending}"
    assert main.run_cli(["predict", str(student), str(tmp_path / "rows.csv"), "--output", str(output)]) == 0
    columns = ["--task", "multilabel", "--text-column", "text", "--label-column", "predicted_label"]
    assert main.run_cli(["init", str(tmp_path / "new"), "--from", str(output), *columns]) == 0
    seeds = [json.loads(line) for line in (tmp_path / "new" / "seeds.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["text"]: row["labels"] for row in seeds} == answers
