"""Where the output goes nowhere: a pipe that nobody reads any more, a full disk."""

import os
import sys
from pathlib import Path

import pytest

from evokd.cli import main
from tests.cli.conftest import done_runs
from tests.graph.conftest import toy_domain, word_students
from tests.graph.toy import QUICK, WordStudent

__all__ = ["done_runs", "toy_domain", "word_students"]
READERS = {
    "graph": ["graph"],
    "presets": ["presets", "--json"],
    "show": ["show", "{runs}/done"],
    "runs": ["runs", "--runs-dir", "{runs}"],
    "help": ["--help"],
}


@pytest.mark.parametrize("args", READERS.values(), ids=READERS)
def test_a_reader_that_has_seen_enough_is_no_error(
    args: list[str], done_runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w", encoding="utf-8") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert main.run_cli([arg.format(runs=done_runs) for arg in args]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("args", READERS.values(), ids=READERS)
def test_output_that_cannot_be_written_is_told_in_one_line(
    args: list[str], done_runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main.run_cli([arg.format(runs=done_runs) for arg in args]) == 1
    err = capsys.readouterr().err
    assert "output cannot be written (No space left on device)" in err
    assert err.count("\n") == 1


def test_a_run_whose_events_nobody_reads_any_more_is_parked(
    toy_domain: Path,
    word_students: list[WordStudent],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    read, write = os.pipe()
    os.close(read)
    folder = tmp_path / "runs" / "one"
    args = ["run", str(toy_domain), *QUICK, "--runs-dir", str(folder.parent), "--run-id", "one", "--json"]
    with monkeypatch.context() as patch, os.fdopen(write, "w", encoding="utf-8") as closed:
        patch.setattr(sys, "stdout", closed)
        assert main.run_cli(args) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"closed; go on with: evokd resume {folder}")
    assert main.run_cli(["resume", str(folder)]) == 0
