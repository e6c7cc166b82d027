"""Calls of every role to a real model. Its words are weak; what is tested is the way there and back."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from evokd.agents import analyst, domain_expert, generator, labeler
from evokd.agents.llm.client import Teacher
from evokd.messages import CallRecord, Example, LabelEvidence
from evokd.tracing.ledger import Ledger
from tests.agents.asks import LABELS, brief, make_packet, make_plan
from tests.agents.entity_asks import brief_entities
from tests.real_server.conftest import Open
from tests.real_server.server import CONTEXT, MODEL, RealServer

TEXTS = {"d1": "the app closes when I open a photo", "d2": "you took the money twice", "d3": "where do I sign in"}
EXAMPLES = [Example(text="it crashes", gold="bug"), Example(text="charged twice", gold="bill")]


async def ask_analyst(teacher: Teacher) -> object:
    return await analyst.analyze(teacher, brief(2), make_packet("wcr"), "c1", 1)


async def ask_generator(teacher: Teacher) -> object:
    return await generator.write(teacher, brief(), make_plan(), 1, "c1-l1", 1)


async def ask_labeler(teacher: Teacher) -> object:
    return await labeler.label(teacher, brief(), TEXTS, 1, "c1-l1", 1)


async def ask_for_entities(teacher: Teacher) -> object:
    return await labeler.label(teacher, brief_entities(), {"d1": "Ann flew to Rome in May"}, 1, "c1-l1", 1)


async def ask_for_profile(teacher: Teacher) -> object:
    return await domain_expert.write_profile(teacher, brief(), list(TEXTS.values()), 1, "c1", 1)


async def ask_for_guide(teacher: Teacher) -> object:
    evidence = LabelEvidence(labels=LABELS, rows=EXAMPLES)
    return await domain_expert.write_guide(teacher, brief(), evidence, 1, "c1", 1)


ASKS: dict[str, Callable[[Teacher], Awaitable[object]]] = {
    "weaknesses": ask_analyst,
    "drafts": ask_generator,
    "verdicts": ask_labeler,
    "axes": ask_for_profile,
    "guides": ask_for_guide,
}
"""Key of the reply -> who asks for it."""


def check_counted(call: CallRecord) -> None:
    """The tokens are the server's, and near what the texts can make."""
    assert not call.estimated
    characters = sum(len(text) for _, text in call.request["turns"])
    assert characters / 8 < call.input_tokens < characters, "the model has read the whole prompt"
    assert 0 < call.output_tokens <= 300


@pytest.mark.parametrize("key", ASKS)
async def test_a_role_gets_its_reply_in_the_form_that_it_asked_for(key: str, door: Open, ledger: Ledger) -> None:
    await ASKS[key](door())
    first, last = ledger.calls()
    assert (first.status, first.ability, first.raw[:8]) == ("error", "json_schema", "HTTP 500")
    assert (last.status in ("ok", "fault"), last.ability) == (True, "json_object_schema")
    check_counted(last)
    assert ledger.find_ability(last.endpoint, MODEL) == "json_object_schema"
    if "cut_off" not in last.flags:
        assert list(json.loads(last.raw, strict=False)) == [key], "the grammar keeps to the schema"


async def test_entities_are_asked_for_in_their_form(door: Open, ledger: Ledger) -> None:
    await ask_for_entities(door())
    (verdict,) = json.loads(ledger.calls()[-1].raw, strict=False)["verdicts"][:1]
    assert set(verdict) >= {"id", "entities"}


async def test_two_calls_at_once_are_both_answered(door: Open, ledger: Ledger) -> None:
    teacher = door()
    await ask_generator(teacher)
    before = len(ledger.calls())
    await asyncio.gather(ask_labeler(teacher), ask_analyst(teacher))
    calls = ledger.calls()[before:]
    assert sorted(call.role for call in calls) == ["analyst", "labeler"]
    for call in calls:
        check_counted(call)


async def test_a_limit_of_tokens_is_kept_by_the_server_and_seen(door: Open, ledger: Ledger) -> None:
    await ask_generator(door(max_tokens=12))
    call = next(call for call in ledger.calls() if call.status != "error")
    assert call.output_tokens <= 13
    assert "cut_off" in call.flags


def test_the_server_ignores_the_newer_name_of_the_limit(server: RealServer) -> None:
    """Why `max_tokens` is sent first: the other name is no error here, and no limit."""
    turns = [{"role": "user", "content": "Count from one to a hundred in words."}]
    status, body = server.post({"messages": turns, "max_completion_tokens": 5, "temperature": 0, "stop": ["ten"]})
    assert status == 200
    assert body["usage"]["completion_tokens"] > 5
    _, body = server.post({"messages": turns, "max_tokens": 5, "temperature": 0})
    assert body["usage"]["completion_tokens"] == 5


async def test_a_prompt_that_is_longer_than_the_context_is_left_out_with_the_reason(door: Open, ledger: Ledger) -> None:
    teacher = door()
    long = {"d1": "the app closes " * 4_000}
    assert (await labeler.label(teacher, brief(), long, 1, "c1-l1", 1)).labels == {}
    call = ledger.calls()[-1]
    assert call.faults[0].startswith("the prompt is too long for the model and left out (shorter ones: ")
    assert f"maximum context length is {CONTEXT} tokens" in call.faults[0]
    await ask_generator(teacher)
    assert ledger.calls()[-1].ability == "json_object_schema", "the next call finds out what the server supports"
