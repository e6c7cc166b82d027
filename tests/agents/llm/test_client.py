import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from evokd.agents.llm.client import MAX_QUOTED, CallStore, Teacher, call_key
from evokd.messages import CallRecord, Draft, GeneratorReply, fence, reply_schema
from evokd.tracing.ledger import LEAST_ROOM, Ledger, LedgerError
from tests.agents.asks import LABELS, URL, make_ask, make_drafts, make_plan, make_settings
from tests.agents.conftest import Open
from tests.conftest import MakeScript
from tests.scripted import message_of

GOOD = make_drafts("the app crashes")


def refuse_bad(reply: Any) -> list[str]:
    return [f"text {draft.text!r} is <bad>" for draft in reply.drafts if draft.text.startswith("bad")]


def texts_of(reply: Any) -> list[str]:
    return [draft.text for draft in reply.drafts]


# ------------------------------------------------------------------------------------------------------ asking again


async def test_the_first_request_is_the_prompt_and_the_message(door: Open) -> None:
    teacher, script = door([GOOD], temperature=0.5, max_tokens=900)
    await teacher.ask(make_ask(seed=7))
    request = script.requests[0]
    system, user = request["messages"]
    assert system == {"role": "system", "content": "You are the Generator."}
    assert user["role"] == "user"
    assert user["content"].endswith(fence(make_plan()))
    assert message_of(request)[0] == "lesson_plan"
    sampling = {key: request[key] for key in ("model", "seed", "temperature", "max_tokens")}
    assert sampling == {"model": "m-1", "seed": 7, "temperature": 0.5, "max_tokens": 900}


async def test_a_reask_quotes_the_reply_and_the_fault_and_ends_with_one_block(door: Open, ledger: Ledger) -> None:
    bad = make_drafts("bad </message> one")
    teacher, script = door([bad, '{"drafts": 3}', GOOD])
    answer = await teacher.ask(make_ask(refuse_bad))
    assert answer.reply == GeneratorReply[Draft].model_validate(GOOD)
    first, second, third = (request["messages"] for request in script.requests)
    assert second[:2] == third[:2] == first
    assert [turn["role"] for turn in second[2:]] == ["assistant", "user"]
    assert second[2]["content"] == json.dumps(bad)
    assert "text 'bad (/message) one' is (bad)" in second[3]["content"]
    assert third[2]["content"] == '{"drafts": 3}'
    assert "drafts: Input should be a valid list" in third[3]["content"]
    for request in script.requests:
        assert message_of(request) == message_of(script.requests[0])
    assert [call.status for call in ledger.calls()] == ["fault", "fault", "ok"]
    assert [call.attempt for call in ledger.calls()] == [1, 2, 3]
    assert [request["seed"] for request in script.requests] == [7, 8, 9]


async def test_a_long_reply_and_many_faults_are_shortened_in_the_reask(door: Open) -> None:
    teacher, script = door(["x" * 3 * MAX_QUOTED, make_drafts(*["bad" * 400] * 40), GOOD])
    await teacher.ask(make_ask(refuse_bad))
    assert len(script.requests[1]["messages"][2]["content"]) == MAX_QUOTED
    assert script.requests[2]["messages"][3]["content"].count("\n- ") == 12
    assert len(script.requests[2]["messages"][3]["content"]) < 12 * 510 + 2_000


@pytest.mark.parametrize("max_reprompts", [0, 1, 3])
async def test_it_stops_asking_and_hands_over_what_is_usable(door: Open, ledger: Ledger, max_reprompts: int) -> None:
    replies = [json.dumps(make_drafts(f"bad {i}")) for i in range(max_reprompts + 1)]
    teacher, script = door(replies, max_reprompts=max_reprompts)
    answer = await teacher.ask(make_ask(refuse_bad))
    assert len(script.requests) == max_reprompts + 1
    assert answer.faults == (f"text 'bad {max_reprompts}' is <bad>",)
    assert texts_of(answer.reply) == [f"bad {max_reprompts}"]
    assert answer.call_id == ledger.calls()[-1].id


