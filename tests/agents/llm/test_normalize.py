"""Values that can be read in one way alone are put right; those that cannot stay faults."""

import json
from typing import Any

import pytest

from evokd.agents.labeler import label
from evokd.agents.llm.normalize import Normaliser
from evokd.messages import Draft, EntityVerdict, GeneratorReply, LabelReply, LabelVerdict, SetDraft, reply_schema
from evokd.tracing.ledger import Ledger
from tests.agents.asks import brief, make_ask, make_drafts
from tests.agents.conftest import Open
from tests.agents.entity_asks import brief_entities
from tests.agents.test_labeler import THREE, verdict

LABELS = ["wrong_charge", "how_to", "Rückgabe", "x-1", "X 1"]
VERDICTS = Normaliser(reply_schema(LabelReply[LabelVerdict], {"labels": LABELS}), {"id": ["t1", "t2", "t12"]})
DRAFTS = Normaliser(reply_schema(GeneratorReply[Draft], {"labels": LABELS}), {})
ENTITIES = Normaliser(reply_schema(LabelReply[EntityVerdict], {"labels": LABELS}), {"id": ["t1"]})


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"labels": ["Wrong Charge"]}, {"labels": ["wrong_charge"]}),
        ({"labels": [" WRONG-CHARGE "]}, {"labels": ["wrong_charge"]}),
        ({"labels": ['"how_to"', "**How to**"]}, {"labels": ["how_to", "how_to"]}),
        ({"labels": ["Ru\u0308ckgabe"]}, {"labels": ["Rückgabe"]}),
        ({"labels": "how_to"}, {"labels": ["how_to"]}),
        ({"labels": "How to, wrong charge"}, {"labels": ["how_to", "wrong_charge"]}),
        ({"labels": '["how_to"]'}, {"labels": ["how_to"]}),
        ({"id": 1}, {"id": "t1"}),
        ({"id": "2"}, {"id": "t2"}),
        ({"id": "T12 "}, {"id": "t12"}),
        ({"confidence": "0.9"}, {"confidence": 0.9}),
        ({"confidence": "90%"}, {"confidence": 0.9}),
        ({"confidence": 59}, {"confidence": 0.59}),
        ({"confidence": "59"}, {"confidence": 0.59}),
        ({"confidence": 100}, {"confidence": 1.0}),
    ],
)
def test_one_reading_is_read(given: dict[str, Any], read: dict[str, Any]) -> None:
    flags: list[str] = []
    made = VERDICTS({"verdicts": [{"id": "t1", "labels": ["how_to"], "confidence": 0.5, **given}]}, flags)
    assert {key: made["verdicts"][0][key] for key in read} == read
    assert flags


@pytest.mark.parametrize(
    "given",
    [
        {"labels": ["charge"]},
        {"labels": ["X_1"]},  # x-1 or X 1
        {"labels": ["x-1", "X 1"]},
        {"labels": "how_to or wrong"},
        {"id": 3},
        {"id": "draft"},
        {"confidence": 1.1},
        {"confidence": 7},  # of 10
        {"confidence": 101},
        {"confidence": -5},
        {"confidence": "high"},
        {"confidence": None},
        {"confidence": True},
    ],
)
def test_what_may_mean_something_else_stays_as_it_is(given: dict[str, Any]) -> None:
    item = {"id": "t1", "labels": ["how_to"], "confidence": 0.5, **given}
    made = VERDICTS({"verdicts": [item]}, [])
    for key, value in given.items():
        assert made["verdicts"][0][key] in (value, str(value), [value])


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ([59, 97, 100], [0.59, 0.97, 1.0]),
        ([59, 0], [0.59, 0.0]),
        ([59, 0.9], [59, 0.9]),
        ([59, 1], [59, 1]),
        ([4, 5, 2], [4, 5, 2]),
        ([8, 10], [8, 10]),
        ([0.5, 1], [0.5, 1]),
    ],
)
def test_percent_is_read_where_all_confidences_of_a_reply_can_be_nothing_else(
    given: list[Any], read: list[Any]
) -> None:
    items = [{"id": "t1", "labels": ["how_to"], "confidence": number} for number in given]
    made = VERDICTS({"verdicts": items}, [])
    assert [item["confidence"] for item in made["verdicts"]] == pytest.approx(read)


