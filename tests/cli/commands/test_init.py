"""`evokd init`: what it prints fits a screen, names the next commands, and asks where it can."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from evokd.cli import main
from evokd.cli.commands import init as command
from tests.cli.conftest import check_refusal
from tests.intake.sources import TEXTS

AMBIGUOUS = "text,queue,topic\nit crashes on start,a,x\nwho pays for that,b,y\nit is late again,a,y\n"


@pytest.fixture
def tickets(tmp_path: Path) -> Path:
    path = tmp_path / "tickets.csv"
    rows = [f'{n},"{text} Case {n}",{label}' for n in range(8) for text, label, _ in TEXTS]
    path.write_text("\n".join(["Nr,Body,Queue", *rows]), encoding="utf-8")
    return path


def test_a_screenful_says_what_was_made_and_what_comes_next(
    tickets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    assert main.run_cli(["init", str(folder), "--from", str(tickets)]) == 0
    printed = capsys.readouterr().out
    assert "96 texts in 'Body', labels in 'Queue'; passed over: 'Nr'" in printed
    assert "language: en (a guess" in printed
    assert f"check {folder}" in printed
    assert len(printed.splitlines()) <= 24
    assert main.run_cli(["check", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "says no more than its name" in told


def test_json_is_one_object(tickets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_cli(["init", str(tmp_path / "new"), "--from", str(tickets), "--json", "--seed", "3"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    facts = json.loads(line)
    assert sum(facts["data"].values()) == 96
    assert facts["files"] == ["domain.yaml", "seeds.jsonl", "test.jsonl", "validation.jsonl"]
    assert (facts["text_column"], facts["label_column"]) == ("Body", "Queue")


def test_columns_are_asked_for_on_a_terminal_and_told_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(AMBIGUOUS, encoding="utf-8")
    order = ["init", str(tmp_path / "new"), "--from", str(path)]
    check_refusal(order, ["which column holds the labels is not clear", "'topic' ('x, y')", "--label-column"], capsys)
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr(command, "sys", SimpleNamespace(stdin=terminal, stderr=terminal))
    answers = iter([7, 2])
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: next(answers))
    assert main.run_cli(order) == 0
    printed = capsys.readouterr()
    assert "Which column holds the labels?" in printed.err
    assert "labels in 'topic'" in printed.out


def test_a_hostile_file_does_not_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "text,label,\x1b[31m[bold]\nit crashes on start,[red]a,1\nwho pays for that,b,2\n", encoding="utf-8"
    )
    assert main.run_cli(["init", str(tmp_path / "new"), "--from", str(path), "--label-column", "label"]) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "[red]a 1" in printed


def test_another_language_needs_another_student(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.csv"
    rows = ["Ich habe die Rechnung nicht bekommen,offen", "Wo ist das Paket und wann kommt es,lieferung"]
    path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    assert main.run_cli(["init", str(tmp_path / "new"), "--from", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "language: de (a guess" in printed
    assert "--student ENCODER" in printed


def test_example_rows_are_found_by_the_check_until_they_are_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run_cli(["init", str(tmp_path / "new"), "--label-names", "late,lost"]) == 0
    assert main.run_cli(["check", str(tmp_path / "new")]) == 0
    told = capsys.readouterr().out
    assert "6 rows only show the form" in told
    assert "the meaning of the label 'late', 'lost' says no more" in told
    assert main.run_cli(["init", str(tmp_path / "example")]) == 0
    assert main.run_cli(["check", str(tmp_path / "example")]) == 0
    told = capsys.readouterr().out
    assert "show the form" not in told
    assert "no more than its name" not in told


def test_the_hint_at_unlabelled_texts_fits_what_there_is(
    tickets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = tmp_path / "more.txt"
    pool.write_text("a parcel came without its lid\nthe hinge squeaks in the cold\n", encoding="utf-8")
    made = ["init", "--from", str(tickets)]
    assert main.run_cli([*made, str(tmp_path / "bare")]) == 0
    assert "write them to" in capsys.readouterr().out
    assert main.run_cli([*made, str(tmp_path / "some"), "--pool", str(pool)]) == 0
    told = capsys.readouterr().out
    assert f"add more of them to {tmp_path / 'some'}/pool.jsonl" in told
    assert "write them to" not in told
