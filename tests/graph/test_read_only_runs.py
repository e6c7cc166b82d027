"""Reading a run needs no right to write: not in its folder, not on its disk, not while it goes on."""

import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import evokd.inference.asking
from evokd.api.students import load_student
from evokd.cli import main
from evokd.graph.setup.run_folder import SHIPPED_EXAMPLE
from evokd.student.process.client import StudentError
from tests.graph.conftest import give_student, run_quick
from tests.graph.toy import LABELS, WordStudent, write_domain

Snapshot = dict[str, tuple[int, int]]


def snapshot(folder: Path) -> Snapshot:
    """Every file and folder with its size in bytes and its time of change in nanoseconds."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in [folder, *folder.rglob("*")]}


def close_to_writers(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o555 if path.is_dir() else 0o444)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with a finished run."""
    with pytest.MonkeyPatch.context() as patch:
        give_student(patch, WordStudent)
        folder = run_quick(write_domain(tmp_path_factory.mktemp("finished") / "toy"), "--cycles", "1")
    record = {"task": "classification", "labels": list(LABELS)}
    (folder.student / "evokd.json").write_text(json.dumps(record), encoding="utf-8")
    return folder.path.parent


@pytest.fixture
def closed(finished: Path, word_students: list[WordStudent], tmp_path: Path) -> Iterator[Path]:
    """A finished run that nobody may write to."""
    folder = shutil.copytree(finished, tmp_path / "runs") / "one"
    close_to_writers(folder.parent)
    yield folder
    for path in [folder.parent, *folder.parent.rglob("*")]:
        path.chmod(0o755)


COMMANDS = {
    "show": ["show", "{run}"],
    "show a cycle": ["show", "{run}", "--cycle", "1"],
    "show a weakness": ["show", "{run}", "--weakness", "c001-w1"],
    "show a sample": ["show", "{run}", "--sample", "c001-l01-d01"],
    "show by id": ["show", "one", "--runs-dir", "{runs}"],
    "runs": ["runs", "--runs-dir", "{runs}"],
    "compare": ["compare", "{run}"],
    "predict": ["predict", "{run}", "-"],
    "resume an ended run": ["resume", "{run}"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_run_is_read_without_being_changed(
    command: list[str], closed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"where is my parcel?\n")))
    before = snapshot(closed.parent)
    assert main.run_cli([part.format(run=closed, runs=closed.parent) for part in command]) == 0
    assert sum(map(len, capsys.readouterr())) > 40
    assert snapshot(closed.parent) == before


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(28, "No space left")], ids=repr)
@pytest.mark.parametrize("call", ["os.fsync", "pathlib.Path.replace"])
def test_a_comparison_that_cannot_be_written_is_told(
    call: str, error: OSError, closed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(call, refuse)
    out = closed.parents[1] / "out"
    path = out / "compare.json"
    assert main.run_cli(["compare", str(closed), "--out", str(out)]) == 2
    assert capsys.readouterr().err == (
        f"evokd: --out {path}: cannot be written ({error.strerror}); make room, or name another folder\n"
    )


@pytest.mark.parametrize("command", [["show", "example"], ["check", "support_tickets"]], ids=" ".join)
def test_the_program_may_lie_in_a_read_only_place(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    before = snapshot(SHIPPED_EXAMPLE.parent)
    assert main.run_cli(command) == 0
    assert snapshot(SHIPPED_EXAMPLE.parent) == before


class _Logs:
    """A student that keeps where it would log, and fails if it is told to."""

    places: list[Path]
    fails = False

    def __init__(self, log: Path, **_: Any) -> None:
        self.places.append(log)
        log.open("ab").close()

    async def warm_up(self) -> None: ...

    async def predict(self, folder: Path, texts: list[str], fast: bool, int8: bool) -> list[Any]:
        if self.fails:
            raise StudentError("out of memory")
        return await WordStudent(Path()).predict(folder, texts)

    async def close(self) -> None: ...


@pytest.fixture
def logs(closed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[_Logs]:
    monkeypatch.setattr(_Logs, "places", [], raising=False)
    monkeypatch.setattr(evokd.inference.asking, "StudentClient", _Logs)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return _Logs


def test_what_the_student_process_says_goes_elsewhere(closed: Path, logs: type[_Logs]) -> None:
    load_student(closed).predict(["where is my parcel?"])
    (place,) = logs.places
    assert not place.is_relative_to(closed)
    assert not place.exists()


def test_what_a_failed_student_process_said_is_kept(
    closed: Path, logs: type[_Logs], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "fails", True)
    with pytest.raises(StudentError):
        load_student(closed).predict(["where is my parcel?"])
    (place,) = logs.places
    assert place.is_file()


def test_a_student_answers_where_no_disk_has_room(
    closed: Path, logs: type[_Logs], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    assert len(load_student(closed).predict(["where is my parcel?"])) == 1
    assert logs.places == [Path(os.devnull)]


@pytest.mark.parametrize("name", ["summary.json", "events.jsonl", "config.yaml"])
def test_a_run_that_this_user_may_not_read_is_told_in_a_line(
    name: str, closed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = Path.open

    def refuse(self: Path, *args: Any, **options: Any) -> Any:
        if self.name == name:
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)
    assert main.run_cli(["runs", "--runs-dir", str(closed.parent)]) == 0
    assert "one" in capsys.readouterr().out
    code = main.run_cli(["compare", str(closed)])
    told = capsys.readouterr().err
    assert code != 0
    assert told.count("\n") == 1
    assert name in told


def test_a_folder_that_this_user_may_not_enter_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "is_file", refuse)
    assert main.run_cli(["show", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"evokd: {tmp_path}: this user may not read the folder; give it read permission\n"
    )


# ------------------------------------------------------------------------------------------ which run a name leads to


@pytest.mark.parametrize("command", ["show", "predict"])
def test_a_folder_of_something_else_hides_no_run(
    command: str,
    closed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "here" / "one").mkdir(parents=True)
    (tmp_path / "here" / "one" / "config.yaml").write_text("model: something else\n", encoding="utf-8")
    (tmp_path / "here" / "texts.txt").write_text("where is my parcel?\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    file = ["texts.txt"] if command == "predict" else []
    assert main.run_cli([command, "one", *file, "--runs-dir", str(closed.parent)]) == 0


@pytest.mark.parametrize("own", ["something else", "a run"])
def test_the_example_is_hidden_by_a_run_alone_and_that_is_said(
    own: str, closed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "here" / "example"
    if own == "a run":
        shutil.copytree(closed, place)
    else:
        place.mkdir(parents=True)
        (place / "config.yaml").write_text("model: something else\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    assert main.run_cli(["show", "example"]) == 0
    printed = capsys.readouterr()
    assert ("support_tickets" in printed.out) == (own != "a run")
    assert printed.err.startswith(f"this is your own run {place}") == (own == "a run")