@pytest.mark.parametrize("difficulty", ["HARD", " Hard ", "hard."])
def test_drafts_are_put_right(difficulty: str) -> None:
    flags: list[str] = []
    made = DRAFTS({"drafts": {"text": "a", "difficulty": difficulty, "intended": "How To"}}, flags)
    assert made == {"drafts": [{"text": "a", "difficulty": "hard", "intended": "how_to"}]}
    assert flags == ["retyped", "respelled"]


def test_entities_are_put_right_and_texts_are_left_alone() -> None:
    item = {
        "id": "t1",
        "entities": [{"text": "How To", "label": "HOW_TO"}, {"text": "b", "label": "o"}],
        "confidence": 0.5,
    }
    made = ENTITIES({"verdicts": [item]}, [])
    assert made["verdicts"][0]["entities"] == [{"text": "How To", "label": "how_to"}, {"text": "b", "label": "O"}]


@pytest.mark.parametrize(
    "odd", [{}, {"verdicts": 3}, {"verdicts": [1, None, [[]]]}, {"verdicts": [{"labels": {"a": 1}}]}]
)
def test_anything_else_passes_through(odd: dict[str, Any]) -> None:
    flags: list[str] = []
    assert VERDICTS(json.loads(json.dumps(odd)), flags) == odd
    assert flags == []


@pytest.mark.parametrize(
    ("labels", "written", "read"),
    [
        (["wet", "cold"], ["(none)"], []),
        (["wet", "cold"], "(none)", []),
        (["wet", "cold"], [" None "], []),
        (["wet", "cold"], ["(none)", "wet"], ["(none)", "wet"]),
        (["wet", "none"], ["none"], ["none"]),
        (["None", "none"], ["none"], ["none"]),
    ],
)
def test_the_word_for_no_label_is_read_as_none_unless_a_label_is_called_so(
    labels: list[str], written: Any, read: list[str]
) -> None:
    normalise = Normaliser(reply_schema(GeneratorReply[SetDraft], {"labels": labels}), {})
    made = normalise({"drafts": [{"text": "x", "difficulty": "easy", "intended": written}]}, [])
    assert made["drafts"][0]["intended"] == read


async def test_a_batch_that_is_off_everywhere_takes_one_call_and_is_flagged(door: Open, ledger: Ledger) -> None:
    verdicts = [{"id": number, "labels": "BUG", "confidence": 80} for number in (1, 2, 3)]
    teacher, script = door([{"verdicts": verdicts}])
    done = await label(teacher, brief(), THREE, 1, "c1-l1", 5)
    assert {found.candidates for found in done.labels.values()} == {("bug",)}
    assert {found.confidence for found in done.labels.values()} == {0.8}
    assert done.faults == ()
    assert ledger.calls()[0].flags == ["retyped", "respelled", "percent"]
    again, _ = door([])
    assert (await label(again, brief(), THREE, 1, "c1-l1", 5)).labels == done.labels
    assert len(script.requests) == 1


async def test_a_scale_that_may_be_another_is_asked_again(door: Open) -> None:
    odd = {"verdicts": [verdict(f"t{number}", confidence=number) for number in (3, 4, 5)]}
    right = {"verdicts": [verdict(f"t{number}") for number in (1, 2, 3)]}
    teacher, script = door([odd, right])
    assert (await label(teacher, brief(), THREE, 1, "c1-l1", 5)).faults == ()
    assert len(script.requests) == 2


async def test_entity_types_in_another_spelling_are_read(door: Open) -> None:
    reply = {"verdicts": [{"id": "T1", "entities": [{"text": "Robin", "label": "Person"}], "confidence": 0.8}]}
    teacher, _ = door([reply])
    done = await label(teacher, brief_entities(), {"a": "Robin slept."}, 1, "c1-l1", 5)
    assert [entity.label for entity in done.labels["a"].candidates[0]] == ["person"]  # type: ignore[union-attr]


async def test_an_intention_in_another_spelling_is_the_label(door: Open) -> None:
    teacher, _ = door([make_drafts("the app crashes", intended="Bug")])
    answer = await teacher.ask(make_ask())
    assert [draft.intended for draft in answer.reply.drafts] == ["bug"]
