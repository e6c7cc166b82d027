"""Broken domains, data, prompts, inputs and reviews: each is told in one line, and nothing is written or lost."""

import hashlib
import json
import shlex
import shutil
from pathlib import Path

import pytest

import evokd.graph.open_context
from evokd.api import open_review
from evokd.cli import main
from tests.cli import faults
from tests.cli.faults import NAMES, SOUND, Content, Fault
from tests.graph.toy import LABELS, QUICK, WordStudent, write_domain

TABLES = {
    "domain": faults.DOMAINS,
    "data": faults.DATA,
    "prompt": faults.PROMPTS,
    "input": faults.INPUTS,
}
ALL = [pytest.param(fault, id=f"{table}: {name}") for table, rows in TABLES.items() for name, fault in rows.items()]
OPTIONS = ["--cycles", "1", "--review", "sample", "--set", "review.sample=3"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the one where commands run, with a sound domain of each task."""
    for name, content in SOUND.items():
        put(tmp_path / name, content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that waits for a review."""
    base = tmp_path_factory.mktemp("waiting")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evokd.graph.open_context, "StudentClient", WordStudent)
        options = [*QUICK, *OPTIONS, "--runs-dir", str(base), "--run-id", "run"]
        assert main.run_cli(["run", str(write_domain(base / "toy")), *options]) == 0
    return base / "run"


@pytest.fixture(scope="module")
def student(done_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has ended, with the record of a student."""
    run = tmp_path_factory.mktemp("ended") / "run"
    shutil.copytree(done_runs / "done", run)
    record = {"task": "classification", "labels": LABELS, "max_length": 8, "tune": "head"}
    (run / "student" / "evokd.json").write_text(json.dumps(record), encoding="utf-8")
    return run


def put(path: Path, content: Content) -> None:
    """Write a file; None takes it away, or makes a folder of a name that ends so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.unlink(missing_ok=True)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, encoding="utf-8", newline="")


def spoil(here: Path, fault: Fault, run: Path) -> list[str]:
    """Write what is wrong; returns the command that meets it."""
    if fault.file.endswith("/"):
        put(here / fault.file.rstrip("/"), None)
        (here / fault.file).mkdir(exist_ok=True)
    else:
        put(here / fault.file, fault.content)
    if "--conll" in fault.command:
        (here / "names/seeds.jsonl").rename(here / "names/seeds.conll")
        put(here / "names/domain.yaml", NAMES.replace("seeds.jsonl", "seeds.conll"))
    words = shlex.split(fault.command.replace(" --conll", ""))
    return [str(run) if word == "RUN" else word for word in words]


def list_files(folder: Path) -> dict[str, str]:
    """Every file and folder with a digest of its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


def check_fault(command: list[str], told: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    code = main.run_cli(command)
    printed = capsys.readouterr()
    assert (code, printed.out) == (2, ""), printed.err
    lines = [line for line in printed.err.splitlines() if not line.startswith(("note: ", "  "))]
    assert len(lines) == 1, printed.err  # below it, two blanks in front, a list of conflicts
    assert lines[0].startswith("evokd: ")
    for part in told:
        assert part in printed.err


@pytest.mark.parametrize("command", ["check mill", "check names", "prompts lint mill"])
def test_what_is_not_spoilt_is_accepted(here: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_cli(command.split()) == 0
    assert "error" not in capsys.readouterr().err.replace("errors: 0", "")


@pytest.mark.parametrize("fault", ALL)
def test_a_fault_is_one_line_and_nothing_is_written(
    here: Path, student: Path, fault: Fault, capsys: pytest.CaptureFixture[str]
) -> None:
    command = spoil(here, fault, student)
    before = list_files(here)
    check_fault(command, fault.told, capsys)
    assert list_files(here) == before


@pytest.mark.parametrize("fault", faults.REVIEWS.values(), ids=list(faults.REVIEWS))
def test_a_review_file_with_a_fault_decides_nothing(
    here: Path, waiting: Path, fault: Fault, capsys: pytest.CaptureFixture[str]
) -> None:
    name = open_review(waiting).pending().items[0].id
    content = fault.content.replace(faults.ID, name) if isinstance(fault.content, str) else fault.content
    options = spoil(here, fault._replace(content=content), waiting)
    before = list_files(here), list_files(waiting)
    told = tuple(part.replace(faults.ID, name) for part in fault.told)
    check_fault(["review", str(waiting), *options], told, capsys)
    assert (list_files(here), list_files(waiting)) == before
