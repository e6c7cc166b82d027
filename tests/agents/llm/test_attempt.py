import asyncio
import json
import socket
from typing import Any

import httpx2
import pytest

from evokd.agents.llm.attempt import TeacherError, TeacherRefused, TeacherUnreachable
from evokd.agents.llm.client import Teacher
from evokd.agents.llm.output_modes import OUTPUT_MODES
from evokd.messages import Draft, GeneratorReply, reply_schema
from evokd.tracing.ledger import Ledger
from tests.agents.asks import LABELS, URL, make_ask, make_drafts, make_settings
from tests.agents.conftest import Open
from tests.conftest import ServeApp
from tests.scripted import Say, completion

GOOD = make_drafts("the app crashes")
SCHEMA = reply_schema(GeneratorReply[Draft], {"labels": list(LABELS)}, frozenset({"pair"}))
FORMATS: dict[str, Any] = {
    "json_schema": {"type": "json_schema", "json_schema": {"name": "drafts", "schema": SCHEMA, "strict": True}},
    "json_object_schema": {"type": "json_object", "schema": SCHEMA},
    "json_object": {"type": "json_object"},
    "plain": None,
}
KEY = "sk-test-1234567890"


def statuses(ledger: Ledger) -> list[str]:
    return [call.status for call in ledger.calls()]


@pytest.mark.parametrize("refusal", [(400, "response_format is not supported"), (500, "1 validation error for Body")])
@pytest.mark.parametrize("rung", range(4), ids=OUTPUT_MODES)
async def test_the_output_mode_falls_back_to_what_the_endpoint_supports(
    door: Open, ledger: Ledger, rung: int, refusal: tuple[int, str]
) -> None:
    teacher, script = door([refusal] * rung + [GOOD, GOOD])
    first = await teacher.ask(make_ask())
    second = await teacher.ask(make_ask(seed=8))
    assert first.reply == second.reply == GeneratorReply[Draft].model_validate(GOOD)
    sent = [request.get("response_format") for request in script.requests]
    assert sent == [FORMATS[ability] for ability in (*OUTPUT_MODES[: rung + 1], OUTPUT_MODES[rung])]
    calls = ledger.calls()
    assert [call.status for call in calls] == ["error"] * rung + ["ok", "ok"]
    assert [call.ability for call in calls] == [*OUTPUT_MODES[: rung + 1], OUTPUT_MODES[rung]]
    assert all(refusal[1] in call.raw and f"HTTP {refusal[0]}" in call.raw for call in calls[:rung])
    assert first.call_id == calls[rung].id


async def test_the_ability_is_remembered_for_the_next_run(door: Open, ledger: Ledger) -> None:
    first, _ = door([(400, "no"), GOOD])
    await first.ask(make_ask())
    assert ledger.find_ability(URL, "m-1") == "json_object_schema"
    second, script = door([GOOD])
    await second.ask(make_ask(seed=8))
    assert script.requests[0]["response_format"] == FORMATS["json_object_schema"]


async def test_an_endpoint_that_refuses_every_form_is_refused(door: Open, ledger: Ledger) -> None:
    teacher, script = door([(400, "no such thing")] * 8)
    first = await teacher.ask(make_ask())
    assert first.reply is None, "a filter may have disliked this prompt alone"
    assert first.faults == ("HTTP 400: no such thing",)
    with pytest.raises(TeacherRefused, match="refuses every form of the request: HTTP 400: no such thing") as caught:
        await teacher.ask(make_ask(seed=2))
    assert caught.value.exit_code == 3
    assert len(script.requests) == 8
    assert statuses(ledger) == ["error"] * 8
    assert ledger.find_ability(URL, "m-1") is None


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, r"the key is refused \(see OPENAI_API_KEY in the environment\)"),
        (403, "access is denied"),
        (404, "no such model or address"),
    ],
)
async def test_a_plain_no_ends_it_with_one_call(door: Open, ledger: Ledger, status: int, told: str) -> None:
    teacher, script = door([(status, "go away")])
    with pytest.raises(TeacherRefused, match=rf"{URL}, model 'm-1': {told}: HTTP {status}: go away"):
        await teacher.ask(make_ask())
    assert len(script.requests) == 1
    assert statuses(ledger) == ["error"]


async def test_an_endpoint_that_refuses_seeds_is_asked_without(door: Open, ledger: Ledger) -> None:
    refusal = (400, {"error": {"message": "Unsupported parameter: 'seed'"}})
    teacher, script = door([refusal, GOOD, GOOD])
    await teacher.ask(make_ask(seed=7))
    await teacher.ask(make_ask(seed=8))
    assert [request.get("seed") for request in script.requests] == [7, None, None]
    assert {request["response_format"]["type"] for request in script.requests} == {"json_schema"}
    assert statuses(ledger) == ["error", "ok", "ok"]


