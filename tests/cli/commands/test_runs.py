"""`evokd runs` lists runs as a table and as JSON."""

import json
from pathlib import Path

import pytest

from evokd.cli import main


def test_runs_lists_a_run_as_table_and_as_json(done_runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main.run_cli(["runs", "--runs-dir", str(done_runs)]) == 0
    assert "done" in capsys.readouterr().out
    assert main.run_cli(["runs", "--runs-dir", str(done_runs), "--json"]) == 0
    (row,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (row["run_id"], row["state"], row["domain"]) == ("done", "done (cycles)", "toy")


def test_runs_of_an_empty_folder_say_how_to_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_cli(["runs", "--runs-dir", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "evokd run support_tickets" in printed.err
