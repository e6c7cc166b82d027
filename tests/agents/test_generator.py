from typing import Any

import pytest

from evokd.agents.generator import write
from evokd.messages import LessonMode
from evokd.tracing.ledger import Ledger
from tests.agents.asks import brief, make_drafts, make_plan
from tests.agents.conftest import Open
from tests.agents.entity_asks import brief_entities, draft, entities, example, plan_entities
from tests.scripted import message_of


async def test_a_sound_batch_is_taken_as_it_is(door: Open, ledger: Ledger) -> None:
    teacher, script = door([make_drafts("one", "two")])
    plan = make_plan(hard=1, easy=1)
    writing = await write(teacher, brief(), plan, 1, "c1-l1", 1)
    assert [(draft.text, draft.difficulty, draft.intended) for draft in writing.drafts] == [
        ("one", "hard", "bug"),
        ("two", "hard", "bug"),
    ]
    assert writing.faults == ()
    assert writing.call_id == ledger.calls()[0].id
    kind, sent = message_of(script.requests[0])
    assert kind == "lesson_plan"
    assert sent["quotas"] == [{"label": "bug", "hard": 1, "easy": 1}]


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        ({"drafts": []}, "no drafts given, 4 are wanted"),
        (make_drafts("one"), "1 usable drafts given, 4 are wanted"),
        (make_drafts("a", "b", "c", "d", intended="bugg"), "4 draft(s): unknown label 'bugg' (did you mean 'bug'?)"),
        (make_drafts("a", "b", "c", "d", intended="zzz"), "4 draft(s): unknown label 'zzz' (one of: bill, bug, how)"),
        (make_drafts("a", "b", "c", " \n"), "1 draft(s): empty text"),
    ],
    ids=["empty", "too-few", "near-label", "far-label", "empty-text"],
)
async def test_a_faulty_batch_is_asked_again(door: Open, ledger: Ledger, reply: dict[str, Any], fault: str) -> None:
    teacher, script = door([reply, make_drafts("a", "b", "c", "d")])
    writing = await write(teacher, brief(), make_plan(hard=2, easy=2), 1, "c1-l1", 1)
    assert len(writing.drafts) == 4
    assert fault in ledger.calls()[0].faults
    assert fault in script.requests[1]["messages"][-1]["content"]


async def test_half_of_the_quota_is_enough(door: Open) -> None:
    teacher, _ = door([make_drafts("a", "b")])
    writing = await write(teacher, brief(), make_plan(hard=2, easy=2), 1, "c1-l1", 1)
    assert (len(writing.drafts), writing.faults) == (2, ())


async def test_more_than_the_quota_is_cut(door: Open) -> None:
    teacher, _ = door([make_drafts("a", "b", "c", "d")])
    writing = await write(teacher, brief(), make_plan(hard=1, easy=1), 1, "c1-l1", 1)
    assert [draft.text for draft in writing.drafts] == ["a", "b"]


async def test_what_stays_faulty_is_left_out_and_told(door: Open) -> None:
    mixed = {"drafts": make_drafts("", "good")["drafts"] + make_drafts("odd", intended="x")["drafts"]}
    teacher, _ = door([mixed] * 3)
    writing = await write(teacher, brief(), make_plan(), 1, "c1-l1", 1)
    assert [draft.text for draft in writing.drafts] == ["good"]
    assert len(writing.faults) == 2


async def test_a_generator_that_never_answers_yields_no_drafts(door: Open) -> None:
    teacher, _ = door(["no", {"drafts": []}, "no"])
    writing = await write(teacher, brief(), make_plan(), 1, "c1-l1", 1)
    assert writing.drafts == ()
    assert writing.faults


# -------------------------------------------------------------------------------------------------------- entities

KIM = draft("Kim saw a wren.", "Kim/person", "wren/species")
ASH = draft("Ash saw an otter.", "Ash/person", "otter/species", difficulty="easy")
LOST = draft("Ash saw an otter.", "Ashley/person")


