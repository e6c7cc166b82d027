"""An endpoint on a jumping clock: repeats, the breaker, time limits, and what is learned from failures."""

import asyncio
import itertools
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

import httpx2
import pytest

from evokd.agents.llm.attempt import Call, Failure, Reply, TeacherRefused, TeacherUnreachable
from evokd.agents.llm.budget import BudgetSpent
from evokd.agents.llm.endpoint import Endpoint
from evokd.agents.llm.limiter import Limiter
from evokd.agents.llm.retry import LONGEST_WAIT, RetryPolicy
from evokd.agents.llm.teacher_settings import LimitSettings, RoleSettings
from evokd.agents.llm.transport import RecordingTransport
from tests.agents.asks import URL, make_drafts, make_settings
from tests.fake_time import now, run_fast
from tests.scripted import Say, completion

GOOD = make_drafts("the app crashes")
Handler = Callable[[dict[str, Any]], Any]
"""Gets a request's JSON; gives a status (200: a good reply) or a response, perhaps later."""


def respond(status: int, text: str = "", **headers: str) -> httpx2.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(status, headers=names, text=text)


class FakeServer:
    """A server whose models share a limiter and a retry policy. Make it in a running loop."""

    def __init__(
        self, handler: Handler, seconds: float = 600.0, retries: int = 2, most: int = 8, **limits: Any
    ) -> None:
        self.limiter = Limiter(most, LimitSettings.model_validate(limits), clock=now)
        self.retry_policy = RetryPolicy(retries, seconds, clock=now)
        self.requests: list[tuple[float, dict[str, Any]]] = []
        self.failures: list[Failure] = []
        self._handler = handler
        self._client = httpx2.AsyncClient(transport=RecordingTransport(httpx2.MockTransport(self._handle)))

    async def _handle(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        self.requests.append((now(), body))
        answer = self._handler(body)
        answer = await answer if asyncio.iscoroutine(answer) else answer
        if answer == 200:
            return httpx2.Response(200, json=completion(Say(GOOD)))
        return answer if isinstance(answer, httpx2.Response) else respond(answer, "no")

    def open(self, known: str | None = "json_schema", model: str = "m-1", timeout: float = 300.0) -> Endpoint:
        role = RoleSettings(model=model, base_url=URL)
        settings = make_settings(timeout=timeout)
        return Endpoint(role, settings, "no-key", self._client, self.limiter, self.retry_policy, known)

    async def ask(
        self,
        endpoint: Endpoint,
        seed: int = 1,
        reserve: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
        tokens: int = 100,
    ) -> Reply:
        call = Call([("user", "hello")], {"type": "object"}, "drafts", seed, "generator", tokens)
        return await endpoint.call(call, self._note, reserve)

    async def _note(self, failure: Failure) -> None:
        self.failures.append(failure)


# ----------------------------------------------------------------------------------------------------------- breaker


def test_an_endpoint_that_worked_is_given_up_when_nothing_has_worked_for_the_time_limit() -> None:
    async def play() -> None:
        server = FakeServer(lambda body: 200 if body["seed"] == 1 else 503, seconds=600.0, retries=1)
        endpoint = server.open()
        assert (await server.ask(endpoint)).error is None
        began = now()
        with pytest.raises(TeacherUnreachable, match=f"{URL}: the teacher keeps failing: HTTP 503: no"):
            await server.ask(endpoint, seed=2)
        assert 600 <= now() - began < 600 + LONGEST_WAIT
        times = [at for at, _ in server.requests[1:]]
        assert len(server.failures) == len(times) > 600 / LONGEST_WAIT
        assert max(after - before for before, after in itertools.pairwise(times)) <= LONGEST_WAIT

    run_fast(play())


def test_an_outage_that_ends_in_time_is_waited_for() -> None:
    async def play() -> None:
        server = FakeServer(lambda _: 200 if not 10 < now() < 590 else 502, seconds=600.0, retries=0)
        endpoint = server.open()
        await server.ask(endpoint)
        await asyncio.sleep(11)
        replies = await asyncio.gather(*(server.ask(endpoint, seed=seed) for seed in range(2, 6)))
        assert [reply.error for reply in replies] == [None] * 4
        assert {failure.status for failure in server.failures} == {502}

    run_fast(play())


def test_an_endpoint_that_never_answered_is_given_up_after_the_repeats() -> None:
    async def play() -> None:
        server = FakeServer(lambda _: 502, retries=3)
        with pytest.raises(TeacherUnreachable):
            await server.ask(server.open())
        assert len(server.requests) == 4
        assert now() < 8 * LONGEST_WAIT

    run_fast(play())


@pytest.mark.parametrize("asked", ["86400", "700"])
def test_a_server_that_asks_to_be_left_alone_for_too_long_is_given_up_at_once(asked: str) -> None:
    async def play() -> None:
        server = FakeServer(lambda _: respond(429, "tomorrow", retry_after=asked), seconds=600.0)
        with pytest.raises(TeacherUnreachable, match=rf"HTTP 429: tomorrow \(it asks to wait {int(asked):,} s\)"):
            await server.ask(server.open())
        assert len(server.requests) == 1
        assert now() < 1

    run_fast(play())


def test_all_calls_wait_as_long_as_the_server_asks_for() -> None:
    async def play() -> None:
        answers = iter([respond(429, "slower", retry_after="40"), *[200] * 5])
        server = FakeServer(lambda _: next(answers))
        endpoint = server.open()
        await asyncio.gather(*(server.ask(endpoint, seed=seed) for seed in range(5)))
        times = [at for at, _ in server.requests]
        first = [at for at in times if at < 1]
        assert len(first) < 5, "not all of them had left"
        assert min(set(times) - set(first)) >= 40

    run_fast(play())


def test_an_outage_costs_none_of_the_calls_that_were_under_way() -> None:
    async def play() -> None:
        async def answer(body: dict[str, Any]) -> int:
            await asyncio.sleep(body["seed"])
            return 502 if 3 < now() < 200 else 200

        server = FakeServer(answer, seconds=600.0, retries=1)
        endpoint = server.open()
        replies = await asyncio.gather(*(server.ask(endpoint, seed=seed) for seed in range(1, 9)))
        assert [reply.error for reply in replies] == [None] * 8
        assert len(server.failures) > 20

    run_fast(play())


def test_one_call_that_fails_for_ever_is_left_alone_while_others_work() -> None:
    async def play() -> None:
        server = FakeServer(lambda body: 500 if body["seed"] == 13 else 200, retries=2)
        endpoint = server.open()

        async def work() -> None:
            for seed in range(100, 140):
                await server.ask(endpoint, seed=seed)
                await asyncio.sleep(1)

        (bad, _) = await asyncio.gather(server.ask(endpoint, seed=13), work())
        assert (bad.error, bad.pieces) == ("HTTP 500: no", ())
        assert sum(body["seed"] == 13 for _, body in server.requests) == len(server.failures)
        assert 3 <= len(server.failures) <= 5, "once an answer to another one came between two of its failures"

    run_fast(play())


# ------------------------------------------------------------------------------------------------------ time limits


def test_a_late_call_gets_more_time_with_each_try() -> None:
    async def play() -> None:
        server = FakeServer(lambda _: asyncio.sleep(10_000), retries=4, seconds=100_000)
        with pytest.raises(TeacherUnreachable, match="no whole reply within 40 s"):
            await server.ask(server.open(timeout=10.0))
        assert [failure.message for failure in server.failures] == [
            f"no whole reply within {seconds} s" for seconds in (10, 20, 40, 40, 40)
        ]
        assert [failure.late and failure.sent for failure in server.failures] == [True] * 5

    run_fast(play())


def test_only_late_tries_make_the_limit_longer() -> None:
    async def play() -> None:
        answers = iter([502, asyncio.sleep(10_000), 502, asyncio.sleep(10_000), 200])
        server = FakeServer(lambda _: next(answers))
        endpoint = server.open(timeout=10.0)
        server.retry_policy.answered()
        assert (await server.ask(endpoint)).error is None
        message = [failure.message for failure in server.failures if failure.late]
        assert message == ["no whole reply within 10 s", "no whole reply within 20 s"]
        assert server.limiter.allowed < 8, "late is too much work"

    run_fast(play())


# ------------------------------------------------------------------------------------------- what is learned from it


@pytest.mark.parametrize(("status", "allowed"), [(429, 4), (503, 4), (529, 4), (500, 8), (502, 8)])
def test_too_much_work_halves_the_slots_and_other_failures_do_not(status: int, allowed: int) -> None:
    async def play() -> None:
        answers = iter([status, 200])
        server = FakeServer(lambda _: next(answers))
        seen: list[float] = []

        @asynccontextmanager
        async def reserve() -> Any:
            seen.append(server.limiter.allowed)
            yield

        await server.ask(server.open(), reserve=reserve)
        assert seen == [8, allowed]

    run_fast(play())


@pytest.mark.parametrize("message", ["boom", "For more information ask your administrator.", ""])
def test_a_passing_500_at_the_first_call_does_not_lower_the_ability(message: str) -> None:
    async def play() -> None:
        answers = iter([respond(500, message), 200])
        server = FakeServer(lambda _: next(answers))
        endpoint = server.open(known=None)
        await server.ask(endpoint)
        assert endpoint.known == "json_schema"

    run_fast(play())


@pytest.mark.parametrize(
    "message",
    [
        '{"error":{"code":500,"message":"failed to parse grammar","type":"server_error"}}',
        "1 validation error for Body: response_format.type: Input should be 'text' or 'json_object'",
        "Invalid FORMAT",
    ],
)
def test_a_500_that_names_the_form_lowers_the_ability_at_once(message: str) -> None:
    async def play() -> None:
        server = FakeServer(
            lambda body: respond(500, message) if body.get("response_format", {}).get("type") == "json_schema" else 200
        )
        endpoint = server.open(known=None)
        await server.ask(endpoint)
        assert endpoint.known == "json_object_schema"
        assert len(server.requests) == 2

    run_fast(play())


def test_a_model_that_is_still_loading_does_not_lose_its_ability_while_another_works() -> None:
    async def play() -> None:
        server = FakeServer(lambda body: 503 if body["model"] == "slow" and now() < 100 else 200, retries=2)
        quick, slow = server.open(), server.open(known=None, model="slow")

        async def work() -> None:
            for seed in range(120):
                await server.ask(quick, seed=seed)
                await asyncio.sleep(1)

        (left, _) = await asyncio.gather(server.ask(slow), work())
        assert left.error == "HTTP 503: no"
        assert slow.known is None
        assert (await server.ask(slow)).error is None
        assert slow.known == "json_schema"

    run_fast(play())


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (402, "pay first", "the account has no credit left: HTTP 402: pay first"),
        (429, '{"error":{"code":"insufficient_quota"}}', 'no credit left: HTTP 429: {"code": "insuff'),
    ],
)
def test_an_account_without_credit_is_no_storm(status: int, body: str, message: str) -> None:
    async def play() -> None:
        server = FakeServer(lambda _: respond(status, body, retry_after="1"))
        with pytest.raises(TeacherRefused) as caught:
            await server.ask(server.open())
        assert message in str(caught.value)
        assert len(server.requests) == 1

    run_fast(play())


