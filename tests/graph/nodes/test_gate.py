"""Whether a challenger becomes the champion, and what becomes of its cycle otherwise."""

from typing import Any

import pytest

from evokd.graph.nodes.gate import gate
from evokd.messages import TrainingReport
from evokd.tracing.ledger import Ledger
from evokd.tracing.rows import GATE, TRAINING
from tests.graph.nodes.conftest import MakeToy
from tests.graph.nodes.toy_context import ToyContext, accepted, make_state, without_validation
from tests.tracing.rows import weakness


def gate_record(ledger: Ledger, cycle: int) -> dict[str, Any]:
    record = ledger.cycle_record(cycle, GATE)
    assert record is not None
    return record


def note_training(toy: ToyContext, cycle: int) -> None:
    record = {"tune": "head", "samples": 15, "steps": 3, "seconds": 0.5, "loss": 0.25}
    toy.context.ledger.put_cycle_record(cycle, TRAINING, record)


def train_worse(toy: ToyContext) -> None:
    """A champion that knows the domain, and a challenger of cycle 1 that answers one label alone."""
    toy.teach("c000")
    toy.teach_nonsense("c001")
    note_training(toy, 1)
    toy.add_lesson("c001-l01", [accepted("c001-l01-d01"), accepted("c001-l01-d02", state="rejected")])
    toy.context.ledger.put_weaknesses([weakness("c001-w1", cycle=1, state="open")])


async def test_the_first_student_becomes_champion_with_its_score_on_validation_data(make_toy: MakeToy) -> None:
    toy = make_toy()
    toy.teach("c000")
    note_training(toy, 0)
    update = await gate(make_state(cycle=0, champion=None, challenger="c000"), toy.context)
    score = update["score"]
    assert update == {"challenger": None, "champion": "c000", "score": score, "best": score, "stale": 0}
    assert 0.5 < score <= 1
    assert gate_record(toy.context.ledger, 0) == {"before": None, "after": score, "promoted": True}
    report = toy.context.ledger.message("c000", TrainingReport)
    assert report is not None
    assert (report.samples, report.after, report.promoted) == (15, score, True)
    assert toy.event("trained")["after"] == score


async def test_without_a_challenger_the_champion_stays_and_a_cycle_has_brought_nothing(make_toy: MakeToy) -> None:
    toy = make_toy()
    assert await gate(make_state(challenger=None, score=0.5, stale=1), toy.context) == {"stale": 2}
    assert gate_record(toy.context.ledger, 1) == {"before": 0.5, "after": None, "promoted": False}
    assert toy.student.calls == []


async def test_a_challenger_that_fell_too_far_is_rolled_back_with_its_samples(make_toy: MakeToy) -> None:
    toy = make_toy()
    train_worse(toy)
    update = await gate(make_state(score=1.0, best=1.0, accepted=1), toy.context)
    assert (update["champion"], update["stale"], update["accepted"]) == ("c000", 1, 0)
    record = gate_record(toy.context.ledger, 1)
    assert record["promoted"] is False
    assert record["after"] < record["before"] == update["score"]
    rows = {item.id: (item.state, item.reason) for item in toy.context.ledger.samples()}
    assert rows["c001-l01-d01"] == ("tombstoned", "rolled_back")
    assert rows["c001-l01-d02"][0] == "rejected"
    assert toy.context.ledger.weaknesses(1)[0]["state"] == "rolled_back"
    assert toy.context.folder.version("c000").is_dir()


async def test_a_second_attempt_after_an_interruption_decides_the_same(make_toy: MakeToy) -> None:
    toy = make_toy()
    train_worse(toy)
    state = make_state(score=0.9, best=0.9, accepted=1)
    assert await gate(state, toy.context) == await gate(state, toy.context)
    assert [item.state for item in toy.context.ledger.samples()] == ["tombstoned", "rejected"]


@pytest.mark.parametrize(
    ("rule", "champion", "state"), [("keep_best", "c000", "accepted"), ("off", "c001", "accepted")]
)
async def test_the_rule_says_what_a_fall_costs(rule: str, champion: str, state: str, make_toy: MakeToy) -> None:
    toy = make_toy(gate={"rule": rule})
    train_worse(toy)
    update = await gate(make_state(score=1.0, best=1.0, accepted=1), toy.context)
    assert update["champion"] == champion
    assert "accepted" not in update
    assert toy.context.ledger.samples()[0].state == state


async def test_a_student_answers_validation_data_once_in_a_run(make_toy: MakeToy) -> None:
    toy = make_toy()
    rows = len(toy.context.domain.validation)
    toy.teach("c000")
    note_training(toy, 0)
    await gate(make_state(cycle=0, champion=None, challenger="c000"), toy.context)
    toy.teach("c001")
    note_training(toy, 1)
    await gate(make_state(), toy.context)
    assert toy.student.calls == [("c000", rows), ("c001", rows)]


async def test_without_validation_data_samples_set_aside_decide_once_there_are_enough(make_toy: MakeToy) -> None:
    toy = without_validation(make_toy(gate={"minimum": 2}))
    toy.teach("c000")
    toy.teach("c001")
    note_training(toy, 1)
    toy.add_lesson("c001-l01", [accepted("c001-l01-d01", purpose="gate")])
    update = await gate(make_state(), toy.context)
    assert (update["champion"], update["score"], update["stale"]) == ("c001", None, 0)
    assert toy.student.calls == []
    held = [accepted(f"c001-l01-d0{n}", purpose="gate", text=toy.context.domain.seeds[0].text) for n in (1, 2)]
    toy.add_lesson("c001-l01", held)
    update = await gate(make_state(), toy.context)
    assert update["score"] is not None
    assert toy.student.calls == [("c000", 2), ("c001", 2)]
