from typing import Any

import pytest

from agents.generator import write
from tests.agents.asks import brief, make_drafts, make_plan
from tests.agents.conftest import Open
from tests.scripted import message_of
from tracing.ledger import Ledger


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
