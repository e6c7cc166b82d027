"""Evaluated texts in native form: entities keep their places and are never looked for in the text again."""

from types import SimpleNamespace
from typing import Any

import pytest

from evokd.graph.nodes.evaluation import CycleEvaluation, EvaluatedText, score_evaluation
from evokd.graph.nodes.feedback_packet import write_case
from evokd.messages.spans import Span
from evokd.student.tasks.base import LabeledExample
from evokd.student.tasks.ner.codec import EntityCodec
from evokd.student.tasks.ner.spans import to_gold

CODEC = EntityCodec(("bird", "person"))
TEXT = "Robin saw a Robin, and Robin flew"
GOLD = to_gold([Span(0, 5, "person"), Span(23, 28, "bird")])
ANSWER = to_gold([Span(12, 17, "bird"), Span(23, 28, "bird")])


def evaluated() -> EvaluatedText:
    return EvaluatedText("v1", LabeledExample(TEXT, GOLD), ANSWER, 0.625, "wrong", "real")


async def test_entities_are_scored_where_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(EntityCodec, "from_wire")
    context: Any = SimpleNamespace(domain=SimpleNamespace(codec=CODEC))
    scores = await score_evaluation(context, None, CycleEvaluation([evaluated()], []))
    assert scores is not None
    assert scores.metrics["entity_f1"] == 0.5
    assert {line.label: line.support for line in scores.report} == {"bird": 1, "person": 1}


def test_a_case_holds_the_same_answers_in_wire_form() -> None:
    case = write_case(CODEC, evaluated())
    assert (case.id, case.text, case.confidence, case.verdict, case.origin) == ("v1", TEXT, 0.625, "wrong", "real")
    assert CODEC.from_wire(TEXT, case.gold) == GOLD
    assert CODEC.from_wire(TEXT, case.predicted) == ANSWER
    assert case.marked == "[Robin](person) saw a Robin, and [Robin](bird) flew"
    assert {error.kind for error in case.errors} == {"missed", "invented"}


def test_nothing_is_scored_where_nothing_was_examined() -> None:
    assert CycleEvaluation([], []).scored == []
    assert CycleEvaluation([], []).texts == []
