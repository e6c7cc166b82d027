"""Decisions are checked against labels and texts, stored at once, and never lost or used twice."""

from pathlib import Path
from typing import Any

import pytest

from evokd.messages import InputError
from evokd.review.pending import NewDecision, ReviewSession, count_waiting
from evokd.tracing.ledger import Ledger
from evokd.tracing.reviews import REVIEWED, measure_agreement
from tests.review.waiting import ENTITIES, decided, wait


@pytest.fixture
def session(tmp_path: Path) -> ReviewSession:
    return wait(tmp_path / "ledger.db")


def test_the_last_decision_is_in_force_and_all_are_kept(session: ReviewSession, tmp_path: Path) -> None:
    assert count_waiting(tmp_path / "ledger.db") == (3, 1)
    session.decide(NewDecision("c001-l01-d01", "refuse"))
    session.decide(NewDecision("c001-l01-d01", "correct", "login"))
    session.decide(NewDecision("c001-l01-d02", "skip"))
    assert decided(session) == {"c001-l01-d01": ("correct", "login", "ana"), "c001-l01-d02": ("skip", None, "ana")}
    assert count_waiting(tmp_path / "ledger.db") == (1, 1)
    with Ledger(tmp_path / "ledger.db") as ledger:
        actions = [row["action"] for row in ledger.query("SELECT action FROM reviews ORDER BY seq")]
    assert actions == ["refuse", "correct", "skip"]


def test_accepting_and_correcting_are_told_apart_by_the_answer(session: ReviewSession) -> None:
    session.decide(NewDecision("c001-l01-d01", "correct", "billing"), NewDecision("c001-l01-d02", "accept", "billing"))
    assert [action for action, _, _ in decided(session).values()] == ["accept", "correct"]


@pytest.mark.parametrize(
    ("decision", "part"),
    [
        (NewDecision("c001-l01-d1", "accept"), "did you mean 'c001-l01-d01'?"),
        (NewDecision("c001-l01-d01", "correct", "bilin"), "did you mean 'billing'?"),
        (NewDecision("c001-l01-d01", "correct"), "no answer is given"),
        (NewDecision("c001-l01-d01", "acept"), "did you mean 'accept'?"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_decision_is_one_line_and_stores_nothing(
    session: ReviewSession, decision: NewDecision, part: str
) -> None:
    with pytest.raises(InputError) as caught:
        session.decide(NewDecision("c001-l01-d02", "accept"), decision)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert decided(session) == {}


@pytest.mark.parametrize(
    ("entities", "part"),
    [
        ([{"start": 0, "end": 3, "label": "person"}], "cuts a word"),
        ([{"start": 0, "end": 99, "label": "person"}], "does not lie in the text"),
        ([{"start": 0, "end": 5, "label": "persn"}], "persn"),
    ],
)
def test_entities_have_to_lie_on_words_of_the_text(tmp_path: Path, entities: Any, part: str) -> None:
    session = wait(tmp_path / "ledger.db", ENTITIES, "ner")
    with pytest.raises(InputError, match=part):
        session.decide(NewDecision("c001-l01-d01", "correct", entities))
    session.decide(NewDecision("c001-l01-d01", "correct", [{"start": 0, "end": 5, "label": "species"}]))
    assert decided(session)["c001-l01-d01"][1] == [{"start": 0, "end": 5, "label": "species"}]


def test_nothing_is_decided_while_a_process_works_or_when_the_run_has_gone_on(
    session: ReviewSession, tmp_path: Path
) -> None:
    busy = ReviewSession(tmp_path / "ledger.db", "one", lambda: True, "ana")
    with pytest.raises(InputError, match="a process is working on this run"):
        busy.decide(NewDecision("c001-l01-d01", "accept"))
    with Ledger(tmp_path / "ledger.db") as ledger:
        counts = {"accepted": 0, "corrected": 0, "refused": 0, "skipped": 0, "reviewers": []}
        ledger.put_cycle_record(1, REVIEWED, counts)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="nothing waits for a review"):
        session.decide(NewDecision("c001-l01-d01", "accept"))
    assert count_waiting(tmp_path / "ledger.db") == (0, 0)


def test_a_decision_does_not_count_for_another_text_of_the_same_id(session: ReviewSession, tmp_path: Path) -> None:
    session.decide(NewDecision("c001-l01-d01", "accept"))
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger._execute("UPDATE samples SET text = 'another' WHERE id = 'c001-l01-d01'")
        assert ledger.decisions() == {}


def test_agreement_counts_what_somebody_looked_at(session: ReviewSession, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert measure_agreement(ledger.decisions()) is None
    session.decide(NewDecision("c001-l01-d01", "accept"), NewDecision("c001-l01-d02", "correct", "billing"))
    assert session.decide_rest("refuse") == 1
    with Ledger(tmp_path / "ledger.db") as ledger:
        found = measure_agreement(ledger.decisions())
        assert set(ledger.reviewers()) == {"c001-l01-d01", "c001-l01-d02"}
    assert found is not None
    assert (found["reviewed"], found["labels"], found["agreed"], found["agreement"]) == (2, 2, 1, 0.5)


def test_decisions_outlive_a_run_that_begins_again(session: ReviewSession, tmp_path: Path) -> None:
    session.decide(NewDecision("c001-l01-d01", "accept"))
    with Ledger(tmp_path / "ledger.db") as ledger:
        samples = ledger.samples()
        ledger.start_over()
        assert ledger.decisions() == {}
        ledger.put_drafts("c001-l01", samples)
        assert set(ledger.decisions()) == {"c001-l01-d01"}


def test_a_ledger_without_the_table_is_read_in_place(session: ReviewSession, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger._execute("DROP TABLE reviews")
    with Ledger(tmp_path / "ledger.db", read_only=True) as ledger:
        assert ledger.decisions() == {}
        assert ledger._copy is None
