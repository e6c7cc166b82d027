"""Errors that a server reports with status 200, and those of which it says more than their status."""

import json
from typing import Any

import pytest

from evokd.agents.llm.attempt import TeacherRefused, TeacherUnreachable
from evokd.agents.llm.error_reports import find_report, read_duration, read_wait
from evokd.tracing.ledger import Ledger
from tests.agents.asks import URL, make_ask, make_drafts
from tests.agents.conftest import Open
from tests.agents.llm.test_endpoint import FakeServer
from tests.agents.odd_bodies import body, message
from tests.fake_time import now, run_fast

GOOD = make_drafts("the app crashes")


def choice_error(code: Any) -> dict[str, Any]:
    return message({"content": ""}, "error", error={"code": code, "message": "Upstream idle timeout exceeded"})


@pytest.mark.parametrize(
    ("sent", "status", "told"),
    [
        ({"error": {"message": "slow down", "code": 429}, "choices": None}, 429, "slow down"),
        ({"error": {"message": "slow down", "code": "429"}}, 429, "slow down"),
        ({"error": {"message": "m", "code": 429, "metadata": {"raw": "Too Many"}}}, 429, "m: Too Many"),
        ({"error": {"message": "m", "code": "rate_limit_exceeded"}}, 429, "m"),
        ({"error": {"message": "m", "type": "insufficient_quota"}}, 402, "m"),
        ({"error": {"message": "m", "type": "x", "code": "invalid_api_key"}}, 401, "m"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 529, "Overloaded"),
        ({"error": {"status": "RESOURCE_EXHAUSTED", "message": "m"}}, 429, "m"),
        ({"error": {"code": 503, "status": "UNAVAILABLE", "message": "m"}}, 503, "m"),
        ({"error": {"type": "RateLimitError", "message": "m"}}, 429, "m"),
        ({"error": "Rate limit exceeded: free-models-per-min."}, 429, "Rate limit exceeded: free-models-per-min."),
        ({"error": "Unexpected endpoint or method. (POST /chat/completions)"}, 404, "Unexpected endpoint or method."),
        ({"error": "model 'm' not found, try pulling it first"}, 404, "model 'm' not found"),
        ({"error": "unauthorized", "message": "no key"}, 401, "unauthorized: no key"),
        (
            {"errors": [{"code": 10000, "message": "Authentication error"}], "success": False},
            401,
            "Authentication error",
        ),
        ({"detail": "Rate limit reached"}, 429, "Rate limit reached"),
        ({"detail": [{"msg": "odd"}]}, 500, '[{"msg": "odd"}]'),
        ({"message": "no such thing", "code": 422}, 422, "no such thing"),
        ({"code": "Throttling.RateQuota", "message": "m"}, 429, "m"),
        ({"object": "error", "message": "m", "code": 400}, 400, "m"),
        ({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}, "choices": None}, 429, "rate limit"),
        ({"error": {"message": "boom"}}, 500, "boom"),
        ({"error": {"odd": 1}}, 500, '{"odd": 1}'),
    ],
)
def test_the_code_of_an_error_is_its_status_and_its_words_are_kept(
    sent: dict[str, Any], status: int, told: str
) -> None:
    found = find_report(sent)
    assert found is not None
    assert found.status == status
    assert found.message.startswith(told)


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"id": "x"},
        {"error": None},
        {"error": ""},
        {"choices": [{}]},
        {"base_resp": {"status_code": 0}},
        {"errors": []},
    ],
)
def test_where_no_error_is_none_is_found(sent: dict[str, Any]) -> None:
    assert find_report(sent) is None


