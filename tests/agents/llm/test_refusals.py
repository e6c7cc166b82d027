"""What a refusal is about, and how a request is written for who refuses parts of it."""

import asyncio
import json
from typing import Any

import pytest

from evokd.agents.llm.attempt import TeacherRefused
from evokd.agents.llm.compatibility import read_quirks
from evokd.agents.llm.output_modes import OUTPUT_MODES
from evokd.agents.llm.refusals import read_refusal
from evokd.tracing.ledger import Ledger
from tests.agents.asks import URL, make_ask, make_drafts
from tests.agents.conftest import Open
from tests.agents.llm.test_attempt import FORMATS
from tests.agents.odd_bodies import body

GOOD = make_drafts("the app crashes")


def error(told: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": told, "type": "invalid_request_error", **fields}}


def extra(*names: str) -> list[dict[str, Any]]:
    told = "Extra inputs are not permitted"
    return [{"type": "extra_forbidden", "loc": ["body", name], "msg": told, "input": 5} for name in names]


AZURE = error(
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    param="prompt",
    code="content_filter",
    innererror={"code": "ResponsibleAIPolicyViolation"},
)
TOO_LONG = error("This model's maximum context length is 2500 tokens. However, you requested 3000 tokens.")
NO_JSON = error("Failed to generate JSON.", code="json_validate_failed", failed_generation='{"seed": 1')
NO_TEMPERATURE = error(
    "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
    param="temperature",
    code="unsupported_value",
)
USE_NEW = error(
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    param="max_tokens",
    code="unsupported_parameter",
)
NO_SYSTEM = {"object": "error", "message": "System role not supported", "type": "BadRequestError", "code": 400}


@pytest.mark.parametrize(
    ("sent", "about", "parts"),
    [
        (AZURE, "prompt", ""),
        (error("Input data may contain inappropriate content.", code="data_inspection_failed"), "prompt", ""),
        (error("Your prompt was flagged by moderation"), "prompt", ""),
        (TOO_LONG, "length", ""),
        (error("prompt is too long: 210000 tokens > 200000 maximum"), "length", ""),
        (error("m", code="context_length_exceeded"), "length", ""),
        ({"error": "the request exceeds the available context size"}, "length", ""),
        (NO_JSON, "reply", ""),
        (error("m", code="tool_use_failed"), "reply", ""),
        (NO_TEMPERATURE, "parts", "temperature"),
        (USE_NEW, "parts", "max_tokens"),
        (
            {"object": "error", "message": {"detail": extra("max_completion_tokens", "seed")}},
            "parts",
            "max_completion_tokens seed",
        ),
        ({"detail": extra("temperature")}, "parts", "temperature"),
        (error("Unrecognized request argument supplied: max_completion_tokens"), "parts", "max_completion_tokens"),
        (error("Unrecognized request arguments supplied: response_format, seed"), "parts", "seed"),
        ("seed: unknown field", "parts", "seed"),
        (NO_SYSTEM, "parts", "system"),
        (error("Conversation roles must alternate user/assistant/user/assistant/..."), "parts", "system"),
        (error("Developer instruction is not enabled for models/gemma-3-27b-it"), "parts", "system"),
        (error("Unsupported value: 'messages[0].role' does not support 'system' with this model."), "parts", "system"),
        ({"error": "'response_format.type' must be 'json_schema' or 'text'"}, "form", ""),
        (error("Invalid parameter", param="response_format"), "form", ""),
        (
            {"detail": [{"loc": ["body", "response_format"], "msg": "bad", "input": {"seed": 1, "content_filter": 2}}]},
            "form",
            "",
        ),
        (
            error("Invalid schema for response_format 'drafts': seed is no property", param="response_format"),
            "form",
            "",
        ),
        (error("max_tokens is too large: 9. At most 5 are supported.", param="max_tokens"), "limit", ""),
        (error("temperature must be between 0 and 1", param="temperature"), None, ""),
        ("no such thing", None, ""),
        ("[" * 50_000, None, ""),
    ],
)
def test_what_a_refusal_is_about(sent: Any, about: str | None, parts: str) -> None:
    found = read_refusal(400, sent if isinstance(sent, str) else json.dumps(sent))
    assert (found.about, sorted(found.parts)) == (about, parts.split())


# ------------------------------------------------------------------------------------------------- about the prompt


@pytest.mark.parametrize("refusal", [AZURE, TOO_LONG], ids=["filtered", "too-long"])
@pytest.mark.parametrize("status", [400, 422, 413, 200])
async def test_a_refused_prompt_on_the_very_first_call_is_left_out_and_says_nothing_of_the_form(
    door: Open, ledger: Ledger, refusal: dict[str, Any], status: int
) -> None:
    coded = {"error": {**refusal["error"], "code": refusal["error"].get("code", 400)}}
    teacher, script = door([body(coded) if status == 200 else (status, refusal), GOOD])
    answer = await teacher.ask(make_ask(seed=1))
    assert answer.reply is None
    assert refusal["error"]["message"] in answer.faults[0]
    assert ledger.find_ability(URL, "m-1") is None
    assert (await teacher.ask(make_ask(seed=2))).faults == ()
    assert [request["response_format"] for request in script.requests] == [FORMATS["json_schema"]] * 2
    assert ledger.find_ability(URL, "m-1") == "json_schema"


async def test_a_filter_that_says_403_leaves_out_its_prompt_alone(door: Open) -> None:
    told = error("Your chosen model requires moderation on OpenAI. Your input was flagged", code=403)
    teacher, script = door([(403, told), make_drafts("the app crashes")])
    assert (await teacher.ask(make_ask())).reply is None
    assert (await teacher.ask(make_ask(seed=2))).reply is not None
    assert len(script.requests) == 2


async def test_too_long_a_prompt_says_which_settings_make_it_shorter(door: Open) -> None:
    teacher, _ = door([(400, TOO_LONG)])
    assert "curriculum.quotas.lesson" in (await teacher.ask(make_ask())).faults[0]


async def test_a_filter_between_two_output_modes_does_not_lead_further_down(door: Open, ledger: Ledger) -> None:
    teacher, _ = door([(400, error("response_format is not supported")), (400, AZURE), (400, error("no schema")), GOOD])
    assert (await teacher.ask(make_ask(seed=1))).reply is None
    assert (await teacher.ask(make_ask(seed=2))).faults == ()
    assert ledger.find_ability(URL, "m-1") == "json_object_schema"


# --------------------------------------------------------------------------------------------------- about the reply


@pytest.mark.parametrize("known", [None, "json_object"])
async def test_a_model_that_failed_at_json_is_asked_again(
    door: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, known: str | None
) -> None:
    monkeypatch.setattr("evokd.agents.llm.retry.FIRST_WAIT", 0.001)
    if known:
        ledger.remember_ability(URL, "m-1", known)
    teacher, _ = door([(400, NO_JSON), GOOD])
    assert (await teacher.ask(make_ask())).faults == ()
    assert ledger.find_ability(URL, "m-1") == (known or "json_schema")


async def test_a_model_that_always_fails_at_json_is_left_after_the_repeats(
    door: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evokd.agents.llm.retry.FIRST_WAIT", 0.001)
    ledger.remember_ability(URL, "m-1", "json_object")
    teacher, script = door([(400, NO_JSON)] * 3, retries=2)
    answer = await teacher.ask(make_ask())
    assert answer.reply is None
    assert "Failed to generate JSON" in answer.faults[0]
    assert len(script.requests) == 3


async def test_a_model_that_fails_at_json_in_every_form_leaves_the_call_and_not_the_run(
    door: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evokd.agents.llm.retry.FIRST_WAIT", 0.001)
    teacher, _ = door([(400, NO_JSON)] * (2 * len(OUTPUT_MODES) + 3), retries=2)
    assert "Failed to generate JSON" in (await teacher.ask(make_ask())).faults[0]


# ------------------------------------------------------------------------------------------------------- about parts

SAMPLING = {"temperature": 0.2, "max_tokens": 900}


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("refusals", "sent", "known"),
    [
        ([NO_TEMPERATURE], {"max_tokens": 900, "seed": 7}, "no_temperature"),
        (
            [{"message": {"detail": extra("max_tokens", "seed")}}],
            {"temperature": 0.2, "max_completion_tokens": 900},
            "max_completion_tokens no_seed",
        ),
        (
            [USE_NEW],
            {"temperature": 0.2, "max_completion_tokens": 900, "seed": 7},
            "max_completion_tokens",
        ),
        (
            [{"detail": extra("max_tokens")}, {"detail": extra("max_completion_tokens")}],
            {"temperature": 0.2, "seed": 7},
            "no_max_tokens",
        ),
    ],
)
async def test_a_part_that_is_refused_is_written_otherwise_and_remembered(
    door: Open, ledger: Ledger, status: int, refusals: list[Any], sent: dict[str, Any], known: str
) -> None:
    teacher, script = door([*((status, refusal) for refusal in refusals), GOOD, GOOD], **SAMPLING)
    assert (await teacher.ask(make_ask(seed=7))).faults == ()
    keys = ("temperature", "max_tokens", "max_completion_tokens", "seed")
    first, last = script.requests[0], script.requests[-1]
    assert {key: last[key] for key in keys if key in last} == sent
    assert {request["response_format"]["type"] for request in script.requests} == {"json_schema"}
    assert ledger.find_ability(URL, "m-1") == f"json_schema {known}".strip()
    later, again = door([GOOD], **SAMPLING)
    await later.ask(make_ask(seed=8, span="c1-l2"))
    assert {key: again.requests[0][key] for key in keys if key in again.requests[0]} == {
        **sent,
        **({"seed": 8} if "seed" in sent else {}),
    }
    await teacher.ask(make_ask(seed=9, span="c1-l3"))
    assert {call.key for call in ledger.calls()[: len(refusals) + 1]} == {ledger.calls()[0].key}, (
        "one key for all forms"
    )
    assert "seed" in first


async def test_a_system_prompt_that_is_refused_goes_into_the_users_turn(door: Open, ledger: Ledger) -> None:
    teacher, script = door([(400, NO_SYSTEM), "no", GOOD])
    assert (await teacher.ask(make_ask())).faults == ()
    first, second, third = (request["messages"] for request in script.requests)
    assert [turn["role"] for turn in second] == ["user"]
    assert second[0]["content"] == f"{first[0]['content']}\n\n{first[1]['content']}"
    assert [turn["role"] for turn in third] == ["user", "assistant", "user"]
    assert ledger.find_ability(URL, "m-1") == "json_schema no_system"
    assert ledger.calls()[1].request["turns"][0][0] == "system", "the record and the key are those of the question"


async def test_a_template_that_knows_no_system_role_fails_with_500_and_is_understood(
    door: Open, ledger: Ledger
) -> None:
    teacher, script = door([(500, error("Jinja Exception: System role not supported")), GOOD])
    assert (await teacher.ask(make_ask())).faults == ()
    assert len(script.requests) == 2


async def test_what_was_learned_is_flagged_once_however_many_calls_were_refused(door: Open, ledger: Ledger) -> None:
    ledger.remember_ability(URL, "m-1", "json_schema")
    both = asyncio.Barrier(2)

    async def refuse(_: Any) -> Any:
        await both.wait()
        return 400, NO_TEMPERATURE

    teacher, _ = door([refuse, refuse, GOOD, GOOD], temperature=0.2)
    await asyncio.gather(teacher.ask(make_ask(seed=1)), teacher.ask(make_ask(seed=2, span="c1-l2")))
    flags = sorted(call.flags for call in ledger.calls() if call.status == "error")
    assert flags == [["adapted"], ["adapted", "no_temperature"]]


async def test_a_part_that_was_not_sent_is_not_written_otherwise(door: Open) -> None:
    teacher, script = door([(400, NO_TEMPERATURE)] * 4)
    with pytest.raises(TeacherRefused, match="refuses every form"):
        await teacher.ask(make_ask())
    assert len(script.requests) == 4


async def test_a_value_that_is_too_large_is_the_users_to_mend(door: Open) -> None:
    told = error(
        "max_tokens is too large: 9000. This model supports at most 4096 completion tokens", param="max_tokens"
    )
    teacher, _ = door([(400, told)], max_tokens=9000)
    with pytest.raises(TeacherRefused, match="max_tokens is too large: 9000"):
        await teacher.ask(make_ask())


def test_words_of_another_version_are_no_quirks() -> None:
    assert read_quirks(["no_seed", "no_wings"]) == {"no_seed"}


@pytest.mark.parametrize(
    "words",
    [
        "'max_tokens' or 'max_completion_tokens' is too large: 16384. This model's maximum context length is 8192",
        "This model's maximum context length is 8192 tokens. However, you requested 17000 tokens (616 in the messages,"
        " 16384 in the completion). Please reduce the length of the messages or completion.",
        "max_tokens: 100000 > 8192, which is the maximum allowed number of output tokens",
    ],
)
def test_a_limit_that_is_larger_than_the_model_has_room_for_is_the_users_to_mend(words: str) -> None:
    found = read_refusal(400, json.dumps({"error": {"message": words}}))
    assert found.about not in ("length", "parts")