async def test_drafts_with_entities_are_taken_as_they_are(door: Open) -> None:
    teacher, script = door([{"drafts": [KIM, ASH]}])
    writing = await write(teacher, brief_entities(), plan_entities(), 1, "c1-l1", 1)
    assert [(done.text, done.difficulty, done.intended) for done in writing.drafts] == [
        ("Kim saw a wren.", "hard", entities("Kim/person", "wren/species")),
        ("Ash saw an otter.", "easy", entities("Ash/person", "otter/species")),
    ]
    assert writing.faults == ()
    defs = script.requests[0]["response_format"]["json_schema"]["schema"]["$defs"]
    assert defs["Entity"]["properties"]["label"]["enum"] == ["person", "species", "site", "O"]


async def test_an_entity_that_does_not_occur_is_asked_again(door: Open) -> None:
    teacher, script = door([{"drafts": [KIM, LOST]}, {"drafts": [KIM, ASH]}])
    writing = await write(teacher, brief_entities(), plan_entities(), 1, "c1-l1", 1)
    assert [done.text for done in writing.drafts] == ["Kim saw a wren.", "Ash saw an otter."]
    assert "1 draft(s): entity 'Ashley' does not occur in the text" in script.requests[1]["messages"][-1]["content"]


async def test_an_entity_that_never_occurs_is_dropped_with_its_draft(door: Open) -> None:
    teacher, _ = door([{"drafts": [KIM, LOST]}] * 3)
    writing = await write(teacher, brief_entities(), plan_entities(), 1, "c1-l1", 1)
    assert [done.text for done in writing.drafts] == ["Kim saw a wren."]
    assert len(writing.faults) == 1
    assert "'Ashley' does not occur" in writing.faults[0]


async def test_a_quota_left_out_altogether_is_asked_again_then_let_be(door: Open, ledger: Ledger) -> None:
    plan = plan_entities(quotas={"person": (1, 1), "site": (1, 0)})
    moss = draft("Low Moss was dry.", "Low Moss/site")
    fault = "no sound draft for site; write those that the quotas ask for"
    teacher, script = door([{"drafts": [KIM, ASH]}, {"drafts": [KIM, moss]}])
    writing = await write(teacher, brief_entities(), plan, 1, "c1-l1", 1)
    assert ([done.text for done in writing.drafts], writing.faults) == (["Kim saw a wren.", "Low Moss was dry."], ())
    assert ledger.calls()[0].faults == [fault]
    assert fault in script.requests[1]["messages"][-1]["content"]
    teacher, _ = door([{"drafts": [KIM, ASH]}] * 3)
    writing = await write(teacher, brief_entities(), plan, 1, "c1-l2", 2)
    assert (len(writing.drafts), writing.faults) == (2, (fault,))


WREN = example("Kim saw a wren.", "Kim/person", "wren/species")
SWAPPED = draft("Ash saw a wren.", "Ash/person", "wren/species")
FREE = draft("Otters fed near Ash.", "Otters/species", "Ash/person")


async def test_drafts_that_stray_from_the_mode_are_dropped_without_asking_again_while_half_are_left(door: Open) -> None:
    teacher, _ = door([{"drafts": [FREE, SWAPPED]}])
    plan = plan_entities(WREN, mode="swap_entities")
    writing = await write(teacher, brief_entities(), plan, 1, "c1-l1", 1)
    assert ([done.text for done in writing.drafts], writing.faults) == (["Ash saw a wren."], ())


@pytest.mark.parametrize(
    ("mode", "fault"),
    [
        ("swap_entities", "mode swap_entities: the words around the entities are not those of an example"),
        ("rewrite_context", "mode rewrite_context: the entities are not those of one example"),
        ("misspell", "mode misspell: the entities are not those of one example in its order"),
    ],
)
async def test_a_batch_that_strays_from_the_mode_is_asked_again_then_dropped(
    door: Open, mode: LessonMode, fault: str
) -> None:
    teacher, script = door([{"drafts": [FREE, FREE]}] * 3)
    writing = await write(teacher, brief_entities(), plan_entities(WREN, mode=mode), 1, "c1-l1", 1)
    assert writing.drafts == ()
    assert writing.faults[0].startswith(f"2 draft(s): {fault}")
    assert writing.faults[1:] == ("0 usable drafts given, 2 are wanted",)
    assert all(fault in request["messages"][-1]["content"] for request in script.requests[1:])
