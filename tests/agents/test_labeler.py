import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from evokd.agents.labeler import label
from evokd.messages import EntityVerdict, LabelBatch, LabelVerdict
from evokd.tracing.ledger import Ledger
from tests.agents.asks import LABELS, brief
from tests.agents.conftest import Open
from tests.agents.entity_asks import brief_entities, entities
from tests.scripted import message_of

TEXTS = {f"c1-l1-hard-bill-{i:02}": f"letter number {i}" for i in range(12)}


def drafts_of(request: Mapping[str, Any]) -> list[dict[str, str]]:
    kind, message = message_of(request)
    assert kind == "draft_batch"
    return list(message["drafts"])


def verdict(draft: str, *labels: str, confidence: Any = 0.9) -> dict[str, Any]:
    return {"id": draft, "labels": list(labels or ["bug"]), "confidence": confidence}


def answer_all(request: Mapping[str, Any]) -> dict[str, Any]:
    return {"verdicts": [verdict(draft["id"]) for draft in drafts_of(request)]}


async def test_the_labeler_is_blind(door: Open) -> None:
    teacher, script = door([answer_all])
    await label(teacher, brief(), TEXTS, 1, "c1-l1", 5)
    drafts = drafts_of(script.requests[0])
    assert [draft["id"] for draft in drafts] == [f"t{i}" for i in range(1, 13)], "ids tell nothing"
    assert all(set(draft) == {"id", "text"} for draft in drafts)
    assert sorted(draft["text"] for draft in drafts) == sorted(TEXTS.values())
    sent = json.dumps(script.requests[0])
    for told in ("intended", "difficulty", "hard", "easy", "c1-l1", "weakness"):
        assert told not in sent, told


async def test_the_order_is_shuffled_by_the_seed_alone(door: Open) -> None:
    teacher, script = door([answer_all] * 2)
    backwards = dict(reversed(TEXTS.items()))
    await label(teacher, brief(), TEXTS, 1, "c1-l1", 5)
    await label(teacher, brief(), backwards, 1, "c1-l1", 5)
    assert len(script.requests) == 1, "the same request to the last letter: it is answered from the store"
    await label(teacher, brief(), TEXTS, 1, "c1-l1", 6)
    first, second = ([draft["text"] for draft in drafts_of(request)] for request in script.requests)
    assert sorted(first) == sorted(second)
    assert first != second
    assert first != list(TEXTS.values())


async def test_verdicts_come_back_under_the_drafts_own_ids(door: Open, ledger: Ledger) -> None:
    def answer(request: Mapping[str, Any]) -> dict[str, Any]:
        verdicts = [
            verdict(draft["id"], "bill" if draft["text"].endswith(" 3") else "how", "bug", "bug", confidence=0.7)
            for draft in drafts_of(request)
        ]
        return {"verdicts": verdicts[::-1]}

    teacher, _ = door([answer])
    done = await label(teacher, brief(), TEXTS, 1, "c1-l1", 5)
    assert set(done.labels) == set(TEXTS)
    for draft, found in done.labels.items():
        assert found.candidates == (("bill" if draft.endswith("03") else "how"), "bug"), "each label once, best first"
        assert found.confidence == 0.7
    assert isinstance(done.batch, LabelBatch)
    assert {given.id for given in done.batch.verdicts} == set(TEXTS)
    assert isinstance(done.batch.verdicts[0], LabelVerdict)
    assert done.faults == ()
    assert done.call_id == ledger.calls()[0].id


THREE = {"a": "first", "b": "second", "c": "third"}


@pytest.mark.parametrize(
    ("damage", "fault", "left"),
    [
        pytest.param(lambda v: v[:2], "no verdict for t3", 2, id="missing"),
        pytest.param(lambda v: [*v, verdict("t9")], "no draft has the id 't9'", 3, id="invented"),
        pytest.param(lambda v: [*v, verdict("a")], "no draft has the id 'a'", 3, id="own-id-guessed"),
        pytest.param(lambda v: [*v, verdict("t1", "how")], "more than one verdict for t1", 3, id="repeated"),
        pytest.param(lambda v: [verdict("t1", "bugs"), *v[1:]], "t1: unknown label 'bugs'", 2, id="unknown-label"),
        pytest.param(lambda v: [verdict("t1", "bug", "x"), *v[1:]], "t1: unknown label 'x'", 2, id="second-unknown"),
        pytest.param(lambda v: [{**v[0], "labels": []}, *v[1:]], "t1: no label given", 2, id="no-label"),
        pytest.param(lambda v: [{**v[0], "confidence": 1.1}, *v[1:]], "confidence 1.1 is not between", 2, id="above"),
        pytest.param(lambda v: [{**v[0], "confidence": -0.1}, *v[1:]], "confidence -0.1 is not", 2, id="below"),
        pytest.param(lambda v: [{**v[0], "confidence": float("nan")}, *v[1:]], "confidence nan is not", 2, id="nan"),
        pytest.param(lambda v: [{**v[0], "confidence": float("inf")}, *v[1:]], "confidence inf is not", 2, id="inf"),
        pytest.param(lambda v: [{**v[0], "confidence": "sure"}, *v[1:]], "verdicts.0.confidence", 2, id="word"),
        pytest.param(lambda v: [], "no verdict for t1, t2, t3", 0, id="empty"),
    ],
)
async def test_a_faulty_batch_is_asked_again_then_left_out(
    door: Open, ledger: Ledger, damage: Callable[[list[Any]], list[Any]], fault: str, left: int
) -> None:
    verdicts = [verdict(f"t{i}") for i in (1, 2, 3)]
    teacher, script = door([{"verdicts": damage(list(verdicts))}] * 3)
    done = await label(teacher, brief(), THREE, 1, "c1-l1", 5)
    assert len(done.labels) == left
    assert set(done.labels) <= set(THREE)
    assert all(found.candidates == ("bug",) for found in done.labels.values()), "the first of two verdicts counts"
    assert any(fault in told for told in done.faults)
    assert all(fault in request["messages"][-1]["content"] for request in script.requests[1:])
    assert [call.status for call in ledger.calls()] == ["fault"] * 3
    assert len(done.batch.model_dump()["verdicts"]) == left


