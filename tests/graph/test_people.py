"""A run waits for people, takes their decisions, and goes on; whatever kills it in between loses nothing."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import evokd
from evokd.api.reviewing import Review, open_review
from evokd.cli import main
from evokd.graph.setup.run_folder import RunFolder
from evokd.messages import InputError
from evokd.student.protocol import Prediction
from evokd.tracing.ledger import Ledger
from evokd.tracing.reviews import REFUSED, REVIEWED
from evokd.tracing.samples import Sample
from tests.graph.conftest import KILLED, Evokd, run_quick
from tests.graph.toy import LABELS, QUICK, WordStudent, add_pool, read_rows

NOISY = ("--set", "rehearsal.noise=0.3", "--set", "curation.dispute=drop", "--seed", "3")
ALL = ("--review", "all", "--cycles", "1", *NOISY)


def resume(folder: RunFolder, *options: str) -> int:
    return main.run_cli(["resume", str(folder.path), *options])


def decide_all(review: Review) -> dict[str, str]:
    """Refuse every fourth text, correct the others in turn, skip one; returns id -> action."""
    done = {}
    for number, item in enumerate(review.pending().items):
        if number % 4 == 0:
            decision = review.decide(item.id, "refuse")
        elif number % 4 == 1:
            others = [label for label in LABELS if label != item.proposed]
            decision = review.decide(item.id, "correct", others[number % 2])
        elif number == 2:
            decision = review.decide(item.id, "skip")
        else:
            decision = review.decide(item.id, "accept")
        done[item.id] = decision.action
    return done


def samples_of(folder: RunFolder) -> dict[str, Sample]:
    with Ledger(folder.ledger, read_only=True) as ledger:
        return {sample.id: sample for sample in ledger.samples()}


@pytest.fixture
def waiting(toy_domain: Path, word_students: list[WordStudent]) -> RunFolder:
    """A run that waits for people to decide on all its texts."""
    return run_quick(toy_domain, *ALL)


def test_a_run_waits_takes_decisions_and_goes_on(waiting: RunFolder, word_students: list[WordStudent]) -> None:
    run = evokd.open_run(waiting.path)
    assert (run.state.status, str(run.state), run.summary) == ("waiting", "waiting for review", None)
    trained = len(word_students[-1].jobs)
    assert resume(waiting) == 0
    assert len(word_students) == 1, "nothing is opened, let alone trained"
    review = open_review(run, reviewer="ana")
    decided = decide_all(review)
    assert set(Counter(decided.values())) == {"refuse", "correct", "skip", "accept"}
    assert resume(waiting) == 0
    assert run.state.status == "done"
    samples = samples_of(waiting)
    jobs = [job for student in word_students for job in student.jobs][trained:]
    learned = {example.id: example for job in jobs for example in (*job.examples, *job.replay)}
    for name, action in decided.items():
        sample = samples[name]
        if action == "refuse":
            assert (sample.state, sample.reason, sample.label) == ("rejected", REFUSED, None)
            assert name not in learned
        elif action != "skip":
            assert sample.state == "accepted"
            assert learned[name].gold == sample.label
            assert learned[name].trusted


def test_what_people_refused_is_in_no_training_and_what_they_said_is_in_the_data_set(waiting: RunFolder) -> None:
    decided = decide_all(open_review(waiting.path, reviewer="ana"))
    refused = [samples_of(waiting)[name].text for name, action in decided.items() if action == "refuse"]
    assert resume(waiting) == 0
    rows = {row["id"]: row for row in read_rows(waiting.dataset)}
    assert refused
    assert not {row["text"] for row in rows.values()} & set(refused)
    reviewed = {name for name, row in rows.items() if row["reviewed_by"] == "ana"}
    assert reviewed == {name for name, action in decided.items() if action in ("accept", "correct")}
    summary = json.loads(waiting.summary.read_text(encoding="utf-8"))
    counts = Counter(decided.values())
    found = summary["review"]
    assert (found["agreed"], found["corrected"], found["refused"]) == (
        counts["accept"],
        counts["correct"],
        counts["refuse"],
    )
    assert found["agreement"] == round(counts["accept"] / (counts["accept"] + counts["correct"]), 4)
    assert summary["cycles"][1]["rejected"][REFUSED] == counts["refuse"]
    assert summary["cycles"][1]["accepted"] == len(rows)


def test_a_refused_text_comes_back_neither_as_a_repeat_nor_in_self_training(
    toy_domain: Path, word_students: list[WordStudent]
) -> None:
    pool = add_pool(toy_domain)
    folder = run_quick(toy_domain, "--review", "all", *NOISY, "--set", "curriculum.source=mix")
    review = open_review(folder.path)
    refused = {item.id: item for item in review.pending().items if item.is_real or item.id.endswith("1")}
    assert any(item.is_real for item in refused.values())
    assert any(not item.is_real for item in refused.values())
    for name in refused:
        review.decide(name, "refuse")
    while evokd.open_run(folder.path).state.status == "waiting":
        assert resume(folder, "--rest", "accept") == 0
    texts = {item.text for item in refused.values()}
    jobs = [job for student in word_students[1:] for job in student.jobs]
    learned = {example.text for job in jobs for example in (*job.examples, *job.replay)}
    assert learned & set(pool), "other lines of the pool are learned from"
    assert not learned & texts
    samples = samples_of(folder).values()
    assert not {item.text for item in samples if item.state == "accepted"} & texts


def test_a_disputed_text_is_saved_by_a_person(toy_domain: Path, word_students: list[WordStudent]) -> None:
    folder = run_quick(toy_domain, "--review", "disputes", "--cycles", "1", *NOISY)
    review = open_review(folder.path)
    items = review.pending().items
    disputed = [item for item in items if samples_of(folder)[item.id].reason == "disputed"]
    assert disputed, "the noise of the Labeler makes some"
    assert [item.why for item in items[: len(disputed)]] == ["disputed"] * len(disputed)
    assert all(item.student is not None and len(item.opinions) > 1 for item in disputed)
    saved = disputed[0]
    review.decide(saved.id, "correct", samples_of(folder)[saved.id].intended)
    assert resume(folder, "--rest", "accept") == 0
    rows = {row["id"]: row for row in read_rows(folder.dataset)}
    assert rows[saved.id]["reviewed_by"]
    assert not {item.id for item in disputed[1:]} & set(rows), "what nobody looked at stays as it was"
    summary = json.loads(folder.summary.read_text(encoding="utf-8"))
    assert summary["review"]["reviewed"] == 1


def test_the_rest_can_be_refused(waiting: RunFolder) -> None:
    open_review(waiting.path).decide(open_review(waiting.path).pending().items[0].id, "accept")
    assert resume(waiting, "--rest", "refuse") == 0
    assert len(read_rows(waiting.dataset)) == 1


def test_a_review_that_is_turned_off_lets_curation_decide(waiting: RunFolder) -> None:
    before = {name for name, sample in samples_of(waiting).items() if sample.state == "accepted"}
    assert resume(waiting, "--set", "review.mode=off") == 0
    assert {row["id"] for row in read_rows(waiting.dataset)} == before


def test_a_reviewed_text_keeps_the_budget_by_taking_the_place_of_another(
    toy_domain: Path, word_students: list[WordStudent]
) -> None:
    options = ("--review", "disputes", "--budget-samples", "6", "--cycles", "1", *NOISY)
    folder = run_quick(toy_domain, *options)
    review = open_review(folder.path)
    saved = [item for item in review.pending().items if samples_of(folder)[item.id].state == "rejected"]
    assert saved
    for item in saved:
        review.decide(item.id, "accept")
    assert resume(folder, "--rest", "accept") == 0
    rows = {row["id"]: row for row in read_rows(folder.dataset)}
    assert len(rows) == 6
    assert {item.id for item in saved} <= set(rows)


def test_every_cycle_waits_and_later_prompts_show_reviewed_texts(
    toy_domain: Path, word_students: list[WordStudent]
) -> None:
    folder = run_quick(toy_domain, "--review", "sample", "--set", "review.sample=2", *NOISY)
    shown: list[str] = []
    for cycle in (1, 2):
        review = open_review(folder.path)
        pending = review.pending()
        assert (pending.cycle, len(pending.items)) == (cycle, 2)
        for item in pending.items:
            review.decide(item.id, "correct", LABELS[0])
        shown = shown or [item.text for item in pending.items]
        assert resume(folder) == 0
    run = evokd.open_run(folder.path)
    assert run.state.status == "done"
    asked = "".join(json.dumps(call.request, ensure_ascii=False) for call in run.calls(2) if call.role == "labeler")
    assert any(json.dumps(json.dumps(text)[1:-1])[1:-1] in asked for text in shown)


def test_texts_that_a_person_vouches_for_are_not_rolled_back(
    toy_domain: Path, word_students: list[WordStudent], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_quick(toy_domain, *ALL, "--set", "gate.tolerance=0", "--set", "gate.metric=accuracy")
    review = open_review(folder.path)
    items = review.pending().items
    for item in items:
        review.decide(item.id, "correct", LABELS[0]) if item is items[0] else review.decide(item.id, "skip")
    # whatever the student learns is worse than before
    monkeypatch.setattr("tests.graph.toy._answer", _answer_badly)
    assert resume(folder) == 0
    samples = samples_of(folder)
    assert samples[items[0].id].state == "accepted"
    assert {sample.state for sample in samples.values() if sample.reason == "rolled_back"} == {"tombstoned"}


def _answer_badly(counts: Any, words: Any) -> Any:
    label = LABELS[sum(map(len, words)) % 3]
    return Prediction(answer=label, confidence=0.4, scores={label: 0.4})


def test_nobody_decides_while_the_run_goes_on_or_after_its_end(waiting: RunFolder) -> None:
    review = open_review(waiting.path)
    name = review.pending().items[0].id
    with waiting.lock(), pytest.raises(InputError, match="a process is working on this run"):
        review.decide(name, "accept")
    review.decide_rest("accept")
    assert resume(waiting) == 0
    with pytest.raises(InputError, match="nothing waits for a review"):
        review.decide(name, "accept")


LEDGER = "evokd.tracing.ledger.Ledger"
MOMENTS: dict[str, dict[str, Any]] = {
    "decided, not applied": {"event": "node_started", "node": "human_review", "count": 1},
    "applied": {"call": f"{LEDGER}.update_samples", "count": 1},
    "budget kept": {"call": f"{LEDGER}.update_samples", "count": 2},
    "counted": {"call": f"{LEDGER}.put_cycle_record", "count": 1},
    "reviewed": {"event": "node_finished", "node": "human_review", "count": 1},
    "in training": {"event": "node_started", "node": "train", "count": 1},
}


@pytest.fixture
def twins(toy_domain: Path, evokd: Evokd) -> tuple[RunFolder, RunFolder]:
    """Two runs of the same kind that wait, with the same decisions."""
    runs = [RunFolder(toy_domain.parent / "runs" / name) for name in ("whole", "killed")]
    for folder in runs:
        args = ["run", str(toy_domain), "--runs-dir", str(folder.path.parent), "--run-id", folder.run_id]
        code, printed = evokd(*args, *QUICK, *ALL)
        assert code == 0, printed
        decide_all(open_review(folder.path, reviewer="ana"))
    return runs[0], runs[1]


def facts(folder: RunFolder) -> dict[str, Any]:
    with Ledger(folder.ledger, read_only=True) as ledger:
        samples = [vars(sample) for sample in ledger.samples()]
        keys = Counter(call.key for call in ledger.calls() if call.status in ("ok", "fault"))
        return {
            "data set": folder.dataset.read_bytes(),
            "samples": samples,
            "asked twice": [key for key, count in keys.items() if count > 1],
            "reviewed": ledger.cycle_record(1, REVIEWED),
            "calls": keys.total(),
        }


def test_a_run_killed_between_decision_and_training_loses_nothing(
    twins: tuple[RunFolder, RunFolder], evokd: Evokd
) -> None:
    whole, killed = twins
    code, printed = evokd("resume", str(whole.path))
    assert code == 0, printed
    for name, trap in MOMENTS.items():
        code, printed = evokd("resume", str(killed.path), **trap)
        assert code == KILLED, (name, printed)
    code, printed = evokd("resume", str(killed.path))
    assert code == 0, printed
    assert facts(killed) == facts(whole)
    assert facts(whole)["asked twice"] == []


def test_a_run_killed_before_it_waits_waits_when_it_is_resumed(toy_domain: Path, evokd: Evokd) -> None:
    folder = RunFolder(toy_domain.parent / "runs" / "killed")
    args = ["run", str(toy_domain), "--runs-dir", str(folder.path.parent), "--run-id", "killed"]
    code, printed = evokd(*args, *QUICK, *ALL, event="node_started", node="human_review", count=1)
    assert code == KILLED, printed
    code, printed = evokd("resume", str(folder.path))
    assert (code, "the run waits for a review" in printed) == (0, True), printed
    decided = decide_all(open_review(folder.path))
    for path in folder.path.glob("checkpoints.db*"):
        path.unlink()
    code, printed = evokd("resume", str(folder.path), "--rest", "accept")
    assert code == 0, printed
    assert set(decided) == {item.id for item in _list_decided(folder)}


def _list_decided(folder: RunFolder) -> list[Sample]:
    with Ledger(folder.ledger, read_only=True) as ledger:
        return [sample for sample in ledger.samples() if sample.id in ledger.decisions()]
