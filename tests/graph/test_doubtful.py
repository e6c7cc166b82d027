"""Labels for doubtful drafts alone: what the student confirms is not sent to the Labeler."""

from collections import Counter
from pathlib import Path

import pytest

from evokd.cli import main
from evokd.graph.setup.run_folder import RunFolder
from evokd.messages import DraftBatch
from evokd.tracing.ledger import CallRecord, Ledger, Sample
from tests.graph.conftest import run_quick
from tests.graph.toy import WordStudent

CHECKED = ["curriculum.labels=doubtful", "curriculum.check_least=1", "curriculum.audit=0", "curriculum.trust_after=0"]


def learn(domain: Path, *settings: str, cycles: int = 2) -> tuple[list[Sample], list[CallRecord], RunFolder]:
    chosen = [part for option in (*CHECKED, *settings) for part in ("--set", option)]
    folder = run_quick(domain, "--cycles", str(cycles), *chosen)
    ledger = Ledger(folder.ledger)
    samples = ledger.samples()
    calls = ledger.calls()
    ledger.close()
    return samples, calls, folder


def test_the_labeler_sees_what_the_student_does_not_confirm(toy_domain: Path, word_students: list[WordStudent]) -> None:
    samples, _, folder = learn(toy_domain)
    assert all(sample.label_call is None for sample in samples if sample.cycle == 1), "the seeds alone teach no doubt"
    confirmed = [sample for sample in samples if sample.label_call is None and sample.cycle > 1]
    asked = [sample for sample in samples if sample.label_call is not None]
    assert confirmed
    assert asked
    for sample in confirmed:
        assert sample.candidates == [sample.intended]
        assert sample.exam is None or sample.exam["answer"] == sample.intended
    for sample in asked:
        exam = sample.exam
        assert exam is None or exam["answer"] != sample.intended or exam["confidence"] < 0.5
    ledger = Ledger(folder.ledger)
    shown = [
        draft.id
        for cycle in (1, 2)
        for lesson in ledger.lessons(cycle)
        for draft in (ledger.message(lesson["id"], DraftBatch) or DraftBatch(labels={}, drafts=[])).drafts
    ]
    ledger.close()
    assert sorted(shown) == sorted(sample.id for sample in asked)


def test_what_is_confirmed_is_out_of_reach_of_the_labelers_slips(
    toy_domain: Path, word_students: list[WordStudent]
) -> None:
    settings = ("rehearsal.noise=0.5", "curation.dispute=labeler")
    samples, _, _ = learn(toy_domain, *settings, cycles=3)
    trained = [sample for sample in samples if sample.state == "accepted"]
    assert all(sample.label == sample.intended for sample in trained if sample.label_call is None)
    assert any(sample.label != sample.intended for sample in trained if sample.label_call is not None)


def test_a_student_that_is_not_sure_enough_confirms_nothing(toy_domain: Path, word_students: list[WordStudent]) -> None:
    samples, calls, _ = learn(toy_domain, "curriculum.confirm=1.0")
    assert {sample.label_call is not None for sample in samples if sample.cycle > 1} == {True}
    assert {call.role for call in calls} >= {"labeler"}


def test_show_says_who_gave_the_label(
    toy_domain: Path, word_students: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    samples, _, folder = learn(toy_domain)
    confirmed = next(sample for sample in samples if sample.label_call is None)
    capsys.readouterr()
    assert main.run_cli(["show", str(folder.path), "--cycle", str(confirmed.cycle)]) == 0
    assert "not checked)" in capsys.readouterr().out
    assert main.run_cli(["show", str(folder.path), "--sample", confirmed.id]) == 0
    assert "The Labeler was not asked" in capsys.readouterr().out


def test_entities_are_confirmed_as_a_whole(reports: Path, word_taggers: list[WordStudent]) -> None:
    samples = [
        sample
        for sample in learn(reports, "curriculum.confirm=0", "curriculum.quotas.no_label=0.4")[0]
        if sample.cycle > 1
    ]
    confirmed = [sample for sample in samples if sample.label_call is None]
    assert 0 < len(confirmed) < len(samples)
    for sample in confirmed:
        assert sample.candidates == [sample.intended]
        assert sample.exam is None or sample.exam["answer"] == sample.intended


def test_some_of_what_is_confirmed_is_checked_all_the_same(toy_domain: Path, word_students: list[WordStudent]) -> None:
    samples, _, _ = learn(toy_domain, "curriculum.audit=2", "curriculum.confirm=0.2", "curriculum.check_least=1")
    audited = [sample for sample in samples if sample.audited]
    assert 2 in Counter(sample.lesson for sample in audited).values()
    assert max(Counter(sample.lesson for sample in audited).values()) == 2
    for sample in audited:
        assert sample.label_call is not None
        assert sample.cycle == 2


def test_a_few_texts_in_doubt_are_not_worth_a_request(toy_domain: Path, word_students: list[WordStudent]) -> None:
    samples, calls, _ = learn(toy_domain, "curriculum.check_least=24", "curriculum.measure_rows=0")
    assert samples
    assert "labeler" not in {call.role for call in calls}


def test_only_what_the_student_is_sure_is_something_else_is_contested(
    toy_domain: Path, word_students: list[WordStudent]
) -> None:
    samples, _, _ = learn(toy_domain, "curriculum.labels=contested", "curriculum.confirm=0.3")
    later = [sample for sample in samples if sample.cycle > 1 and sample.exam is not None]
    asked = [sample for sample in later if sample.label_call is not None]
    assert 0 < len(asked) < len(later)
    for sample in later:
        assert sample.exam is not None
        contested = sample.exam["answer"] != sample.intended and sample.exam["confidence"] >= 0.3
        assert contested is (sample in asked)


@pytest.mark.parametrize(
    ("noise", "after", "third"), [(0.0, 2, False), (0.0, 0, True), (0.0, 500, True), (0.5, 2, True)]
)
def test_a_generator_that_was_never_wrong_is_not_checked_for_ever(
    toy_domain: Path, word_students: list[WordStudent], noise: float, after: int, third: bool
) -> None:
    samples, _, _ = learn(
        toy_domain,
        f"rehearsal.noise={noise}",
        "curriculum.confirm=1.0",
        f"curriculum.trust_after={after}",
        cycles=3,
    )
    checked = Counter(sample.cycle for sample in samples if sample.label_call is not None)
    assert checked[2] >= 2
    assert bool(checked[3]) is third
