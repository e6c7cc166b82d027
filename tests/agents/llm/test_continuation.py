"""Replies that were cut off: whole items are kept, and only the rest is asked for."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from evokd.agents.generator import write
from evokd.agents.labeler import label
from evokd.agents.llm.budget import BudgetLimit
from evokd.agents.llm.client import Teacher
from evokd.agents.llm.parse import parse_reply
from evokd.agents.output_schemas import output_schema
from evokd.agents.remainder_plan import plan_remainder
from evokd.messages import Draft, GeneratorReply, LessonPlan, Quota
from evokd.tracing.ledger import Ledger
from tests.agents.asks import ANALYST, brief, make_ask, make_packet, make_plan, make_settings, make_weakness
from tests.agents.conftest import Open
from tests.conftest import MakeScript
from tests.scripted import Say, message_of

TEXTS = {f"d{number:02d}": f"letter number {number}" for number in range(12)}
Step = Callable[[Mapping[str, Any]], Say]


def at_most(items: int, spoil: str = "") -> Step:
    """A server whose limit lets so many items through, and half of the next one."""

    def answer(request: Mapping[str, Any]) -> Say:
        kind, message = message_of(request)
        if kind == "draft_batch":
            key = "verdicts"
            whole = [{"id": draft["id"], "labels": ["bug"], "confidence": 0.9} for draft in message["drafts"]]
        else:
            key = "drafts"
            names = [
                f"{quota['label']} {level}"
                for quota in message["quotas"]
                for level in ("hard", "easy")
                for _ in range(quota[level])
            ]
            whole = [
                {
                    "text": f"{name} {number} {len(message.get('avoid', []))}",
                    "difficulty": name.split()[1],
                    "intended": name.split()[0],
                }
                for number, name in enumerate(names)
            ]
        text = json.dumps({key: whole[:items]})
        if len(whole) <= items:
            return Say(text)
        return Say(f"{text[:-2]}, {json.dumps(whole[items])[:20]}", finish="length")

    return answer


def sizes(script: Any) -> list[int]:
    found = []
    for request in script.requests:
        kind, message = message_of(request)
        quotas = message.get("quotas", [])
        found.append(len(message["drafts"]) if kind == "draft_batch" else sum(q["hard"] + q["easy"] for q in quotas))
    return found


@pytest.mark.parametrize(
    ("fits", "asked"),
    [(12, [12]), (11, [12, 1]), (7, [12, 5]), (5, [12, 5, 2]), (3, [12, 3, 3, 3]), (1, [12, *[1] * 11])],
)
async def test_only_missing_verdicts_are_asked_for_in_batches_that_fit(
    door: Open, ledger: Ledger, fits: int, asked: list[int]
) -> None:
    teacher, script = door([at_most(fits)] * len(asked))
    done = await label(teacher, brief(), TEXTS, 1, "c1-l1", 5)
    assert set(done.labels) == set(TEXTS)
    assert done.faults == ()
    assert sizes(script) == asked
    ids = {found.call_id for found in done.labels.values()}
    assert ids == {call.id for call in ledger.calls()}, "lineage leads to the call that a verdict came with"
    assert all(len(request["messages"]) == 2 for request in script.requests), "what was cut off is not quoted"
    again, unasked = door([])
    assert (await label(again, brief(), TEXTS, 1, "c1-l1", 5)).labels == done.labels, "a resumed run asks nothing"
    assert unasked.requests == []


@pytest.mark.parametrize(("fits", "asked"), [(20, [20]), (10, [20, 10]), (6, [20, 6, 6])])
async def test_only_missing_drafts_are_asked_for(door: Open, ledger: Ledger, fits: int, asked: list[int]) -> None:
    plan = make_plan().model_copy(
        update={"quotas": [Quota(label="bug", hard=8, easy=2), Quota(label="how", hard=0, easy=10)]}
    )
    teacher, script = door([at_most(fits)] * len(asked))
    written = await write(teacher, brief(), plan, 1, "c1-l1", 5)
    assert sizes(script) == asked
    assert len(written.drafts) >= 18
    assert {draft.call_id for draft in written.drafts} == {call.id for call in ledger.calls()}
    assert len({draft.text for draft in written.drafts}) == len(written.drafts)
    if fits < 20:
        assert all(message_of(request)[1].get("avoid") for request in script.requests[1:]), "what is there is shown"


async def test_a_server_that_cuts_any_reply_is_left_after_a_few_requests(door: Open) -> None:
    def sixty(request: Mapping[str, Any]) -> Say:
        text = at_most(99)(request).content
        return Say(text[: len(text) * 6 // 10], finish="length")

    teacher, script = door([sixty] * 3)
    done = await label(teacher, brief(), TEXTS, 1, "c1-l1", 5)
    assert sizes(script) == [12, 5, 3]
    assert len(done.labels) == 10
    assert done.faults == ("no verdict for t11, t12",)


@pytest.mark.parametrize("max_reprompts", [0, 1, 2])
async def test_where_not_one_item_comes_it_is_left_after_the_reasks(door: Open, max_reprompts: int) -> None:
    teacher, script = door([at_most(0)] * (max_reprompts + 1), max_reprompts=max_reprompts)
    done = await label(teacher, brief(), TEXTS, 1, "c1-l1", 5)
    assert done.labels == {}
    assert sizes(script) == [12, 6, 3][: max_reprompts + 1]
    assert "cut off by the token limit" in done.faults[0]


async def test_a_budget_that_ends_meanwhile_keeps_what_is_there(ledger: Ledger, scripted: MakeScript) -> None:
    teacher = Teacher(make_settings(), ledger, transport=scripted([at_most(5)]), run=BudgetLimit(tokens=100))
    done = await label(teacher, brief(), TEXTS, 1, "c1-l1", 5)
    await teacher.close()
    assert len(done.labels) == 5


async def test_a_refusal_of_the_rest_keeps_what_is_there(door: Open) -> None:
    teacher, _ = door([at_most(5), (400, "no")])
    done = await label(teacher, brief(), TEXTS, 1, "c1-l1", 5)
    assert len(done.labels) == 5


async def test_weaknesses_that_came_whole_are_enough(door: Open) -> None:
    text = json.dumps({"weaknesses": [make_weakness(), make_weakness(name="v")]})
    teacher, script = door([Say(text[:-30], finish="length")])
    ask = replace(make_ask(message=make_packet(), **ANALYST), count=lambda reply: len(reply.weaknesses))
    answer = await teacher.ask(ask)
    assert [weakness.name for weakness in answer.reply.weaknesses] == ["w"]
    assert len(script.requests) == 1


@pytest.mark.parametrize("end", ['"intended": "bu', '"intended": "bug', '"intended": "bug"', ""])
def test_the_last_item_of_a_cut_reply_is_not_guessed(end: str) -> None:
    whole = '{"drafts": [{"text": "a", "difficulty": "hard", "intended": "bug"}, {"text": "b", "difficulty": "easy", '
    parsed = parse_reply(whole + end, GeneratorReply[Draft], cut_off=True)
    assert parsed.reply is None
    assert parsed.rest is not None
    assert [draft.text for draft in parsed.rest.drafts] == ["a"]


# ------------------------------------------------------------------------------------------------------ the rest plan

FORM = output_schema("classification")


def big_plan() -> LessonPlan:
    quotas = [Quota(label="bug", hard=2, easy=1), Quota(label="how", hard=0, easy=2)]
    changes = {
        "quotas": quotas,
        "variety": list("abcde"),
        "profile": {"length": {"short": 4, "long": 1}},
        "avoid": ["x"],
    }
    return make_plan().model_copy(update=changes)


def test_the_rest_has_the_quotas_and_attributes_that_no_draft_has_taken() -> None:
    rest = plan_remainder(
        big_plan(), [("hard", "bug", "one two three four five six seven"), ("easy", "how", "t")], FORM, 9
    )
    assert rest is not None
    assert rest.quotas == [Quota(label="bug", hard=1, easy=1), Quota(label="how", hard=0, easy=1)]
    assert rest.variety == ["b", "c", "e"]
    assert rest.profile == {"length": {"short": 2, "long": 1}}
    assert rest.avoid == ["x", "one two three four five six", "t"]


def test_the_rest_is_no_more_than_fits() -> None:
    rest = plan_remainder(big_plan(), [("hard", "bug", "a")], FORM, 2)
    assert rest is not None
    assert rest.quotas == [Quota(label="bug", hard=1, easy=1)]


def test_a_draft_of_another_kind_takes_a_place_all_the_same() -> None:
    rest = plan_remainder(big_plan(), [("hard", "how", "a"), ("easy", "bill", "b")], FORM, 9)
    assert rest is not None
    assert sum(quota.hard + quota.easy for quota in rest.quotas) == 3


def test_where_enough_is_there_nothing_is_left() -> None:
    drafts = [("hard", "bug", "a")] * 5
    assert plan_remainder(big_plan(), drafts, FORM, 9) is None
