"""The list of models: asked for before a run, free of charge."""

import asyncio
import json
import re
from typing import Any

import pytest

from evokd.agents.llm.attempt import TeacherRefused
from evokd.agents.llm.client import Teacher
from evokd.agents.llm.ping import probe
from evokd.agents.llm.teacher_settings import RoleSettings
from evokd.tracing.ledger import Ledger
from tests.agents.asks import make_ask, make_settings
from tests.agents.lines import Line, Serve, answer_well, redirect

KEY = "sk-test-1234567890"
MODELS = {"data": [{"id": f"model-{number}"} for number in range(7)]}
LISTS: dict[str, tuple[str, bytes, str]] = {
    "has it": ("200 OK", b'{"data": [{"id": "m-1"}]}', "answers, and has the model"),
    "has others": (
        "200 OK",
        json.dumps(MODELS).encode(),
        "answers, but does not list 'm-1' (did you mean 'model-1'?)"
        " (it lists: model-0, model-1, model-2, model-3, model-4, ...)",
    ),
    "has none": ("200 OK", b'{"data": []}', "answers, but does not list 'm-1' (it lists: nothing)"),
    "an error": ("200 OK", b'{"error": "Invalid API key"}', "answers, but reports an error 401: Invalid API key"),
    "the key in an error": (
        "200 OK",
        json.dumps({"error": f"Incorrect API key provided: Bearer {KEY}"}).encode(),
        "answers, but reports an error 401: Incorrect API key provided: Bearer [key]",
    ),
    "the key in a name": (
        "200 OK",
        json.dumps({"data": [{"id": f"for-{KEY}"}]}).encode(),
        "answers, but does not list 'm-1' (it lists: for-[key])",
    ),
    "the key refused": (
        "401 Unauthorized",
        json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}"}}).encode(),
        "refuses the key (HTTP 401): Incorrect API key provided: [key]",
    ),
    "a key that may not list": (
        "401 Unauthorized",
        b'{"error": {"message": "Missing scopes: api.model.read"}}',
        "answers, but lists no models (HTTP 401)",
    ),
    "a name misspelt": (
        "200 OK",
        b'{"data": [{"id": "m-10"}]}',
        "answers, but does not list 'm-1' (did you mean 'm-10'?) (it lists: m-10)",
    ),
    "no such page": ("404 Not Found", b"{}", "answers, but lists no models (HTTP 404)"),
    "a page": ("200 OK", b"<html>", "answers, but its list of models cannot be read"),
    "no object": ("200 OK", b"[1]", "answers, but its list of models cannot be read"),
    "names missing": ("200 OK", b'{"data": [{}]}', "answers, but its list of models cannot be read"),
    "no UTF-8": ("200 OK", b'{"data": "\xff"}', "answers, but its list of models cannot be read"),
    "too deep": ("200 OK", b"[" * 100_000, "answers, but its list of models cannot be read"),
}


@pytest.mark.parametrize(("status", "body", "told"), LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("end", ["/v1", "/v1/"])
async def test_an_endpoint_is_asked_for_its_models_alone(
    end: str, status: str, body: bytes, told: str, serve: Serve
) -> None:
    async def answer(line: Line, _: dict[str, Any]) -> None:
        await line.reply(body, status)

    server = await serve(answer)
    state = await asyncio.to_thread(probe, RoleSettings(model="m-1", base_url=server.url + end), KEY)
    assert state.said == told
    (request,) = server.requests
    assert (request["target"], request["headers"]["authorization"]) == ("/v1/models", f"Bearer {KEY}")


async def test_an_endpoint_that_is_not_there_is_told(serve: Serve) -> None:
    server = await serve(answer_well)
    await server.stop()
    state = await asyncio.to_thread(probe, RoleSettings(model="m-1", base_url=server.url), KEY)
    assert (state.said, state.fault, state.is_hopeless) == ("no answer (ConnectError)", "no_answer", True)


async def test_the_list_of_models_is_no_way_to_a_key(serve: Serve) -> None:
    other = await serve(answer_well)
    server = await serve(redirect(lambda: other.url))
    await asyncio.to_thread(probe, RoleSettings(model="m-1", base_url=f"{server.url}/v1"), KEY)
    assert other.requests[0]["target"] == "/moved/v1/models"
    assert "authorization" not in other.requests[0]["headers"]


async def serve_below(line: Line, request: dict[str, Any]) -> None:
    """A server that knows nothing but what lies under /v1, and says so with status 200."""
    if request["target"].startswith("/v1/"):
        await line.reply(b'{"data": [{"id": "m-1"}]}')
    else:
        await line.reply(b'{"error": "Unexpected endpoint or method. (POST /chat/completions)"}')


async def test_an_address_without_v1_is_told_where_it_answers(serve: Serve) -> None:
    server = await serve(serve_below)
    state = await asyncio.to_thread(probe, RoleSettings(model="m-1", base_url=server.url), KEY)
    assert state.mend == f"pass --base-url {server.url}/v1"
    assert state.said == f"answers under {server.url}/v1 alone: use that address"


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "405 Method Not Allowed"])
@pytest.mark.parametrize("below", [True, False])
async def test_a_run_on_an_address_without_v1_says_which_one_works(
    serve: Serve, ledger: Ledger, status: str, below: bool
) -> None:
    async def answer(line: Line, request: dict[str, Any]) -> None:
        if request["target"] == "/v1/models" and below:
            await line.reply(b'{"data": []}')
        else:
            await line.reply(b'{"error": "Unexpected endpoint or method."}', status)

    server = await serve(answer)
    teacher = Teacher(make_settings(base_url=server.url), ledger)
    hint = f"it answers under {server.url}/v1: use that address" if below else "most addresses end in /v1"
    with pytest.raises(TeacherRefused, match=re.escape(f"({hint})")):
        await teacher.ask(make_ask())
    await teacher.close()
    assert [request["target"] for request in server.requests] == ["/chat/completions", "/v1/models"]