def test_a_call_that_may_not_be_paid_for_takes_no_turn() -> None:
    async def play() -> None:
        server = FakeServer(lambda _: 200, requests_per_minute=1, tokens_per_minute=100)
        endpoint = server.open()
        await server.ask(endpoint)

        @asynccontextmanager
        async def shut() -> Any:
            raise BudgetSpent("budget.cycle.tokens")
            yield

        for seed in range(5):
            with pytest.raises(BudgetSpent):
                await server.ask(endpoint, seed=seed, reserve=shut)
        assert now() == 0, "raised at once"
        await server.ask(endpoint)
        assert now() == pytest.approx(72), "by what the first one has used, 120 tokens, and by nothing else"

    run_fast(play())


def test_each_try_asks_anew_whether_it_may_be_paid_for() -> None:
    async def play() -> None:
        server = FakeServer(lambda _: 503)
        seen: list[bool] = []

        @asynccontextmanager
        async def reserve() -> Any:
            if len(seen) == 2:
                raise BudgetSpent("budget.tokens")
            seen.append(True)
            yield

        endpoint = server.open()
        server.retry_policy.answered()
        with pytest.raises(BudgetSpent):
            await server.ask(endpoint, reserve=reserve)
        assert len(server.requests) == 2
        assert server.limiter.in_flight == 0

    run_fast(play())
