"""`evokd predict` says how it has read texts, and gives each answer the line of its text."""

import io
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from evokd.api.students import Student
from evokd.cli import main
from evokd.inference.prediction import AnsweredRow

RUN = Path(__file__).parents[3] / "domains" / "support_tickets" / "example"


def predict(
    raw: bytes, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[list[dict[str, object]], str]:
    monkeypatch.setattr(
        Student,
        "answer_rows",
        lambda _, rows, reject: [[AnsweredRow(row, {"label": "x"}) for row in rows]],
    )
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


def test_predict_on_an_unfinished_run_names_the_resume_command(
    done_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "unfinished"
    folder.mkdir()
    (folder / "config.yaml").write_bytes((done_runs / "done" / "config.yaml").read_bytes())
    (tmp_path / "texts.txt").write_text("Where is my parcel?\n", encoding="utf-8")
    capsys.readouterr()
    assert main.run_cli(["predict", str(folder), str(tmp_path / "texts.txt")]) != 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert f"evokd resume {folder}" in printed.err


def test_predict_on_a_run_whose_student_was_deleted_says_so(
    done_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bare"
    shutil.copytree(done_runs / "done", folder, ignore=shutil.ignore_patterns("student", "work"))
    (tmp_path / "texts.txt").write_text("Where is my parcel?\n", encoding="utf-8")
    capsys.readouterr()
    assert main.run_cli(["predict", str(folder), str(tmp_path / "texts.txt")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"evokd: {folder}: its student was deleted, as experiments do")
    assert printed.err.count("\n") == 1


def test_an_empty_prefix_would_write_over_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--prefix", "", "--output", str(tmp_path / "out.csv")]
    assert main.run_cli(["predict", str(RUN), "no.csv", *options]) == 2
    assert "--prefix: give one letter or more" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