async def test_the_sound_items_of_a_faulty_reply_are_kept(door: Open) -> None:
    items = [*make_drafts("sound")["drafts"], {"text": "no more"}]
    teacher, _ = door([{"drafts": items}], max_reprompts=0)
    answer = await teacher.ask(make_ask())
    assert texts_of(answer.reply) == ["sound"]
    assert "drafts.1.difficulty: Field required" in answer.faults[0]


@pytest.mark.parametrize("second", ["I give up.", '{"drafts": [{"text": "cut', (400, "too long")])
async def test_a_worse_second_reply_does_not_cost_the_first(door: Open, ledger: Ledger, second: Any) -> None:
    items = [*make_drafts("sound")["drafts"], {"text": "no more"}]
    teacher, _ = door([{"drafts": items}, second], max_reprompts=1)
    answer = await teacher.ask(make_ask())
    assert texts_of(answer.reply) == ["sound"]
    assert answer.faults
    assert answer.call_id == ledger.calls()[0].id, "lineage leads to the call that the texts came from"


async def test_of_faulty_replies_the_one_with_most_usable_items_counts(door: Open, ledger: Ledger) -> None:
    replies = [make_drafts("good", "fine", "bad 1"), make_drafts("bad 2"), make_drafts("good", "bad 3", "bad 4")]
    teacher, _ = door(replies)
    answer = await teacher.ask(make_ask(refuse_bad))
    assert texts_of(answer.reply) == ["good", "fine", "bad 1"]
    assert answer.faults == ("text 'bad 1' is <bad>",)
    assert answer.call_id == ledger.calls()[0].id


async def test_nothing_readable_gives_no_reply(door: Open, ledger: Ledger) -> None:
    teacher, _ = door(["no", "no", "never"])
    answer = await teacher.ask(make_ask())
    assert answer.reply is None
    assert answer.faults == ("the reply is not a JSON object",)
    assert [call.raw for call in ledger.calls()] == ["no", "no", "never"]


async def test_a_request_refused_later_on_is_a_fault_and_leads_to_its_record(door: Open, ledger: Ledger) -> None:
    teacher, script = door([GOOD, (400, "context length exceeded")])
    await teacher.ask(make_ask(seed=1))
    answer = await teacher.ask(make_ask(seed=2))
    assert answer.reply is None
    assert answer.faults[0].endswith(": HTTP 400: context length exceeded")
    assert answer.faults[0].startswith("the prompt is too long for the model")
    assert answer.call_id == ledger.calls()[-1].id
    assert ledger.calls()[-1].status == "error"
    assert len(script.requests) == 2


# --------------------------------------------------------------------------------------------------------- the store


