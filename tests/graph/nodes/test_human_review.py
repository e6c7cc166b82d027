"""What people decided is done once, whatever ran before: labels, the gate's texts, the budget, refused repeats."""

from typing import Any

from evokd.graph.nodes.curate import curate
from evokd.graph.nodes.evaluation import evaluate_cycle
from evokd.graph.nodes.human_review import human_review, is_reviewed
from evokd.graph.nodes.training_set import to_examples
from evokd.tracing.reviews import REFUSED, REVIEW_QUEUE, REVIEWED, ReviewDecision
from tests.graph.nodes.conftest import MakeToy
from tests.graph.nodes.toy_context import ToyContext, accepted, make_state
from tests.graph.toy import LABELS
from tests.tracing.rows import sample

IDS = [f"c001-l01-d0{number}" for number in range(1, 5)]


def decide(toy: ToyContext, name: str, action: Any, answer: Any = None) -> None:
    found = toy.context.ledger.sample(name)
    assert found is not None
    decision = ReviewDecision(name, found.cycle, found.text, action, answer, LABELS[0], "ana", "2026-01-01T00:00:00Z")
    toy.context.ledger.add_decisions([decision])


def prepare(make_toy: MakeToy, **settings: Any) -> ToyContext:
    """A cycle with an accepted text, one set aside for the gate, a doubtful real one, and a disputed one."""
    toy = make_toy(review={"mode": "all"}, **settings)
    toy.teach("c000")
    rejected = {"state": "rejected", "reason": "disputed", "label": None, "purpose": None, "disputed": True}
    samples = [
        accepted(IDS[0]),
        accepted(IDS[1], purpose="gate"),
        accepted(IDS[2], source="pool.jsonl:1", confidence=0.6),
        accepted(IDS[3], candidates=[LABELS[1]], **rejected),
    ]
    toy.add_lesson("c001-l01", samples)
    return toy


async def test_decisions_are_done_once_and_trusted(make_toy: MakeToy) -> None:
    toy = prepare(make_toy)
    assert is_reviewed(toy.context, 1)
    for name, action, answer in (
        (IDS[0], "refuse", None),
        (IDS[1], "correct", LABELS[2]),
        (IDS[2], "accept", LABELS[0]),
        (IDS[3], "accept", LABELS[1]),
    ):
        decide(toy, name, action, answer)
    updates = [await human_review(make_state(accepted=3), toy.context) for _ in range(2)]
    assert updates == [{"accepted": 3, "barren": 0, "after_curate": "train"}] * 2
    found = [(row.state, row.reason, row.label, row.purpose) for row in toy.context.ledger.samples()]
    assert found == [
        ("rejected", REFUSED, None, None),
        ("accepted", None, LABELS[2], "gate"),
        ("accepted", None, LABELS[0], "train"),
        ("accepted", None, LABELS[1], "train"),
    ]
    examples = to_examples(toy.context, toy.context.ledger.samples(state="accepted"))
    assert {(example.trusted, example.weight) for example in examples} == {(True, 1.0)}
    record = toy.context.ledger.cycle_record(1, REVIEWED)
    counts = {"accepted": 2, "corrected": 1, "refused": 1, "skipped": 0, "reviewers": ["ana"], "over_budget": 0}
    assert record == counts
    assert [event["event"] for event in toy.events].count("reviewed") == 2
    queue = toy.context.ledger.cycle_record(1, REVIEW_QUEUE)
    assert queue is not None
    assert {text["id"]: text["proposed"] for text in queue["texts"]}[IDS[3]] == LABELS[1]
    assert queue["texts"][0] == {"id": IDS[3], "why": "disputed", "proposed": LABELS[1]}


async def test_the_budget_holds_and_its_count_does_not_change_when_the_node_runs_again(make_toy: MakeToy) -> None:
    toy = prepare(make_toy, budget={"samples": 3})
    for name in IDS[:3]:
        decide(toy, name, "skip")
    decide(toy, IDS[3], "accept", LABELS[1])
    for _ in range(2):
        assert (await human_review(make_state(accepted=3), toy.context))["accepted"] == 3
        record = toy.context.ledger.cycle_record(1, REVIEWED)
        assert record is not None
        assert record.get("over_budget") == 1
    assert [row.state for row in toy.context.ledger.samples()] == ["accepted", "accepted", "rejected", "accepted"]


async def test_a_cycle_of_which_people_refuse_everything_is_empty(make_toy: MakeToy) -> None:
    toy = prepare(make_toy)
    for name in IDS:
        decide(toy, name, "refuse")
    update = await human_review(make_state(accepted=3), toy.context)
    assert (update["accepted"], update["barren"]) == (0, 1)
    evaluation = await evaluate_cycle(toy.context, 1, "c000")
    assert evaluation.exam == [], "what was refused is no case of the next packet"


async def test_a_refused_text_is_refused_again_when_it_is_written_again(make_toy: MakeToy) -> None:
    toy = prepare(make_toy)
    for name in IDS:
        decide(toy, name, "refuse")
    await human_review(make_state(accepted=3), toy.context)
    old = toy.context.ledger.sample(IDS[0])
    assert old is not None
    again = sample("c002-l01-d01", cycle=2, text=f"{old.text}!", intended=LABELS[0], candidates=[LABELS[0]])
    toy.add_lesson("c002-l01", [again])
    toy.context.ledger.close_lesson("c002-l01", 1, 1, [])
    await curate(make_state(cycle=2), toy.context)
    written = toy.context.ledger.sample("c002-l01-d01")
    assert written is not None
    assert (written.state, written.reason) == ("rejected", "duplicate")


async def test_nothing_is_reviewed_where_it_is_off_or_there_is_nothing(make_toy: MakeToy) -> None:
    toy = make_toy()
    toy.add_lesson("c001-l01", [accepted(IDS[0])])
    assert not is_reviewed(toy.context, 1)
    assert not is_reviewed(toy.context, 2)