async def test_the_schema_closes_the_labels(door: Open) -> None:
    teacher, script = door([{"verdicts": [verdict("t1")]}])
    await label(teacher, brief(), {"a": "text"}, 1, "c1-l1", 5)
    defs = script.requests[0]["response_format"]["json_schema"]["schema"]["$defs"]
    assert defs["LabelVerdict"]["properties"]["labels"]["items"]["enum"] == list(LABELS)


@pytest.mark.parametrize("reply", ["no", {"verdicts": 3}], ids=["prose", "wrong-type"])
async def test_a_labeler_that_never_answers_labels_nothing(door: Open, reply: Any) -> None:
    teacher, _ = door([reply] * 3)
    done = await label(teacher, brief(), THREE, 1, "c1-l1", 5)
    assert done.labels == {}
    assert done.faults


# -------------------------------------------------------------------------------------------------------- entities

NOTES = {"a": "Robin counted robins.", "b": "It rained.", "c": "A robin sat where Robin slept."}
ANSWERS = {
    "Robin counted robins.": entities("Robin/person", "robins/species"),
    "It rained.": [],
    "A robin sat where Robin slept.": entities("robin/species", "Robin/person"),
}


def mark_all(wrong: Mapping[str, Any] | None = None) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """A step that gives every text its entities, those of some texts replaced."""

    def answer(request: Mapping[str, Any]) -> dict[str, Any]:
        verdicts = [
            {"id": draft["id"], "entities": [found.model_dump() for found in ANSWERS[draft["text"]]], "confidence": 0.8}
            for draft in drafts_of(request)
        ]
        texts = [draft["text"] for draft in drafts_of(request)]
        for text, change in (wrong or {}).items():
            verdicts[texts.index(text)].update(change)
        return {"verdicts": verdicts}

    return answer


async def test_entities_come_back_under_the_drafts_own_ids(door: Open) -> None:
    teacher, script = door([mark_all()])
    done = await label(teacher, brief_entities(), NOTES, 1, "c1-l1", 5)
    assert {draft: found.candidates for draft, found in done.labels.items()} == {
        draft: (ANSWERS[text],) for draft, text in NOTES.items()
    }
    assert {found.confidence for found in done.labels.values()} == {0.8}
    assert isinstance(done.batch, LabelBatch)
    assert {given.id for given in done.batch.verdicts} == set(NOTES)
    assert all(isinstance(given, EntityVerdict) for given in done.batch.verdicts)
    defs = script.requests[0]["response_format"]["json_schema"]["schema"]["$defs"]
    assert defs["Entity"]["properties"]["label"]["enum"] == ["person", "species", "site", "O"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"entities": [{"text": "Ash", "label": "person"}]}, "entity 'Ash' does not occur in the text"),
        ({"entities": [{"text": "Robin", "label": "bird"}]}, "entity 'Robin': unknown label 'bird'"),
        ({"entities": [{"text": "", "label": "person"}]}, "an entity of type 'person' has no text"),
        ({"confidence": 1.5}, "confidence 1.5 is not between 0 and 1"),
    ],
    ids=["absent", "unknown-type", "no-text", "confidence"],
)
async def test_a_faulty_list_is_asked_again_then_dropped(door: Open, change: dict[str, Any], fault: str) -> None:
    wrong = {"Robin counted robins.": change}
    teacher, script = door([mark_all(wrong), mark_all(wrong), mark_all()])
    done = await label(teacher, brief_entities(), NOTES, 1, "c1-l1", 5)
    assert (set(done.labels), done.faults) == (set(NOTES), ())
    assert all(fault in request["messages"][-1]["content"] for request in script.requests[1:])
    teacher, _ = door([mark_all(wrong)] * 3)
    done = await label(teacher, brief_entities(), NOTES, 1, "c1-l2", 6)
    assert set(done.labels) == {"b", "c"}
    assert len(done.faults) == 1
    assert fault in done.faults[0]
