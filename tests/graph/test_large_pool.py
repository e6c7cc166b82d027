"""A run whose pool has more lines than are kept in memory: what it labels, tells and leaves on disk."""

import errno
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evokd.cli import main
from evokd.graph.nodes.large_pool import CACHE
from evokd.graph.setup import unlabeled_pool
from evokd.graph.setup.run_folder import RunFolder
from evokd.student.protocol import TrainJob, TrainResult, VectorKind
from evokd.tracing.ledger import Ledger
from tests.graph.conftest import give_student, run_quick
from tests.graph.toy import QUICK, WordStudent, add_pool, read_rows

KEPT = ("--set", "curriculum.pool.lines=20")
ALL = ("--set", "curriculum.pool.lines=all")


@pytest.fixture
def pool(toy_domain: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A pool of 60 texts, of which 20 are kept in memory."""
    monkeypatch.setattr(unlabeled_pool, "MOST", 20)
    return add_pool(toy_domain)


def read_events(folder: RunFolder, name: str) -> list[dict[str, object]]:
    events = [json.loads(line) for line in folder.events.read_text(encoding="utf-8").splitlines()]
    return [event for event in events if event["event"] == name]


def read_files(domain: Path) -> dict[str, tuple[int, int]]:
    files = [path for path in (domain / CACHE).rglob("*.*") if path.name != ".gitignore" and path.is_file()]
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


def test_a_run_labels_from_all_lines_and_the_next_one_finds_them_prepared(
    toy_domain: Path, pool: list[str], word_students: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--cycles", "2", "--set", "curriculum.quotas.drafts=40", *ALL)
    first = run_quick(toy_domain, *options)
    ledger = Ledger(first.ledger)
    real = [sample for sample in ledger.samples() if sample.is_real]
    ledger.close()
    assert len({sample.text for sample in real}) == len(real) > 20, "more than are kept in memory"
    assert {sample.text for sample in real} <= set(pool)
    held = {row["text"] for name in ("validation", "test") for row in read_rows(toy_domain / f"{name}.jsonl")}
    assert held.isdisjoint(sample.text for sample in real)
    (opened,) = read_events(first, "pool_opened")
    assert (opened["lines"], opened["texts"]) == (60, 60)
    printed = " ".join(capsys.readouterr().err.split())
    assert "texts to label are chosen from all 60 lines of the pool" in printed
    assert "pool: 60 texts to choose from (" in printed
    before = read_files(toy_domain)
    assert {"texts.utf8", "00000-60.npy"} <= set(before)
    second = run_quick(toy_domain, *options, run_id="two")
    assert read_files(toy_domain) == before
    again = Ledger(second.ledger)
    assert [sample.text for sample in again.samples() if sample.is_real] == [sample.text for sample in real]
    again.close()


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize(
    ("options", "note"),
    [
        (KEPT, "the pool has 20 of 60 lines; left out: 40 beyond the 20 that are kept (see curriculum.pool.lines)"),
        (
            ALL,
            "texts to label are chosen from all 60 lines of the pool, prepared on disk in the first cycle; tone,"
            " self-training and the map use 20 of them",
        ),
        (("--set", "curriculum.pool.lines=30"), "texts to label are chosen from 30 of the pool's 60 lines"),
        (("--set", "curriculum.pool.lines=10"), "the pool has 10 of 60 lines; left out: 50 beyond the 10"),
        (("--set", "curriculum.pool.lines=null"), "texts to label are chosen from all 60 lines of the pool"),
        (
            (*ALL, "--set", "rows.pool=15"),
            "the pool has 15 of 60 lines; left out: 5 not drawn (see rows.pool), 40 beyond the 20 that are kept"
            " (rows.pool draws from these)",
        ),
    ],
)
def test_check_says_what_is_chosen_from_and_prepares_nothing(
    toy_domain: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], note: str
) -> None:
    assert main.run_cli(["check", str(toy_domain), "--teacher", "rehearsal", *options]) == 0
    assert note in " ".join(capsys.readouterr().out.split())
    assert not (toy_domain / CACHE).exists()


def test_the_number_of_lines_is_a_number(toy_domain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for value in ("0", "most", "1e6"):
        assert main.run_cli(["check", str(toy_domain), "--set", f"curriculum.pool.lines={value}"]) == 2
        assert "curriculum.pool.lines" in capsys.readouterr().err


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize("name", ["*/*/00000*.npy", "*/texts/texts.utf8"])
def test_what_is_deleted_under_a_run_is_told_in_a_line_and_made_again(
    name: str, toy_domain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Deleter(WordStudent):
        """Deletes what was prepared as soon as its vectors are there."""

        async def embed_file(self, base: str, texts: Sequence[str], kind: VectorKind, out: Path) -> None:
            await super().embed_file(base, texts, kind, out)
            for path in (toy_domain / CACHE).glob(name):
                path.unlink()

    options = ("--cycles", "2", "--set", "curriculum.quotas.drafts=20", *ALL)
    give_student(monkeypatch, WordStudent)
    whole = run_quick(toy_domain, *options, run_id="whole")
    shutil.rmtree(toy_domain / CACHE)
    give_student(monkeypatch, Deleter)
    runs = str(toy_domain.parent / "runs")
    assert main.run_cli(["run", str(toy_domain), *QUICK, *options, "--runs-dir", runs, "--run-id", "one"]) == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert "what was prepared of the pool is gone or damaged; let nothing delete or change it" in printed
    assert "Traceback" not in printed
    give_student(monkeypatch, WordStudent)
    assert main.run_cli(["resume", "one", "--runs-dir", runs]) == 0
    assert RunFolder(Path(runs) / "one").dataset.read_bytes() == whole.dataset.read_bytes()


@pytest.mark.usefixtures("pool")
def test_a_pool_that_changes_before_it_is_prepared_can_be_restored(
    toy_domain: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, runs = toy_domain / "pool.jsonl", str(toy_domain.parent / "runs")
    content = path.read_text(encoding="utf-8")

    class Changer(WordStudent):
        """Takes a line from the pool while it is trained on the seeds."""

        async def train(self, job: TrainJob) -> TrainResult:
            path.write_text(content.split("\n", 1)[1], encoding="utf-8")
            return await super().train(job)

    give_student(monkeypatch, Changer)
    assert main.run_cli(["run", str(toy_domain), *QUICK, *ALL, "--runs-dir", runs, "--run-id", "one"]) == 2
    told = "pool.jsonl: has changed since the run was started or resumed; restore it and resume the run"
    assert told in " ".join(capsys.readouterr().err.split())
    give_student(monkeypatch, WordStudent)
    assert main.run_cli(["resume", "one", "--runs-dir", runs]) == 4
    path.write_text(content, encoding="utf-8")
    assert main.run_cli(["resume", "one", "--runs-dir", runs]) == 0


@pytest.mark.usefixtures("pool", "word_students")
@pytest.mark.parametrize("closed", ["*", "*/texts"])
def test_what_another_user_has_prepared_and_closed_is_prepared_again_in_the_run(
    closed: str, toy_domain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_quick(toy_domain, *ALL)
    (kept,) = (path for path in (toy_domain / CACHE).glob(closed) if path.is_dir())
    before = read_files(toy_domain)
    may_write = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != kept and may_write(path, mode))
    write_text = Path.write_text

    def refuse(path: Path, *args: Any, **options: Any) -> int:
        if path.parent == toy_domain / CACHE:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return write_text(path, *args, **options)

    monkeypatch.setattr(Path, "write_text", refuse)
    second = run_quick(toy_domain, *ALL, run_id="two")
    assert read_files(toy_domain) == before
    assert list((second.path / CACHE).glob("*/texts"))
    assert second.dataset.read_bytes() == first.dataset.read_bytes()
