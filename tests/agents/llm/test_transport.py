"""What happens on the line: real connections to servers of this machine, whole ones and broken ones."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from evokd.agents.llm.attempt import TeacherRefused, TeacherUnreachable
from evokd.agents.llm.client import Teacher
from evokd.agents.llm.transport import RecordedResponse
from evokd.tracing.ledger import Ledger
from tests.agents.asks import make_ask, make_settings
from tests.agents.lines import BODY, GOOD, Answer, Line, Serve, answer_well, redirect

KEY = "sk-test-1234567890"
OpenTeacher = Callable[..., Teacher]


@pytest.fixture
async def teacher(ledger: Ledger) -> AsyncIterator[OpenTeacher]:
    """Open doors to an address whose ability is known."""
    made: list[Teacher] = []

    def make(url: str, **changes: Any) -> Teacher:
        base = f"{url}/v1"
        ledger.remember_ability(base, "m-1", "json_schema")
        made.append(Teacher(make_settings(base_url=base, **{"retries": 0, **changes}), ledger))
        return made[-1]

    yield make
    for opened in made:
        await opened.close()


# ------------------------------------------------------------------------------------------------------- connections


async def test_each_call_in_flight_has_a_connection_of_its_own_and_the_next_ones_use_them_again(
    serve: Serve, teacher: OpenTeacher
) -> None:
    everybody = asyncio.Barrier(3)

    async def answer(line: Line, _: dict[str, Any]) -> None:
        await everybody.wait()
        await line.reply()

    server = await serve(answer)
    opened = teacher(server.url, concurrency=16)  # on a busy machine late answers take some of them away
    for round_ in (1, 2):
        asks = (make_ask(seed=10 * round_ + n, span=f"c{round_}-l{n}") for n in range(3))
        async with asyncio.timeout(60):  # fewer than three would wait for each other for ever
            answers = await asyncio.gather(*(opened.ask(ask) for ask in asks))
        assert [answered.faults for answered in answers] == [()] * 3
    assert (server.connections, len(server.requests)) == (3, 6)


async def test_a_kept_connection_that_the_server_has_closed_costs_at_most_a_repeat(
    serve: Serve, teacher: OpenTeacher, ledger: Ledger
) -> None:
    async def answer(line: Line, _: dict[str, Any]) -> None:
        await line.reply()
        line.hang_up()

    server = await serve(answer)
    opened = teacher(server.url, retries=2)
    for seed in range(3):
        assert (await opened.ask(make_ask(seed=seed))).faults == ()
    assert len(server.requests) == 3
    assert sum(call.status == "ok" for call in ledger.calls()) == 3


# ------------------------------------------------------------------------------------------------------ half answers


async def send_half(line: Line, _: dict[str, Any]) -> None:
    await line.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n" + BODY[:60])
    line.hang_up()


async def send_nothing(line: Line, _: dict[str, Any]) -> None:
    line.hang_up()


async def send_too_much(line: Line, _: dict[str, Any]) -> None:
    await line.reply(b"x" * 100_000)


BROKEN: dict[str, tuple[Answer, str, str]] = {
    "half a body": (send_half, "RemoteProtocolError", BODY[:60].decode()),
    "dropped": (send_nothing, "RemoteProtocolError: Server disconnected", ""),
    "too large": (send_too_much, "RemoteProtocolError: the reply is larger than 50000 bytes", "x" * 1_000),
}


@pytest.mark.parametrize(("answer", "told", "came"), BROKEN.values(), ids=BROKEN)
async def test_what_came_of_a_broken_answer_is_recorded_and_counted(
    answer: Answer,
    told: str,
    came: str,
    serve: Serve,
    teacher: OpenTeacher,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("evokd.agents.llm.transport.LARGEST_REPLY", 50_000)
    server = await serve(answer)
    opened = teacher(server.url, limits={"patience": 0}, prices={"input": 1.0, "output": 1.0})
    with pytest.raises(TeacherUnreachable, match=told):
        await opened.ask(make_ask())
    (call,) = ledger.calls()
    assert (call.status, call.estimated) == ("lost", True)
    assert told in call.faults[0]
    assert call.raw.startswith(came or told)
    sent = sum(len(text) for _, text in call.request["turns"])
    assert (call.input_tokens, call.output_tokens) == (-(-sent // 4), -(-len(call.raw) // 4))
    assert call.cost_usd == pytest.approx((call.input_tokens + call.output_tokens) / 1e6)
    assert ledger.usage()["calls"] == 1
    assert opened.is_spent(1) is False
    assert ledger.find_call(call.key) is None, "half a reply is no reply"


@pytest.mark.parametrize("charset", ["hex", "utf-16", "idna", "no-such-code", "latin-1"])
async def test_a_status_is_known_whatever_code_the_server_says_its_page_is_in(
    charset: str, serve: Serve, teacher: OpenTeacher, ledger: Ledger
) -> None:
    async def answer(line: Line, _: dict[str, Any]) -> None:
        await line.reply(b"<p>down", "401 Unauthorized", **{"content-type": f"text/html; charset={charset}"})

    server = await serve(answer)
    with pytest.raises(TeacherRefused, match="HTTP 401: <p>down"):
        await teacher(server.url).ask(make_ask())
    assert len(server.requests) == 1


async def test_bytes_that_keep_coming_do_not_hold_off_the_time_limit(
    serve: Serve, teacher: OpenTeacher, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings: list[RecordedResponse] = []
    limits: list[asyncio.Timeout] = []

    def make_recording() -> RecordedResponse:
        recordings.append(RecordedResponse())
        return recordings[-1]

    def make_limit(seconds: float) -> asyncio.Timeout:
        limits.append(asyncio.timeout(seconds))
        return limits[-1]

    async def answer(line: Line, _: dict[str, Any]) -> None:
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n{")
        while len(recordings[0].body) < 100:
            await line.send(b" ")
            await asyncio.sleep(0)
        limits[0].reschedule(0.0)  # the time is over
        while True:
            await line.send(b" ")
            await asyncio.sleep(0)

    monkeypatch.setattr("evokd.agents.llm.attempt.RecordedResponse", make_recording)
    monkeypatch.setattr("evokd.agents.llm.attempt.limit_time", make_limit)
    server = await serve(answer)
    with pytest.raises(TeacherUnreachable, match="no whole reply within 300 s"):
        await teacher(server.url, limits={"patience": 0}).ask(make_ask())
    (call,) = ledger.calls()
    assert (call.status, call.raw[:100]) == ("lost", "{" + " " * 99)


async def test_a_lost_reply_counts_like_the_usual_one(serve: Serve, teacher: OpenTeacher, ledger: Ledger) -> None:
    steps = iter([answer_well, send_nothing, answer_well])

    async def answer(line: Line, request: dict[str, Any]) -> None:
        await next(steps)(line, request)

    server = await serve(answer)
    opened = teacher(server.url, retries=1)
    for seed in (1, 2):
        assert (await opened.ask(make_ask(seed=seed))).faults == ()
    found = [(call.status, call.output_tokens, call.estimated) for call in ledger.calls()]
    assert found == [("ok", 20, False), ("lost", 20, True), ("ok", 20, False)]
    assert [call.id for call in ledger.calls()] == [f"c1-l1-generator-{number}" for number in (1, 2, 3)]


# ----------------------------------------------------------------------------------------------------------- proxies


@pytest.mark.parametrize("with_scheme", [True, False])
async def test_a_proxy_of_the_environment_is_used(
    with_scheme: bool, serve: Serve, teacher: OpenTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = await serve(answer_well)
    monkeypatch.setenv("HTTP_PROXY", proxy.url if with_scheme else proxy.url.removeprefix("http://"))
    assert (await teacher("http://teacher.invalid").ask(make_ask())).faults == ()
    assert [request["target"] for request in proxy.requests] == ["http://teacher.invalid/v1/chat/completions"]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
async def test_addresses_may_be_excepted_from_the_proxy(
    name: str, serve: Serve, teacher: OpenTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, proxy = await serve(answer_well), await serve(answer_well)
    monkeypatch.setenv(name, proxy.url)
    monkeypatch.setenv("NO_PROXY", "example.org,127.0.0.1")
    assert (await teacher(server.url).ask(make_ask())).faults == ()
    assert (len(server.requests), len(proxy.requests)) == (1, 0)


# --------------------------------------------------------------------------------------------------------- redirects


@pytest.mark.parametrize("away", [False, True], ids=["same host", "another host"])
async def test_a_redirect_is_followed_but_the_key_stays_with_its_host(
    away: bool, serve: Serve, teacher: OpenTeacher, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    other = await serve(answer_well)
    server = await serve(redirect(lambda: other.url if away else server.url))
    assert (await teacher(server.url).ask(make_ask())).faults == ()
    last = (other if away else server).requests[-1]
    assert last["target"] == "/moved/v1/chat/completions"
    assert last["body"]["model"] == "m-1"
    assert server.requests[0]["headers"]["authorization"] == f"Bearer {KEY}"
    assert last["headers"].get("authorization") == (None if away else f"Bearer {KEY}")
    assert json.loads(ledger.calls()[0].raw) == GOOD


@pytest.mark.parametrize("status", [301, 302, 308])
async def test_a_request_that_is_sent_elsewhere_arrives_with_its_question(
    status: int, serve: Serve, teacher: OpenTeacher
) -> None:
    server = await serve(redirect(lambda: server.url, status=status))
    assert (await teacher(server.url).ask(make_ask())).faults == ()
    assert server.requests[-1]["target"] == "/moved/v1/chat/completions"
    assert server.requests[-1]["body"]["model"] == "m-1"


async def test_only_what_came_after_a_redirect_is_recorded(serve: Serve, teacher: OpenTeacher, ledger: Ledger) -> None:
    server = await serve(redirect(lambda: server.url, then=send_half))
    with pytest.raises(TeacherUnreachable):
        await teacher(server.url, limits={"patience": 0}).ask(make_ask())
    assert ledger.calls()[0].raw == BODY[:60].decode()


async def test_redirects_without_end_are_a_failure_like_others(serve: Serve, teacher: OpenTeacher) -> None:
    async def answer(line: Line, request: dict[str, Any]) -> None:
        await line.reply(b"", "307 Temporary Redirect", location=request["target"])

    server = await serve(answer)
    with pytest.raises(TeacherUnreachable, match="redirects"):
        await teacher(server.url, limits={"patience": 0}).ask(make_ask())
