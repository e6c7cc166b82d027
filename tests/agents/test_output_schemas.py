import json
import random
from typing import Any

import pytest

from evokd.agents.output_schemas import output_schema
from evokd.messages import (
    ENTITY_MODES,
    PLAIN_MODES,
    Entity,
    EntityDraft,
    EntityVerdict,
    GeneratorReply,
    LabelBatch,
    LabelReply,
    LabelVerdict,
    reply_schema,
)
from tests.agents.entity_asks import TYPES, entities, example, plan_entities

NER = output_schema("ner")
LABELS = output_schema("classification")
TEXT = "Robin counted robins at Low Moss, and Robin left."


def test_the_modes_of_the_tasks() -> None:
    assert LABELS.modes == PLAIN_MODES
    assert NER.modes == (*PLAIN_MODES, *ENTITY_MODES)


SOUND = {
    "none": [],
    "all": entities("Robin/person", "robins/species", "Low Moss/site", "Robin/person"),
    "decoy": entities("Robin/O", "Robin/person"),
    "out-of-order": entities("Low Moss/site", "Robin/person"),
    "white-space-around": [Entity(text=" Low Moss ", label="site")],
}


@pytest.mark.parametrize("answer", SOUND.values(), ids=SOUND.keys())
def test_a_sound_list_of_entities_is_taken(answer: list[Entity]) -> None:
    assert NER.answer_fault(TEXT, answer, TYPES) is None


MEND = "copy entities letter by letter, list each mention once, and none inside another"
FAULTY: dict[str, tuple[list[Entity], str]] = {
    "unknown-near": (entities("Robin/persons"), "entity 'Robin': unknown label 'persons' (did you mean 'person'?)"),
    "unknown-far": (entities("Robin/xy"), "entity 'Robin': unknown label 'xy' (one of: person, site, species)"),
    "no-text": (entities("/site"), "an entity of type 'site' has no text; copy its words from the text"),
    "blank": ([Entity(text=" \n", label="site")], "an entity of type 'site' has no text; copy its words from the text"),
    "absent": (entities("Ash/person"), f"entity 'Ash' does not occur in the text as whole words; {MEND}"),
    "part-of-a-word": (entities("robin/species"), f"entity 'robin' does not occur in the text as whole words; {MEND}"),
    "other-case": (entities("low moss/site"), f"entity 'low moss' does not occur in the text as whole words; {MEND}"),
    "once-too-often": (
        entities("robins/species", "robins/species"),
        "'robins' occurs in the text only where another entity is",
    ),
    "nested": (entities("Low Moss/site", "Moss/site"), "entity 'Moss' occurs in the text only where another entity is"),
    "absent-decoy": (entities("Ash/O"), "entity 'Ash' does not occur"),
}


@pytest.mark.parametrize(("answer", "fault"), FAULTY.values(), ids=FAULTY.keys())
def test_a_faulty_list_is_told_in_one_line(answer: list[Entity], fault: str) -> None:
    told = NER.answer_fault(TEXT, answer, TYPES)
    assert told is not None
    assert fault in told
    assert "\n" not in told
    verdict = EntityVerdict(id="t1", entities=answer, confidence=0.9)
    assert NER.verdict_fault(TEXT, verdict, TYPES) == told


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_confidence_lies_between_0_and_1(confidence: float) -> None:
    verdict = EntityVerdict(id="t1", entities=entities("Robin/person"), confidence=confidence)
    assert NER.verdict_fault(TEXT, verdict, TYPES) == f"confidence {confidence} is not between 0 and 1"
    for edge in (0.0, 1.0):
        assert NER.verdict_fault(TEXT, verdict.model_copy(update={"confidence": edge}), TYPES) is None


def test_a_verdict_has_one_candidate_with_its_decoys_and_travels_in_a_batch() -> None:
    answer = entities("Robin/O", "Robin/person")
    verdict = EntityVerdict(id="t1", entities=answer, confidence=0.9)
    assert NER.candidates(verdict) == [answer]
    assert NER.candidates(EntityVerdict(id="t2", entities=[], confidence=0.9)) == [[]]
    assert NER.label_batch([verdict]) == LabelBatch[EntityVerdict](verdicts=[verdict])


def test_a_quota_is_left_out_when_no_answer_names_its_type() -> None:
    plan = plan_entities(quotas={"person": (1, 0), "species": (0, 1), "site": (0, 0)})
    assert NER.left_out(plan, []) == ["person", "species"]
    assert NER.left_out(plan, [entities("Robin/person", "robins/O")]) == ["species"]
    assert NER.left_out(plan, [entities("Robin/person"), entities("robins/species", "Low Moss/site")]) == []


def test_the_mode_is_checked_for_entities_alone() -> None:
    plan = plan_entities(example("Kim slept.", "Kim/person"), mode="swap_entities")
    assert NER.mode_fault(plan, "Ash slept.", entities("Ash/person")) is None
    assert NER.mode_fault(plan, "Kim slept.", entities("Kim/person")) is not None
    assert LABELS.mode_fault(plan, "Kim slept.", "person") is None
    assert LABELS.left_out(plan, []) == []


def test_strategies_are_for_entities_alone() -> None:
    assert list(NER.strategies("rewrite_context", "type", 1, random.Random(1)))[1:] == ["telling_context"]
    assert LABELS.strategies("paraphrase", "type", 3, random.Random(1)) == {}


def enum_of(schema: dict[str, Any], name: str, field: str) -> Any:
    node = schema["$defs"][name]["properties"][field]
    return node.get("items", node).get("enum")


def test_the_schemas_close_the_labels_and_allow_a_decoy_for_entities_alone() -> None:
    for reply in (NER.generator_reply, NER.labeler_reply):
        schema = reply_schema(reply, {"labels": list(TYPES)})
        assert enum_of(schema, "Entity", "label") == [*TYPES, "O"]
        assert "enum" not in json.dumps(schema["$defs"]["Entity"]["properties"]["text"])
    schema = reply_schema(LABELS.labeler_reply, {"labels": list(TYPES)})
    assert enum_of(schema, "LabelVerdict", "labels") == list(TYPES)


def test_the_replies_hold_what_the_tasks_need() -> None:
    assert NER.generator_reply is GeneratorReply[EntityDraft]
    assert NER.labeler_reply is LabelReply[EntityVerdict]
    assert LABELS.labeler_reply is LabelReply[LabelVerdict]
    fields = list(reply_schema(NER.generator_reply, {})["$defs"]["EntityDraft"]["properties"])
    assert fields.index("intended") < fields.index("text"), "entities are planned before the sentence is written"
