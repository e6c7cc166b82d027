"""`evokd resume` leaves a finished run alone."""

from pathlib import Path

import pytest

from evokd.cli import main


def test_resume_leaves_a_finished_run_alone(done_runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (done_runs / "done" / "summary.json").read_bytes()
    assert main.run_cli(["resume", "done", "--runs-dir", str(done_runs)]) == 0
    assert "has ended already" in capsys.readouterr().err
    assert (done_runs / "done" / "summary.json").read_bytes() == before
