"""The tutorial works as it stands on its page: every line is typed, in a short form of the run."""

import csv
import json
import shlex
import socket
from pathlib import Path
from typing import Any

import pytest
import typer.main

from evokd.cli import main
from evokd.cli.app import app
from tests.cli.conftest import check_refusal
from tests.docs.tutorial import PORT, read_page, serving, type_line

SHORT = {
    "run": [
        *("--budget-samples", "12", "--set", "student.tune=head", "--set", "rows.pool=20"),
        *("--set", "curriculum.measure_rows=0", "--device", "cpu"),
    ]
}
"""Options behind a command that shorten it; of an option that is given twice the last one counts."""


def test_the_tutorial_word_for_word(tmp_path: Path) -> None:
    page = read_page()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])  # the port of the page may be taken: two tests may run at once
    (files,), (server,) = page.files, page.server
    told = [type_line(files, tmp_path).err]
    with serving(server.replace(PORT, port), port, tmp_path):
        for line in page.offline:
            typed = type_line(line.replace(PORT, port), tmp_path, SHORT.get(shlex.split(line)[1], ()))
            told.append(typed.err + typed.out)
    assert told[0] == page.outputs[0]
    assert told[1].startswith(page.outputs[1])
    summary = json.loads((tmp_path / "runs" / "first" / "summary.json").read_text(encoding="utf-8"))
    assert summary["totals"]["samples"] == 12
    with (tmp_path / "mails.csv").open(encoding="utf-8", newline="") as file:
        asked = list(csv.DictReader(file))
    with (tmp_path / "answered.csv").open(encoding="utf-8", newline="") as file:
        answered = list(csv.DictReader(file))
    assert [row["body"] for row in answered] == [row["body"] for row in asked]
    assert len({row["predicted_label"] for row in answered}) > 5
    assert list(answered[0]) == page.outputs[-1].splitlines()[0].split(",")


def test_the_lines_for_a_language_model_parse_and_differ_in_the_teacher_alone() -> None:
    page = read_page()
    export, *lines = page.online
    assert export.startswith("export OPENAI_API_KEY=")
    group: Any = typer.main.get_command(app)
    for line, offline in zip(lines, page.offline, strict=True):
        words = shlex.split(line)
        group.commands[words[1]].make_context("evokd", words[2:])
        bare = [word for word in words if word not in ("--teacher", "gpt-4o-mini", "--budget-usd", "1")]
        rehearsed = ("--teacher", "any-name", "--base-url", f"http://127.0.0.1:{PORT}/v1")
        assert bare == [word for word in shlex.split(offline) if word not in rehearsed]


def test_the_files_of_the_tutorial_share_no_text_and_nothing_is_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.run_cli(["tutorial", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"labelled": 200, "unlabelled": 700, "mails": 110, "files": ["tickets.csv", "mails.csv"]}
    rows = list(csv.DictReader((tmp_path / "tickets.csv").read_text(encoding="utf-8").splitlines()))
    assert [bool(row["queue"]) for row in rows] == [True] * 200 + [False] * 700
    mails = list(csv.DictReader((tmp_path / "mails.csv").read_text(encoding="utf-8").splitlines()))
    assert len({row["body"] for row in [*rows, *mails]}) == 900 + 110
    before = (tmp_path / "tickets.csv").read_bytes()
    (tmp_path / "mails.csv").unlink()
    check_refusal(["tutorial"], ["tickets.csv: is there already", "name another folder"], capsys)
    check_refusal(["tutorial", str(tmp_path / "none")], ["no such folder", "make it first"], capsys)
    assert (tmp_path / "tickets.csv").read_bytes() == before
    assert not (tmp_path / "mails.csv").exists()
