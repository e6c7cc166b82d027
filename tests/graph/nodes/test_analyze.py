"""How a cycle is planned: with the Analyst where it is its turn, and without."""

from dataclasses import replace
from typing import Any

import pytest

from evokd.graph.nodes.analyze import analyze
from evokd.graph.nodes.examine import examine
from evokd.messages import Analysis, PoolText
from evokd.tracing.rows import KINDS
from tests.graph.nodes.conftest import MakeToy
from tests.graph.nodes.toy_context import ToyContext, give_label, make_state
from tests.graph.toy import LABELS
from tests.scripted import message_of

STATE = make_state(challenger=None)


def name_weakness(request: dict[str, Any]) -> dict[str, Any]:
    """Name one weakness, with the packet's wrong cases as evidence."""
    _, packet = message_of(request)
    wrong = [case["id"] for case in packet["cases"] if case["verdict"] != "right"]
    labels = list(LABELS[:2])
    return {
        "weaknesses": [{"name": "mix-up", "pattern": "p", "labels": labels, "evidence": wrong[:3], "advice": "differ"}]
    }


async def start(toy: ToyContext) -> None:
    """Examine a student that answers one label alone."""
    toy.teach_nonsense("c000")
    await examine(make_state(cycle=0), toy.context)


def sent_lessons(toy: ToyContext) -> list[tuple[str, str, str]]:
    rows = toy.context.ledger._rows("SELECT span, sender, receiver FROM messages WHERE span LIKE '%-l%' ORDER BY span")
    return [(row["span"], row["sender"], row["receiver"]) for row in rows]


async def test_without_the_analyst_plain_texts_of_all_labels_are_planned(make_toy: MakeToy) -> None:
    toy = make_toy(curriculum={"weaknesses": 0})
    await start(toy)
    assert await analyze(STATE, toy.context) == {"lessons": ["c001-l01"]}
    (lesson,) = toy.context.ledger.lessons(1)
    assert (lesson["kind"], lesson["weakness"]) == ("plain", None)
    counts = {quota["label"]: quota["hard"] + quota["easy"] for quota in lesson["plan"]["quotas"]}
    assert counts == dict.fromkeys(LABELS, 2)
    assert sent_lessons(toy) == [("c001-l01", "curriculum", "generator")]
    record = toy.context.ledger.cycle_record(1, KINDS)
    assert record is not None
    assert record["texts"] == {"plain": 6}
    assert toy.script.requests == []


async def test_a_weakness_that_the_analyst_names_gets_a_lesson(make_toy: MakeToy) -> None:
    toy = make_toy({"feedback_packet": [name_weakness]})
    await start(toy)
    asked = list(toy.student.calls)
    assert await analyze(STATE, toy.context) == {"lessons": ["c001-l01"]}
    (row,) = toy.context.ledger.weaknesses(1)
    assert (row["id"], row["name"], row["state"], row["labels"]) == ("c001-w1", "mix-up", "open", list(LABELS[:2]))
    (lesson,) = toy.context.ledger.lessons(1)
    assert (lesson["kind"], lesson["weakness"]) == ("weakness", "c001-w1")
    assert lesson["plan"]["weakness"]["advice"] == "differ"
    assert sent_lessons(toy) == [("c001-l01", "analyst", "generator")]
    analysis = toy.context.ledger.message("c001", Analysis)
    assert analysis is not None
    assert [item.name for item in analysis.weaknesses] == ["mix-up"]
    assert toy.student.calls == asked, "what was examined is read from the ledger"


async def test_words_of_validation_texts_stay_out_of_lessons(make_toy: MakeToy) -> None:
    toy = make_toy({"feedback_packet": [name_weakness]}, curriculum={"errors": 2})
    await start(toy)
    await analyze(STATE, toy.context)
    shown = {example["text"] for lesson in toy.context.ledger.lessons(1) for example in lesson["plan"]["examples"]}
    assert not shown & {row.text for row in toy.context.domain.validation}


async def test_a_student_that_guesses_is_not_analyzed(make_toy: MakeToy) -> None:
    toy = make_toy(curriculum={"analyst": {"first": 1, "every": 1, "above_chance": 0.9}})
    await start(toy)
    await analyze(STATE, toy.context)
    assert toy.script.requests == []
    assert [lesson["kind"] for lesson in toy.context.ledger.lessons(1)] == ["plain"]


async def test_a_spent_budget_leaves_the_cycle_without_lessons(make_toy: MakeToy) -> None:
    toy = make_toy(tokens=0)
    await start(toy)
    assert await analyze(STATE, toy.context) == {"lessons": []}
    assert toy.event("budget_spent")["role"] == "analyst"
    assert toy.context.ledger.lessons(1) == []


@pytest.mark.parametrize("labelled", [True, False])
async def test_real_texts_are_labelled_before_the_analyst_is_asked(labelled: bool, make_toy: MakeToy) -> None:
    label: Any = give_label if labelled else {"verdicts": []}
    steps = {"draft_batch": [label] * (1 if labelled else 3), "feedback_packet": [name_weakness]}
    toy = make_toy(steps, curriculum={"quotas": {"drafts": 30, "lesson": 24, "least": 1}})
    pool = tuple(PoolText(text=f"line {n} on orders and plans", source=f"pool:{n}") for n in range(40))
    toy.context = replace(toy.context, domain=replace(toy.context.domain, pool=pool))
    await start(toy)
    update = await analyze(STATE, toy.context)
    (packet,) = [message_of(request)[1] for request in toy.script.of_kind("feedback_packet")]
    assert any(case["id"].startswith("r") for case in packet["cases"]) is labelled
    lessons = toy.context.ledger.lessons(1)
    assert [lesson["id"] for lesson in lessons] == update["lessons"]
    assert lessons[0]["kind"] == "real"
    rows = toy.context.ledger.samples(lesson=lessons[0]["id"])
    assert {row.text for row in rows} <= {item.text for item in pool}
    assert all((row.candidates is not None) is labelled for row in rows)
