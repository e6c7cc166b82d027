"""Runs that commands are tried on."""

from pathlib import Path

import pytest

import evokd.graph.open_context
from evokd.cli import main
from tests.graph.conftest import toy_domain, word_students
from tests.graph.toy import QUICK, WordStudent, write_domain

__all__ = ["toy_domain", "word_students"]


def check_refusal(args: list[str], parts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A command ends with exit code 2, one line that holds these parts, and nothing on standard output."""
    capsys.readouterr()
    code = main.run_cli(args)
    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert printed.err.startswith("evokd: ")
    assert printed.err.count("\n") == 1, printed.err
    for part in parts:
        assert part in printed.err


@pytest.fixture(scope="session")
def done_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with one finished run, `done`."""
    base = tmp_path_factory.mktemp("done")
    domain = write_domain(base / "toy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evokd.graph.open_context, "StudentClient", WordStudent)
        assert main.run_cli(["run", str(domain), *QUICK, "--runs-dir", str(base / "runs"), "--run-id", "done"]) == 0
    return base / "runs"