async def test_no_call_goes_out_whose_reply_would_find_no_room(
    door: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher, script = door([])
    monkeypatch.setattr("evokd.tracing.ledger.shutil.disk_usage", lambda _: SimpleNamespace(free=LEAST_ROOM - 1))
    with pytest.raises(LedgerError, match=r"ledger\.db: no room for replies"):
        await teacher.ask(make_ask())
    assert not script.requests
    assert not ledger.calls()


class Watching(CallStore):
    """A store that notes when it is written to."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []

    def find_call(self, key: str) -> CallRecord | None:
        return None

    async def keep_call(self, record: CallRecord) -> None:
        self.records.append(record)

    def count_calls(self, role: str, span: str) -> int:
        return len(self.records)

    def spent(self, cycle: int | None) -> tuple[int, float]:
        return 0, 0.0

    def find_ability(self, endpoint: str, model: str) -> str | None:
        return None

    def remember_ability(self, endpoint: str, model: str, ability: str) -> None:
        return None


async def test_a_reply_is_stored_before_it_is_used_and_before_the_next_call(scripted: MakeScript) -> None:
    store = Watching()
    stored_at_call: list[int] = []

    def answer(_: Any) -> Any:
        stored_at_call.append(len(store.records))
        return "no" if len(stored_at_call) == 1 else GOOD

    teacher = Teacher(make_settings(), store, transport=scripted([answer, answer]))
    answered = await teacher.ask(make_ask())
    await teacher.close()
    assert stored_at_call == [0, 1]
    assert [record.status for record in store.records] == ["fault", "ok"]
    assert answered.call_id == store.records[-1].id


async def test_a_store_that_fails_stops_the_reply_from_being_used(scripted: MakeScript) -> None:
    class Full(Watching):
        async def keep_call(self, record: CallRecord) -> None:
            raise OSError("disk full")

    teacher = Teacher(make_settings(), Full(), transport=scripted([GOOD]))
    with pytest.raises(OSError, match="disk full"):
        await teacher.ask(make_ask())
    await teacher.close()


async def test_the_same_request_is_paid_once(door: Open, ledger: Ledger) -> None:
    first, _ = door(["no", GOOD])
    answer = await first.ask(make_ask())
    second, script = door([])
    assert await second.ask(make_ask()) == answer
    assert script.requests == []
    assert len(ledger.calls()) == 2


async def test_spent_faults_are_asked_anew(door: Open, ledger: Ledger) -> None:
    first, _ = door(["no", "no", "no"])
    assert (await first.ask(make_ask())).reply is None
    assert ledger.spend_faults(1) == 3
    second, script = door([GOOD])
    assert (await second.ask(make_ask())).faults == ()
    assert len(script.requests) == 1
    assert [call.status for call in ledger.calls()] == ["spent", "spent", "spent", "ok"]
    assert len({call.id for call in ledger.calls()}) == 4


async def test_failed_calls_are_not_taken_for_replies(door: Open, ledger: Ledger) -> None:
    ledger.remember_ability(URL, "m-1", "plain")
    teacher, script = door([(400, "no"), GOOD])
    await teacher.ask(make_ask())
    assert (await teacher.ask(make_ask())).faults == ()
    assert len(script.requests) == 2


BASE: dict[str, Any] = {
    "base_url": URL,
    "model": "m-1",
    "turns": [("system", "s"), ("user", "u")],
    "schema": {"a": 1, "b": {"c": 2, "d": 3}},
    "parameters": {"seed": 1, "temperature": None},
}


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "http://other/v1"},
        {"model": "m-2"},
        {"turns": [("system", "s"), ("user", "v")]},
        {"turns": [("user", "s"), ("system", "u")]},
        {"turns": [("system", "su"), ("user", "")]},
        {"schema": {"a": 1}},
        {"parameters": {"seed": 2, "temperature": None}},
        {"parameters": {"seed": 1, "temperature": 0.0}},
    ],
    ids=lambda change: "-".join(change),
)
def test_the_key_of_a_call_depends_on_every_part(change: dict[str, Any]) -> None:
    assert call_key(**{**BASE, **change}) != call_key(**BASE)


def test_the_key_of_a_call_does_not_depend_on_the_order_of_keys() -> None:
    turned = {"b": {"d": 3, "c": 2}, "a": 1}
    parameters = {"temperature": None, "seed": 1}
    assert call_key(**{**BASE, "schema": turned, "parameters": parameters}) == call_key(**BASE)
    assert re.fullmatch(r"[0-9a-f]{64}", call_key(**BASE))


async def test_the_record_of_a_call_is_complete(door: Open, ledger: Ledger) -> None:
    teacher, script = door([f"Sure: {json.dumps(GOOD)}"])
    await teacher.ask(make_ask(cycle=3, span="c3-l2", seed=5))
    call = ledger.calls()[0]
    assert (call.id, call.cycle, call.role, call.span, call.attempt) == (
        "c3-l2-generator-1",
        3,
        "generator",
        "c3-l2",
        1,
    )
    assert (call.endpoint, call.model, call.ability, call.prompts) == (URL, "m-1", "json_schema", "hash")
    assert (call.status, call.flags, call.faults) == ("ok", ["prose"], [])
    assert call.raw == f"Sure: {json.dumps(GOOD)}"
    turns = [[turn["role"], turn["content"]] for turn in script.requests[0]["messages"]]
    parameters = {"seed": 5, "temperature": None, "max_tokens": None}
    assert call.request == {"turns": turns, "parameters": parameters}
    schema = reply_schema(GeneratorReply[Draft], {"labels": list(LABELS)}, frozenset({"pair"}))
    assert call.key == call_key(URL, "m-1", [(role, text) for role, text in turns], schema, parameters)
