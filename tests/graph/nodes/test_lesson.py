"""The two steps of a lesson: texts are written or taken, then labelled blindly."""

import json
from typing import Any

from evokd.graph.nodes.lesson import generate, label
from evokd.graph.state import LessonState
from evokd.messages import DraftBatch, LabelPlan, PoolText
from tests.graph.nodes.conftest import MakeToy
from tests.graph.nodes.toy_context import ToyContext, accepted, give_label, make_plan
from tests.graph.toy import LABELS
from tests.scripted import message_of

STATE: LessonState = {"lesson": "c001-l01", "lesson_cycle": 1, "student": "c000"}
TEXTS = ("cancel it, please", "I want to end my plan")


def write_drafts(*texts: str) -> dict[str, Any]:
    return {"drafts": [{"text": text, "difficulty": "easy", "intended": LABELS[0]} for text in texts]}


def drafted(name: str, **changes: Any) -> Any:
    fields = {"state": "drafted", "purpose": None, "label": None, "intended": LABELS[0], "candidates": None}
    return accepted(name, **{**fields, **changes})


def add_real_lesson(toy: ToyContext) -> None:
    texts = [PoolText(text=text, source=f"pool:{number}") for number, text in enumerate(TEXTS, start=1)]
    labels = dict(toy.context.domain.file.labels)
    weakness = make_plan("c001-l01")["weakness"]
    plan = LabelPlan.model_validate({"id": "c001-l01", "weakness": weakness, "labels": labels, "texts": texts})
    row = {"id": "c001-l01", "cycle": 1, "weakness": None, "kind": "real", "plan": plan.model_dump(mode="json")}
    toy.context.ledger.put_lessons(1, [row])


async def test_drafts_are_stored_with_what_they_were_written_for_and_the_call(make_toy: MakeToy) -> None:
    toy = make_toy({"lesson_plan": [write_drafts(*TEXTS)]})
    toy.add_lesson("c001-l01", [])
    assert await generate(STATE, toy.context) == {"drafted": 2}
    (call,) = toy.context.ledger.calls()
    rows = toy.context.ledger.samples()
    assert [(row.id, row.text, row.intended) for row in rows] == [
        ("c001-l01-d01", TEXTS[0], LABELS[0]),
        ("c001-l01-d02", TEXTS[1], LABELS[0]),
    ]
    assert {(row.state, row.draft_call, row.kind, row.label) for row in rows} == {("drafted", call.id, "plain", None)}
    assert toy.context.ledger.lesson("c001-l01")["drafts"] == 2


async def test_a_spent_budget_leaves_a_lesson_empty_and_says_so(make_toy: MakeToy) -> None:
    toy = make_toy(tokens=0)
    toy.add_lesson("c001-l01", [])
    assert await generate(STATE, toy.context) == {"drafted": 0}
    assert toy.event("budget_spent")["role"] == "generator"
    assert toy.context.ledger.lesson("c001-l01")["faults"]
    assert await label(STATE, toy.context) == {}


async def test_real_texts_are_taken_as_they_are_and_nobody_is_asked(make_toy: MakeToy) -> None:
    toy = make_toy()
    add_real_lesson(toy)
    assert await generate(STATE, toy.context) == {"drafted": 2}
    rows = toy.context.ledger.samples()
    assert [(row.text, row.source, row.is_real, row.intended) for row in rows] == [
        (TEXTS[0], "pool:1", True, None),
        (TEXTS[1], "pool:2", True, None),
    ]
    toy.context.ledger.update_samples([("c001-l01-d01", {"candidates": [LABELS[1]], "confidence": 0.9})])
    assert await generate(STATE, toy.context) == {"drafted": 2}
    assert toy.context.ledger.samples()[0].candidates == [LABELS[1]], "what was labelled before stays"


async def test_the_labeler_is_not_told_what_a_text_was_written_for(make_toy: MakeToy) -> None:
    toy = make_toy({"draft_batch": [lambda request: give_label(request, LABELS[1])]})
    toy.add_lesson("c001-l01", [drafted(f"c001-l01-d0{n}", text=text) for n, text in enumerate(TEXTS, start=1)])
    assert await label(STATE, toy.context) == {}
    (request,) = toy.script.requests
    _, message = message_of(request)
    assert sorted(draft["text"] for draft in message["drafts"]) == sorted(TEXTS)
    assert all(set(draft) == {"id", "text"} for draft in message["drafts"])
    assert "c001" not in json.dumps(message["drafts"])
    rows = toy.context.ledger.samples()
    assert [(row.candidates, row.confidence, row.intended) for row in rows] == [([LABELS[1]], 0.9, LABELS[0])] * 2
    event = toy.event("lesson")
    assert (event["drafts"], event["labelled"], event["kind"]) == (2, 2, "plain")
    assert toy.context.ledger.message("c001-l01", DraftBatch) is not None


async def test_where_the_generators_word_counts_nobody_labels(make_toy: MakeToy) -> None:
    toy = make_toy(curriculum={"labels": "generator"})
    toy.add_lesson("c001-l01", [drafted("c001-l01-d01")])
    assert await label(STATE, toy.context) == {}
    assert toy.context.ledger.samples()[0].candidates is None
    assert (toy.event("lesson")["drafts"], toy.event("lesson")["labelled"]) == (1, 0)


async def test_what_a_trained_student_confirms_is_not_sent_to_the_labeler(make_toy: MakeToy) -> None:
    steps = {"draft_batch": [lambda request: give_label(request, LABELS[1])]}
    toy = make_toy(steps, curriculum={"labels": "doubtful", "check_least": 1, "audit": 0, "confirm": 0.4})
    toy.teach("c001")
    seeds = {seed.gold: seed.text for seed in toy.context.domain.seeds}
    texts = [seeds[LABELS[0]], seeds[LABELS[1]]]
    toy.add_lesson("c001-l01", [drafted(f"c001-l01-d0{n}", text=text) for n, text in enumerate(texts, start=1)])
    await label({**STATE, "student": "c001"}, toy.context)
    (request,) = toy.script.requests
    assert [draft["text"] for draft in message_of(request)[1]["drafts"]] == [seeds[LABELS[1]]]
    rows = toy.context.ledger.samples()
    assert [row.candidates for row in rows] == [[LABELS[0]], [LABELS[1]]]
    assert (toy.event("lesson")["labelled"], toy.event("lesson")["confirmed"]) == (2, 1)
