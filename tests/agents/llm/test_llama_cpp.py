"""Answers of llama-cpp-python 0.3.36 with SmolLM2-135M, as `make real-server` got them, repeated without it."""

import json
from typing import Any

from evokd.agents.llm.endpoint import NEXT_MODE
from evokd.cli.views.notices import Notices, is_adapted
from evokd.tracing.ledger import Ledger
from tests.agents.asks import URL, make_ask, make_drafts
from tests.agents.conftest import Open
from tests.scripted import Say

NO_JSON_SCHEMA = {
    "error": {
        "message": "1 validation error:\n  {'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg':"
        " \"Input should be 'text' or 'json_object'\", 'input': 'json_schema', 'ctx': {'expected': \"'text' or"
        ' \'json_object\'"}}\n\n  File "llama_cpp/server/app.py", line 376, in create_chat_completion\n    POST'
        " /v1/chat/completions",
        "type": "internal_server_error",
        "param": None,
        "code": None,
    }
}
TOO_LONG = {
    "error": {
        "message": "This model's maximum context length is 8192 tokens. However, you requested 9036 tokens (9031 in the"
        " messages, 5 in the completion). Please reduce the length of the messages or completion.",
        "type": "invalid_request_error",
        "param": "messages",
        "code": "context_length_exceeded",
    }
}
SPACED = '{ "drafts": [{"text":"The app crashes" ,"difficulty": "hard", "intended" : "bug"}]}'
"""The grammar allows spaces wherever JSON does."""


def refuse(request: dict[str, Any]) -> Any:
    return (500, NO_JSON_SCHEMA) if request["response_format"]["type"] == "json_schema" else SPACED


async def test_an_error_500_about_the_format_leads_to_the_next_one_without_alarm(door: Open, ledger: Ledger) -> None:
    teacher, script = door([refuse, refuse])
    assert (await teacher.ask(make_ask())).faults == ()
    assert [request["response_format"]["type"] for request in script.requests] == ["json_schema", "json_object"]
    assert script.requests[1]["response_format"]["schema"]["properties"].keys() == {"drafts"}
    first, last = ledger.calls()
    assert (first.flags, last.flags) == ([NEXT_MODE, "no_json_schema"], [])
    assert ledger.find_ability(URL, "m-1") == "json_object_schema"
    event = {"flags": first.flags}
    assert is_adapted(event), "no line in red"
    assert Notices().of_call(event)[0].startswith("the server knows no json_schema: ")


async def test_a_prompt_beyond_its_context_is_left_out_although_it_counts_the_reply_too(
    door: Open, ledger: Ledger
) -> None:
    teacher, script = door([(500, NO_JSON_SCHEMA), (400, TOO_LONG), refuse, refuse])
    answer = await teacher.ask(make_ask())
    assert answer.faults[0].startswith("the prompt is too long for the model and left out")
    assert (await teacher.ask(make_ask(span="c1-l2"))).faults == ()
    assert len(script.requests) == 4


async def test_a_reply_that_ends_before_it_begins_is_asked_for_again(door: Open, ledger: Ledger) -> None:
    teacher, _ = door([Say("", usage=(331, 0)), json.dumps(make_drafts("the app crashes"))])
    assert (await teacher.ask(make_ask())).faults == ()
    assert [(call.status, call.estimated) for call in ledger.calls()] == [("fault", True), ("ok", False)]