async def test_calls_in_flight_all_recover_from_a_refused_seed(door: Open, ledger: Ledger) -> None:
    ledger.remember_ability(URL, "m-1", "json_schema")
    both = asyncio.Barrier(2)

    async def refuse(_: Any) -> Any:
        await both.wait()  # neither hears of the other's refusal before it has sent its own seed
        return 400, "seed: unknown field"

    teacher, _ = door([refuse, refuse, GOOD, GOOD])
    answers = await asyncio.gather(teacher.ask(make_ask(seed=1)), teacher.ask(make_ask(seed=2, span="c1-l2")))
    assert [answer.faults for answer in answers] == [(), ()]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_storm_is_sat_out(door: Open, ledger: Ledger, status: int) -> None:
    ledger.remember_ability(URL, "m-1", "json_schema")
    teacher, script = door([(status, "later"), (status, "later"), GOOD])
    answer = await teacher.ask(make_ask())
    assert answer.faults == ()
    assert len(script.requests) == 3
    assert statuses(ledger) == ["error", "error", "ok"]
    assert [call.raw for call in ledger.calls()[:2]] == [f"HTTP {status}: later"] * 2


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_storm_without_end_stops_the_run(door: Open, ledger: Ledger, status: int) -> None:
    ledger.remember_ability(URL, "m-1", "json_schema")
    teacher, script = door([(status, "later")] * 3)
    with pytest.raises(TeacherUnreachable, match=rf"{URL}: the teacher keeps failing: HTTP {status}: later"):
        await teacher.ask(make_ask())
    assert len(script.requests) == 3
    assert statuses(ledger) == ["error"] * 3


async def test_an_outage_at_the_first_call_is_no_lack_of_ability(door: Open, ledger: Ledger) -> None:
    teacher, script = door([(503, "starting"), (503, "starting"), GOOD])
    await teacher.ask(make_ask())
    assert {request["response_format"]["type"] for request in script.requests} == {"json_schema"}
    assert ledger.find_ability(URL, "m-1") == "json_schema"


async def test_500_to_every_form_is_an_outage(door: Open, ledger: Ledger) -> None:
    # twice per rung, for a 500 may be about the form, then as often as any call
    teacher, _ = door([(500, "boom")] * (4 * 2 + 3))
    with pytest.raises(TeacherUnreachable, match="HTTP 500: boom"):
        await teacher.ask(make_ask())
    assert ledger.find_ability(URL, "m-1") is None


@pytest.mark.parametrize(
    ("error", "told", "status"),
    [
        (httpx2.ConnectError("refused"), r"no connection to the teacher \(ConnectError: refused\)", "error"),
        (httpx2.ReadTimeout("slow"), "the teacher keeps failing: no whole reply within 1200 s", "lost"),
        (httpx2.RemoteProtocolError("cut"), "the teacher keeps failing: RemoteProtocolError: cut", "lost"),
    ],
    ids=["connect", "timeout", "cut"],
)
async def test_a_broken_connection_is_told_with_its_cause(
    door: Open, ledger: Ledger, error: Exception, told: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evokd.agents.llm.retry.FIRST_WAIT", 0.001)
    ledger.remember_ability(URL, "m-1", "json_schema")
    teacher, script = door([error] * 3)
    with pytest.raises(TeacherUnreachable, match=f"{URL}: {told}"):
        await teacher.ask(make_ask())
    assert len(script.requests) == 3
    assert statuses(ledger) == [status] * 3


async def test_a_closed_port_is_unreachable(ledger: Ledger) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    teacher = Teacher(make_settings(base_url=f"http://127.0.0.1:{port}/v1", retries=0), ledger)
    with pytest.raises(TeacherUnreachable, match=f"127.0.0.1:{port}/v1: no connection"):
        await teacher.ask(make_ask())
    await teacher.close()
    assert set(statuses(ledger)) == {"error"}


async def test_real_http_carries_a_call(ledger: Ledger, serve_app: ServeApp) -> None:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    seen: list[tuple[str, Any]] = []

    async def answer(request: Request) -> JSONResponse:
        seen.append((request.headers["authorization"], (await request.json())["model"]))
        return JSONResponse(completion(Say(GOOD)))

    url = serve_app(Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])]))
    teacher = Teacher(make_settings(base_url=f"{url}/v1"), ledger)
    answered = await teacher.ask(make_ask())
    await teacher.close()
    assert answered.faults == ()
    assert seen == [("Bearer no-key", "m-1")]


