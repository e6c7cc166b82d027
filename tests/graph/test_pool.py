"""The pool of breadth: more is asked for than kept; the rest is labelled by nobody, and chosen from later."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import main
from graph.curriculum.quotas import breadth_quotas
from graph.curriculum.settings import QuotaSettings
from graph.folder import RunFolder
from graph.pool import PART, choose
from graph.settings import Settings
from tests.graph.conftest import run_quick
from tests.graph.toy import LABELS, WordStudent
from tracing.ledger import Ledger, Sample

POOLED = (
    "curriculum.quotas.drafts=6",
    "curriculum.quotas.pool=4",
    "curriculum.quotas.pool_lesson=12",
    "curriculum.quotas.coverage_early=1.0",
    "curriculum.quotas.coverage_until=100",
    "gate.rule=off",
)


def run_pooled(domain: Path, *more: str, cycles: int = 2) -> tuple[RunFolder, Ledger]:
    options = [part for choice in (*POOLED, *more) for part in ("--set", choice)]
    folder = run_quick(domain, *options, "--cycles", str(cycles))
    return folder, Ledger(folder.ledger)


def ask(kept: int, spare: int, **settings: float) -> list[tuple[int, int]]:
    """Drafts asked for and kept, of each lesson on a single label."""
    quotas = QuotaSettings.model_validate({"pool_lesson": 24, **settings})
    parts = breadth_quotas({"a": "first"}, {}, kept, quotas, None, None, {"a": spare})  # type: ignore[arg-type]
    return [(portion.quota.hard + portion.quota.easy, portion.kept) for (portion,) in parts]


def test_a_pool_is_filled_when_little_is_left_of_it_and_not_before() -> None:
    assert ask(12, 0) == [(24, 4)] * 3, "six texts for each that is kept"
    assert ask(12, 24) == [(0, 12)]
    assert ask(12, 23) == [(25, 6), (24, 6)]
    assert ask(12, 23, refill=1) == [(0, 12)]
    assert ask(5, 0, pool=2.5) == [(13, 5)]
    assert sum(part for _, part in ask(7, 0, pool_lesson=4)) == 7


def test_what_a_lesson_does_not_keep_is_left_over_and_later_lessons_take_it(
    toy_domain: Path, word_students: list[WordStudent]
) -> None:
    folder, ledger = run_pooled(toy_domain, cycles=4)
    written = {cycle: sum(call.role == "generator" for call in ledger.calls(cycle)) for cycle in (1, 2, 3, 4)}
    assert written[1] == 2
    assert written[2] == written[3] == 0, "what was left over is enough"
    assert written[4] > 0, "less than twice what is kept was left"
    first = ledger.samples(cycle=1)
    assert Counter(sample.state == "spare" for sample in first) == {True: 18, False: 6}
    assert all(sample.candidates is None and sample.label is None for sample in first if sample.state == "spare")
    later = ledger.samples(cycle=2)
    spare = {sample.text: sample for sample in first if sample.state == "spare"}
    assert len(later) == 6
    for sample in later:
        origin = spare[sample.text]
        assert (sample.draft_call, sample.intended) == (origin.draft_call, origin.intended)
        assert sample.lesson.startswith("c002")
        assert sample.id != origin.id
    texts = [sample.text for sample in ledger.samples() if sample.state != "spare"]
    assert len(set(texts)) == len(texts), "none is taken twice"
    parts = [ledger.part(cycle, PART) for cycle in (1, 2)]
    assert [sum(sum(kept.values()) for kept in part.values()) for part in parts if part] == [6, 6]
    shown = {draft["id"] for lesson in ledger.lessons(1) for draft in _batch(ledger, lesson["id"])}
    assert shown <= {sample.id for sample in first if sample.state != "spare"}
    ledger.close()
    assert "spare" not in folder.dataset.read_text(encoding="utf-8")


def test_show_says_what_was_chosen_from(
    toy_domain: Path, word_students: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, ledger = run_pooled(toy_domain)
    ledger.close()
    for cycle, told in ((1, "3 drafts chosen from 12 written ones"), (2, "6 drafts chosen from those that earlier")):
        capsys.readouterr()
        assert main.run_cli(["show", str(folder.path), "--cycle", str(cycle)]) == 0
        assert told in " ".join(capsys.readouterr().out.split())


def _batch(ledger: Ledger, lesson: str) -> list[dict[str, Any]]:
    drafts: list[dict[str, Any]] = (ledger.message(lesson, "draft_batch") or {"drafts": []})["drafts"]
    return drafts


def test_without_a_pool_every_draft_is_kept(toy_domain: Path, word_students: list[WordStudent]) -> None:
    _, ledger = run_pooled(toy_domain, "curriculum.quotas.pool=1")
    assert all(sample.state != "spare" for sample in ledger.samples())
    assert ledger.part(1, PART) == {}
    ledger.close()


def test_sentences_with_entities_have_no_pool(reports: Path, word_taggers: list[WordStudent]) -> None:
    _, ledger = run_pooled(reports)
    assert ledger.samples()
    assert all(sample.state != "spare" for sample in ledger.samples())
    ledger.close()


class Narrow(WordStudent):
    """Reads one number out of a text."""

    async def embed(self, base: str, texts: Any) -> list[list[float]]:
        return [[float(text.split()[-1])] for text in texts]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Any]:
    ledger = Ledger(tmp_path / "ledger.db")
    domain = SimpleNamespace(seeds=())
    yield SimpleNamespace(ledger=ledger, settings=Settings(), student=Narrow(Path()), vectors={}, domain=domain)
    ledger.close()


def draft(number: int, value: float, lesson: str = "c002-l01", **more: Any) -> Sample:
    fields: dict[str, Any] = {"weakness": None, "difficulty": "easy", "intended": LABELS[0], "draft_call": "x", **more}
    return Sample(id=f"{lesson}-d{number:02d}", cycle=int(lesson[3]), lesson=lesson, text=f"text {value}", **fields)


def choose_from(bench: Any, lesson: str, drafts: list[Sample]) -> list[tuple[str, str]]:
    found = asyncio.run(choose(bench, lesson, 2, drafts))
    return [(sample.text, sample.state) for sample in found]


def test_the_mean_is_that_of_all_new_and_old_texts_of_the_label(bench: Any) -> None:
    bench.ledger.put_part(2, PART, {"c002-l01": {LABELS[0]: 1}, "c002-l02": {LABELS[0]: 1}})
    old = [draft(1, 10, "c001-l01", state="spare"), draft(2, 6, "c001-l01", state="accepted", label=LABELS[0])]
    bench.ledger.put_drafts("c001-l01", old)
    # the mean of 2, 4, 6 and 10 is 5.5; with 6 there already, 4 brings the chosen ones nearest to it
    new = [draft(1, 2), draft(2, 4)]
    assert choose_from(bench, "c002-l01", new) == [("text 2", "spare"), ("text 4", "drafted")]
    # left over: 10 alone, which the first lesson of its label may have and no other
    assert choose_from(bench, "c002-l01", [])[0] == ("text 10", "drafted")
    assert choose_from(bench, "c002-l02", []) == []


def test_texts_for_labels_that_were_not_asked_for_stand_in_for_missing_ones(bench: Any) -> None:
    bench.ledger.put_part(2, PART, {"c002-l01": {LABELS[0]: 2}})
    drafts = [draft(1, 1, intended=LABELS[1]), draft(2, 2), draft(3, 3, intended=LABELS[1])]
    assert [state for _, state in choose_from(bench, "c002-l01", drafts)] == ["drafted", "drafted", "spare"]


def test_a_lesson_that_keeps_all_is_left_alone(bench: Any) -> None:
    bench.ledger.put_part(2, PART, {})
    assert choose_from(bench, "c002-l01", [draft(1, 2)]) == [("text 2", "drafted")]
