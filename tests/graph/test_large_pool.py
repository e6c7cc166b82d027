"""A run whose pool has more lines than are kept in memory: what it labels, tells and leaves on disk."""

import json
from pathlib import Path

import pytest

from evokd.cli import main
from evokd.graph.nodes.large_pool import CACHE
from evokd.graph.setup import unlabeled_pool
from evokd.graph.setup.run_folder import RunFolder
from evokd.tracing.ledger import Ledger
from tests.graph.conftest import run_quick
from tests.graph.toy import WordStudent, add_pool, read_rows

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
    assert {"texts.utf8", "00000.npy"} <= set(before)
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