def body(content: str, kind: str = "application/json") -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": kind}, text=content)


@pytest.mark.parametrize(
    "odd",
    [
        body("<html>log in</html>", "text/html"),
        body(""),
        body('{"id": '),
        body("null"),
        body("[]"),
        body('"hello"'),
        body('{"id": "x", "choices": []}'),
        body('{"id": "x", "choices": null}'),
        body('{"choices": [{"index": 0, "finish_reason": "stop"}]}'),
        body("[" * 100_000),
        body(json.dumps(completion(Say(GOOD))).replace('"assistant"', '"robot"')),
        httpx2.Response(200, headers={"content-type": "application/json"}, content=b'{"id": "\xff\xfe"}'),
        httpx2.Response(204),
    ],
    ids=[
        "html",
        "empty",
        "broken",
        "null",
        "list",
        "string",
        "no-choices",
        "null-choices",
        "no-message",
        "deep",
        "odd-role",
        "no-utf-8",
        "204",
    ],
)
async def test_a_success_that_is_no_completion_is_asked_again(door: Open, ledger: Ledger, odd: httpx2.Response) -> None:
    teacher, _ = door([odd, GOOD])
    answer = await teacher.ask(make_ask())
    assert answer.faults == ()
    fault, good = ledger.calls()
    assert (fault.status, good.status) == ("fault", "ok")
    assert "no_completion" in fault.flags
    assert fault.faults == ["the server's answer is no chat completion"]
    sent = odd.content.decode("utf-8", "replace")
    assert fault.raw == sent if sent else fault.raw


@pytest.mark.parametrize(
    ("say", "flag", "fault"),
    [
        (Say('{"drafts": [{"text": "a', finish="length"), "cut_off", "cut off by the token limit"),
        (Say(None, refusal="I will not do that"), "refusal", "the model refused to answer"),
        (Say(None), None, "no text to read"),
    ],
    ids=["cut-off", "refusal", "empty"],
)
async def test_a_reply_without_an_answer_says_why(
    door: Open, ledger: Ledger, say: Say, flag: str | None, fault: str
) -> None:
    teacher, script = door([say, GOOD])
    await teacher.ask(make_ask())
    record = ledger.calls()[0]
    assert flag is None or flag in record.flags
    assert fault in record.faults[0]
    assert fault in script.requests[1]["messages"][-1]["content"]


async def test_a_call_that_langchain_traces_is_sent_and_read_alike(
    door: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = (400, {"error": {"message": "System role not supported"}})
    slow = body('{"error": {"message": "slow", "code": 429, "retry_after": 0.001}}')
    teacher, script = door([refusal, slow, GOOD])
    monkeypatch.setattr("evokd.agents.llm.chat._is_traced", lambda: True)
    assert (await teacher.ask(make_ask())).faults == ()
    assert [len(request["messages"]) for request in script.requests] == [2, 1, 1]
    assert statuses(ledger) == ["error", "error", "ok"]


async def test_half_a_surrogate_pair_can_be_stored(door: Open, ledger: Ledger) -> None:
    odd = json.dumps(completion(Say("hi \ud800")))
    assert "\\ud800" in odd
    teacher, _ = door([body(odd), GOOD])
    await teacher.ask(make_ask())
    assert ledger.calls()[0].raw == "hi ?"


@pytest.mark.parametrize(
    "steps",
    [
        [lambda _: (400, f"bad key {KEY}")] * 4,
        [(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}})],
        [httpx2.ConnectError(f"no route with {KEY}")],
        [body(f"<html>{KEY}</html>", "text/html"), Say(f"your key is {KEY}"), GOOD],
    ],
    ids=["400", "401", "connection", "replies"],
)
async def test_the_key_comes_from_the_environment_and_stands_in_no_record(
    door: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, steps: list[Any]
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    teacher, script = door(steps, api_key_env="MY_KEY", retries=0)
    told = ""
    try:
        await teacher.ask(make_ask())
    except TeacherError as exc:
        told = str(exc)
    assert {request.headers["authorization"] for request in script.https} == {f"Bearer {KEY}"}
    assert ledger.calls()
    assert KEY not in told
    assert KEY not in "".join(call.model_dump_json() for call in ledger.calls())
    assert KEY not in repr(vars(teacher))
    assert KEY.encode() not in b"".join(path.read_bytes() for path in ledger.path.parent.glob("ledger.db*"))
