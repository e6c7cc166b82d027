"""`evokd runs` lists runs as a table and as JSON, and deletes them after a question."""

import io
import json
import shutil
from pathlib import Path

import pytest

from evokd.cli import main
from evokd.graph.setup.run_folder import RunFolder
from tests.cli.conftest import check_refusal


def test_runs_lists_a_run_as_table_and_as_json(done_runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main.run_cli(["runs", "--runs-dir", str(done_runs)]) == 0
    assert "done" in capsys.readouterr().out
    assert main.run_cli(["runs", "--runs-dir", str(done_runs), "--json"]) == 0
    (row,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (row["run_id"], row["state"], row["domain"]) == ("done", "done (cycles)", "toy")
    assert (row["status"], len(row["gate_scores"])) == ("done", 3)
    assert row["gain"] == row["final"] - row["start"]


def test_runs_of_an_empty_folder_say_how_to_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_cli(["runs", "--runs-dir", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "evokd run support_tickets" in printed.err


def test_a_folder_in_place_of_the_option_is_told_the_option(
    done_runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_refusal(["runs", str(done_runs)], ["--runs-dir FOLDER"], capsys)


@pytest.fixture
def own(done_runs: Path, tmp_path: Path) -> Path:
    """A runs folder with two finished runs, `one` and `two`."""
    for name in ("one", "two"):
        shutil.copytree(done_runs / "done", tmp_path / "runs" / name)
    return tmp_path / "runs"


class Terminal(io.StringIO):
    """A standard input or error that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "left"), [("y\n", []), ("n\n", ["one", "two"]), ("", ["one", "two"])])
def test_runs_are_deleted_after_a_question(
    own: Path, answer: str, left: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    monkeypatch.setattr("sys.stderr", asked)
    code = main.run_cli(["runs", "--delete", "one", str(own / "two"), "--runs-dir", str(own)])
    assert sorted(path.name for path in own.iterdir()) == left
    assert (code == 0) == (left == [])
    assert "one (done (cycles))" in asked.getvalue().replace("\n", "")
    assert "Delete these 2 runs for good?" in asked.getvalue()


def test_yes_skips_the_question(own: Path) -> None:
    assert main.run_cli(["runs", "--delete", "--yes", "one", "--runs-dir", str(own)]) == 0
    assert [path.name for path in own.iterdir()] == ["two"]


def test_all_that_a_run_with_a_student_process_writes_is_deleted(own: Path) -> None:
    (own / "one" / "student.log").touch()
    (own / "one" / ".student.partial").mkdir()  # the process was killed while it published
    assert main.run_cli(["runs", "--delete", "--yes", "one", "--runs-dir", str(own)]) == 0
    assert [path.name for path in own.iterdir()] == ["two"]


def test_nobody_to_ask_is_a_refusal(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_refusal(["runs", "--delete", "one", "--runs-dir", str(own)], ["add --yes"], capsys)
    assert (own / "one").is_dir()


def test_a_running_run_is_not_deleted(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with RunFolder(own / "one").lock():
        arguments = ["runs", "--delete", "--yes", "two", "one", "--runs-dir", str(own)]
        check_refusal(arguments, ["one: a process is working on this run; stop it first"], capsys)
    assert sorted(path.name for path in own.iterdir()) == ["one", "two"], "nothing is deleted before all is checked"


def test_only_folders_of_runs_are_deleted(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (own / "one" / "thesis.tex").touch()
    command = ["runs", "--runs-dir", str(own), "--yes", "--delete"]
    check_refusal([*command, "one"], ["holds 'thesis.tex', which no run writes"], capsys)
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.yaml").write_text("a: 1", encoding="utf-8")
    check_refusal([*command, str(other)], ["not the folder of a run, so it is not deleted"], capsys)
    check_refusal([*command, "tow"], ["no run 'tow' (did you mean 'two'?)"], capsys)
    check_refusal(command, ["name the runs to delete"], capsys)
    check_refusal(["runs", "one", "--runs-dir", str(own)], ["with --delete alone"], capsys)
    assert sorted(path.name for path in own.iterdir()) == ["one", "two"]


def test_the_example_of_the_program_is_not_deleted(
    own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("evokd.api.record.SHIPPED_EXAMPLE", (own / "one").resolve())
    check_refusal(["runs", "--delete", "--yes", str(own / "one")], ["comes with the program"], capsys)


@pytest.mark.parametrize("command", [["runs", "--delete", "--yes"], ["review"], ["predict"]])
def test_a_database_is_not_asked_for_a_run_that_has_no_folder_here(
    command: list[str], own: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOKD_STORE", "postgresql://me@127.0.0.1:1/runs")
    check_refusal([*command, "absent", "--runs-dir", str(own)], ["no run 'absent'"], capsys)
    assert not (own / "absent").exists()