@pytest.mark.parametrize("code", [429, "rate_limit_exceeded", 502, "overloaded_error"])
@pytest.mark.parametrize("position", ["body", "choice"])
async def test_a_storm_inside_200_is_sat_out(
    door: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, code: Any, position: str
) -> None:
    monkeypatch.setattr("evokd.agents.llm.retry.FIRST_WAIT", 0.001)
    ledger.remember_ability(URL, "m-1", "json_schema")
    sent = (
        {**choice_error(code), "usage": None}
        if position == "choice"
        else {"error": {"message": "Provider error", "code": code}}
    )
    teacher, script = door([body(sent), body(sent), GOOD])
    assert (await teacher.ask(make_ask())).faults == ()
    assert len({request["seed"] for request in script.requests}) == 1, "repeated, not asked anew"
    calls = ledger.calls()
    assert [call.status for call in calls] == ["error", "error", "ok"]
    assert calls[0].raw == json.dumps(sent)
    assert "inside HTTP 200: " in calls[0].faults[0]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"error": {"message": "No auth credentials found", "code": 401}}, "the key is refused"),
        ({"error": {"message": "Buy more", "code": "insufficient_quota"}}, "the account has no credit left"),
        ({"error": {"message": "Not for you", "code": 403}}, "access is denied"),
    ],
)
async def test_a_plain_no_inside_200_ends_it_with_one_call(door: Open, sent: dict[str, Any], told: str) -> None:
    teacher, script = door([body(sent)])
    with pytest.raises(TeacherRefused, match=told) as caught:
        await teacher.ask(make_ask())
    assert sent["error"]["message"] in str(caught.value)
    assert len(script.requests) == 1


async def test_an_error_inside_200_that_does_not_end_parks_with_the_servers_words(
    door: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evokd.agents.llm.retry.FIRST_WAIT", 0.001)
    teacher, _ = door([body({"error": {"message": "Provider returned error", "code": 429}})] * 3)
    with pytest.raises(TeacherUnreachable, match="keeps failing: an error 429 inside HTTP 200: Provider returned"):
        await teacher.ask(make_ask())


async def test_what_a_failed_reply_used_is_booked(door: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evokd.agents.llm.retry.FIRST_WAIT", 0.001)
    teacher, _ = door([body(choice_error(502)), GOOD])
    await teacher.ask(make_ask())
    lost = ledger.calls()[0]
    assert (lost.status, lost.input_tokens, lost.output_tokens, lost.estimated) == ("lost", 100, 20, False)


def test_429_inside_200_slows_the_other_calls_down_and_is_waited_for_as_long_as_it_asks() -> None:
    async def play() -> None:
        error = {"error": {"message": "slow", "code": 429, "metadata": {"headers": {"Retry-After": "7"}}}}
        server = FakeServer(lambda _: body(error) if now() < 5 else 200)
        endpoint = server.open()
        assert (await server.ask(endpoint)).error is None
        assert server.limiter.allowed < 8
        assert now() == pytest.approx(7, abs=0.1)

    run_fast(play())


# ------------------------------------------------------------------------------------------------------------- waits


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        ({"retry_after": 12}, 12),
        ({"metadata": {"retry_after_seconds": 3.5}}, 3.5),
        ({"metadata": {"headers": {"Retry-After": "20"}}}, 20),
        ({"metadata": {"headers": {"X-RateLimit-Reset": "1000030000"}}}, 30_000),
        ({"metadata": {"headers": {"X-RateLimit-Reset": "1700000012000"}}}, 700_000_012 - 1),
        ({"headers": {"x-ratelimit-reset": "6m0s"}}, 360),
        ({"details": [{"@type": "RetryInfo", "retryDelay": "32s"}]}, 32),
        ({"message": "Rate limit reached. Please try again in 20s. Visit us."}, 20),
        ({"message": "Please try again in 7m12.5s."}, 432.5),
        ({"message": "try again in 350ms"}, 0.35),
        ({"message": "Retry after 2 minutes"}, 120),
        ({"message": "Too many requests, try again later"}, None),
        ({"retry_after": "soon", "code": 429}, None),
        ({"metadata": {"headers": {"X-RateLimit-Reset": "5"}, "x": {"X-RateLimit-Reset": "0"}}}, 5),
        ({"retry_after": 0}, None),
    ],
)
def test_how_long_a_server_asks_to_wait_is_read_where_it_is_plain(error: dict[str, Any], seconds: float | None) -> None:
    at = 1_000_000_000.0 if "1700000012000" not in json.dumps(error) else 1_000_000_001.0
    assert read_wait(error, now=at) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("odd", ["", "s", "soon", None, True, [], {}, "x12", "9" * 60, 10**400, float("inf")])
def test_what_is_no_time_is_none(odd: Any) -> None:
    assert read_duration(odd) is None
