"""Calls by batch: collected, recorded, waited for; failures, expiry, kills, and nothing that is paid for twice."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import httpx2
import pytest

from evokd.agents.llm.attempt import TeacherRefused
from evokd.agents.llm.budget import NO_CAP, BudgetGuard, BudgetLimit, BudgetSpent
from evokd.agents.llm.client import LLMResponse, Teacher
from evokd.agents.llm.open_batch import BatchProgress
from evokd.messages import BY_BATCH, BatchRecord
from evokd.simulator import batches
from evokd.simulator.batches import BatchDesk, BatchScript
from evokd.tracing.ledger import Ledger
from tests.agents.asks import URL, make_ask, make_drafts, make_settings
from tests.servers.batches import DIRECT, PRICES, BatchServer

Open = Callable[..., Teacher]


def write(_: Any) -> dict[str, Any]:
    return make_drafts("the app crashes")


@pytest.fixture
async def client(ledger: Ledger) -> AsyncIterator[Open]:
    """Open clients of such servers, all with the test's ledger; keywords change the settings."""
    opened: list[Teacher] = []

    def make(server: BatchServer, run: BudgetLimit = NO_CAP, **changes: Any) -> Teacher:
        fields = {"batch": True, "batch_poll": 0.02, "prices": PRICES, **changes}
        transport = httpx2.ASGITransport(app=server.app)
        opened.append(Teacher(make_settings(**fields), ledger, transport, run=run, batches=ledger))
        return opened[-1]

    yield make
    for teacher in opened:
        await teacher.close()


async def ask_many(teacher: Teacher, count: int, first: int = 0) -> list[LLMResponse[Any]]:
    asks = [make_ask(span=f"c1-l{number}", seed=10 * number) for number in range(first, first + count)]
    return list(await asyncio.gather(*(teacher.ask(ask) for ask in asks)))


async def test_calls_in_flight_make_one_batch_at_half_the_price(client: Open, ledger: Ledger) -> None:
    server, seen = BatchServer(write), list[BatchProgress]()
    teacher = client(server)
    teacher.on_batch = seen.append
    answers = await ask_many(teacher, 40)
    assert all(answer.reply is not None and not answer.faults for answer in answers)
    assert (server.sizes, len(server.direct)) == ([39], 1), "the first call finds out what the server accepts"
    assert [(look.status, look.done) for look in seen] == [("in_progress", 19), ("finalizing", 39), ("completed", 39)]
    assert [look.next_look is None for look in seen] == [False, False, True]
    assert not any(look.is_found for look in seen)
    calls = ledger.calls()
    by_batch = [call for call in calls if BY_BATCH in call.flags]
    assert len(by_batch) == 39
    assert {(call.cost_usd, call.price_source) for call in by_batch} == {(DIRECT / 2, "user x 0.5")}
    assert server.paid == dict.fromkeys((call.key for call in by_batch), 1), "custom_id is the key of the call"
    assert ledger.batch_use() == {
        "calls": 39,
        "cost_usd": pytest.approx(39 * DIRECT / 2),
        "saved_usd": pytest.approx(39 * DIRECT / 2),
    }


async def test_a_role_alone_can_be_asked_by_batch(client: Open) -> None:
    server = BatchServer(write)
    teacher = client(server, batch=False, roles={"labeler": {"batch": True}})
    await ask_many(teacher, 3)
    asks = [make_ask(role="labeler", span=f"c1-l{number}", seed=number) for number in range(100, 104)]
    await asyncio.gather(*(teacher.ask(ask) for ask in asks))
    assert (server.sizes, len(server.direct)) == ([4], 3)


async def test_failed_calls_enter_the_next_batch_and_then_are_made_directly(client: Open, ledger: Ledger) -> None:
    server = BatchServer(write, BatchScript(fail=lambda batch, row: 500 if row < 4 >> batch else None))
    answers = await ask_many(client(server), 21)
    assert all(answer.reply is not None for answer in answers)
    assert (server.sizes, len(server.direct)) == ([20, 4], 3), "two of the four failed in two batches"
    assert set(server.paid.values()) == {1}
    failed = [call for call in ledger.calls() if call.status == "error"]
    assert len(failed) == 6
    assert {(call.input_tokens, call.cost_usd) for call in failed} == {(0, None)}
    assert failed[0].faults == ["HTTP 500: The server had an error."]


@pytest.mark.parametrize("end", ["expired", "cancelled"])
async def test_calls_of_a_batch_that_ends_early_enter_the_next_one(end: str, client: Open, ledger: Ledger) -> None:
    server = BatchServer(write, BatchScript(end=lambda batch: "completed" if batch else end))
    answers = await ask_many(client(server), 11)
    assert all(answer.reply is not None for answer in answers)
    assert (server.sizes, len(server.direct), set(server.paid.values())) == ([10, 5], 1, {1})
    reasons = {call.faults[0] for call in ledger.calls() if call.status == "error"}
    assert len(reasons) == 1
    assert f"not answered by the batch: batch_{end}: " in reasons.pop()


async def test_a_refused_form_is_found_out_directly_and_the_others_go_by_batch(client: Open) -> None:
    server = BatchServer(write, refuse_schema=True)
    await ask_many(client(server), 5)
    assert [body["response_format"]["type"] for body in server.direct] == ["json_schema", "json_object"]
    assert (server.sizes, server.desk.batches[0]["request_counts"]["failed"]) == ([4], 0)


async def test_a_form_that_batches_alone_refuse_costs_one_batch(client: Open, ledger: Ledger) -> None:
    ledger.remember_ability(URL, "m-1", "json_schema")
    server = BatchServer(write, refuse_schema=True)
    answers = await ask_many(client(server), 6)
    assert all(answer.reply is not None for answer in answers)
    assert (server.sizes, set(server.paid.values())) == ([6, 5], {1}), "one finds out directly, five go on by batch"


async def test_a_part_that_batches_refuse_is_left_out_of_the_next_one(client: Open, ledger: Ledger) -> None:
    ledger.remember_ability(URL, "m-1", "json_schema")
    server = BatchServer(write, refuse_seed=True)
    answers = await ask_many(client(server), 3)
    assert all(answer.reply is not None for answer in answers)
    assert (server.sizes, server.direct) == ([3, 3], [])
    refused = [call.flags for call in ledger.calls() if call.status == "error"]
    assert len(refused) == 3
    assert all(flags[:2] == [BY_BATCH, "adapted"] for flags in refused)


async def test_a_batch_beyond_what_may_wait_is_sent_in_halves(client: Open) -> None:
    server = BatchServer(write, BatchScript(end=lambda batch: "completed" if batch else "failed"))
    answers = await ask_many(client(server), 13)
    assert all(answer.reply is not None for answer in answers)
    assert server.sizes == [12, 6, 6]
    assert set(server.paid.values()) == {1}


async def test_a_batch_that_is_refused_parks_the_run_with_its_reason(client: Open, ledger: Ledger) -> None:
    server = BatchServer(write, BatchScript(end=lambda _: "failed"))
    with pytest.raises(TeacherRefused, match=r"batch batch_\d was refused: token_limit_exceeded: .*batch=false makes"):
        await ask_many(client(server), 4)
    assert ledger.open_batches(URL, "m-1") == [], "nothing of it will ever come"


async def interrupt(teacher: Teacher, count: int, until: Callable[[], bool]) -> None:
    """Ask, and stop as a signal does once something has happened."""
    asked = asyncio.create_task(ask_many(teacher, count))
    while not until():
        await asyncio.sleep(0.005)
    await teacher.land(asyncio.Event(), lambda *_: None)
    asked.cancel()
    with suppress(asyncio.CancelledError):
        await asked
    await teacher.close()


async def test_a_stopped_run_goes_on_with_the_open_batch(client: Open, ledger: Ledger) -> None:
    server = BatchServer(write, BatchScript(seconds=0.4))
    await interrupt(client(server), 9, lambda: bool(ledger.open_batches(URL, "m-1")) and bool(server.sizes))
    (record,) = ledger.open_batches(URL, "m-1")
    assert (len(record.keys), [call.status for call in ledger.calls()]) == (8, ["ok"]), "no call is lost"
    answers = await ask_many(client(server), 12)
    assert all(answer.reply is not None for answer in answers)
    assert sorted(server.sizes) == [3, 8], "three calls are new"
    assert (set(server.paid.values()), len(server.direct)) == ({1}, 1)
    assert ledger.open_batches(URL, "m-1") == []


async def test_a_batch_that_was_made_while_the_run_was_killed_is_found_by_its_token(
    client: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = BatchServer(write, BatchScript(seconds=0.2))
    monkeypatch.setattr(ledger, "name_batch", lambda *_: asyncio.current_task().cancel())  # type: ignore[union-attr]
    await interrupt(client(server), 6, lambda: len(server.desk.batches) == 1)
    monkeypatch.undo()
    (record,) = ledger.open_batches(URL, "m-1")
    assert record.batch is None, "killed between the making of the batch and the storing of its id"
    second, seen = client(server), list[BatchProgress]()
    second.on_batch = seen.append
    assert all(answer.reply is not None for answer in await ask_many(second, 6))
    assert all(look.is_found for look in seen)
    assert (len(server.desk.batches), set(server.paid.values())) == (1, {1})


async def test_a_batch_that_was_never_made_is_sent_after_a_kill(
    client: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = BatchServer(write)
    monkeypatch.setattr("evokd.agents.llm.batch_api.BatchApi.create", lambda *_: asyncio.sleep(60))
    await interrupt(client(server), 6, lambda: bool(ledger.open_batches(URL, "m-1")))
    monkeypatch.undo()
    assert all(answer.reply is not None for answer in await ask_many(client(server), 6))
    assert (len(server.desk.batches), set(server.paid.values())) == (1, {1})


async def test_replies_of_a_batch_are_used_after_a_kill_between_its_end_and_their_records(
    client: Open, ledger: Ledger
) -> None:
    server = BatchServer(write)
    first = client(server)
    seen: list[str] = []
    first.on_batch = lambda look: seen.append(look.status)
    await interrupt(first, 30, lambda: "completed" in seen)
    paid = sum(server.paid.values())
    assert paid == 29
    assert all(answer.reply is not None for answer in await ask_many(client(server), 30))
    assert sum(server.paid.values()) == paid, "nothing was asked again"


async def test_batches_that_are_turned_off_end_early_and_what_is_done_counts(client: Open, ledger: Ledger) -> None:
    server = BatchServer(write, BatchScript(seconds=60))
    await interrupt(client(server), 9, lambda: bool(server.sizes))
    answers = await ask_many(client(server, batch=False), 9)
    assert all(answer.reply is not None for answer in answers)
    assert server.desk.batches[0]["status"] == "cancelled"
    assert (sum(server.paid.values()), len(server.direct)) == (4, 1 + 4), "half of the eight were done"


async def test_a_batch_that_the_server_does_not_know_is_never_paid_for_again_unasked(
    client: Open, ledger: Ledger
) -> None:
    server, other = BatchServer(write, BatchScript(seconds=60)), BatchServer(write)
    await interrupt(client(server), 5, lambda: bool(server.sizes))
    with pytest.raises(TeacherRefused, match=r"4 calls are in that batch: is it the key of the same account"):
        await ask_many(client(other), 5)
    assert (other.sizes, other.direct) == ([], [])
    answers = await ask_many(client(other, batch=False), 5)
    assert all(answer.reply is not None for answer in answers)
    assert len(other.direct) == 4


async def test_a_batch_whose_file_cannot_be_read_is_never_paid_for_again_unasked(
    client: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of a proxy in place of the outcomes."""
    server, keep = BatchServer(write), BatchDesk._keep
    page = b"<html>gateway</html>"
    monkeypatch.setattr(
        BatchDesk, "_keep", lambda desk, use, content: keep(desk, use, page if use == "batch_output" else content)
    )
    impatient = {"limits": {"patience": 0.1}}
    with pytest.raises(TeacherRefused, match=r"no line can be read; it begins with '<html>.*'; 4 calls are in that"):
        await ask_many(client(server, **impatient), 5)
    assert (server.sizes, len(server.direct)) == ([4], 1)
    answers = await ask_many(client(server, batch=False, **impatient), 5)
    assert all(reply.reply is not None for reply in answers)
    assert (server.sizes, len(server.direct)) == ([4], 1 + 4)


@pytest.mark.parametrize("missing", [0, 1, 3])
async def test_calls_that_a_batch_has_left_out_are_counted_and_asked_again(
    missing: int, client: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server says itself that it has done fewer."""
    server, keep, seen = BatchServer(write), BatchDesk._keep, list[BatchProgress]()
    tell, kept = batches._Batch.tell, 4 - missing

    def told(batch: batches._Batch) -> dict[str, Any]:
        shown = tell(batch)
        if batch.id == "batch_1" and batch.status == "completed":
            shown["request_counts"]["completed"] = kept
        return shown

    def lose(desk: BatchDesk, use: str, content: bytes) -> str:
        is_first = use == "batch_output" and desk.batches[0]["output_file_id"] is None
        return keep(desk, use, b"".join(content.splitlines(True)[:kept]) if is_first else content)

    monkeypatch.setattr(batches._Batch, "tell", told)
    monkeypatch.setattr(BatchDesk, "_keep", lose)
    teacher = client(server)
    teacher.on_batch = seen.append
    assert all(answer.reply is not None for answer in await ask_many(teacher, 5))
    assert [(look.calls, look.missing) for look in seen if look.missing] == ([(4, missing)] if missing else [])
    assert server.sizes == ([4, missing] if missing else [4])
    assert len([look for look in seen if look.batch == "batch_1" and look.next_look is None]) == 1 + bool(missing)


@pytest.mark.parametrize("end", ["expired", "cancelled"])
async def test_what_a_batch_that_ended_early_has_not_done_is_not_missing(end: str, client: Open) -> None:
    server, seen = BatchServer(write, BatchScript(end=lambda batch: "completed" if batch else end)), list[int]()
    teacher = client(server)
    teacher.on_batch = lambda look: seen.append(look.missing)
    await ask_many(teacher, 5)
    assert not any(seen)


async def test_an_unknown_batch_is_given_up_while_another_one_is_still_looked_for(
    client: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, other = BatchServer(write, BatchScript(seconds=60)), BatchServer(write)
    await interrupt(client(server), 5, lambda: bool(server.sizes))
    monkeypatch.setattr("evokd.agents.llm.batch_api.BatchApi.find", lambda *_: asyncio.sleep(0.1))
    ledger.add_batch(BatchRecord("token", URL, "m-1", ("another call",), time.time()))
    answers = await ask_many(client(other, batch=False), 5)
    assert all(answer.reply is not None for answer in answers)
    assert (len(other.direct), ledger.open_batches(URL, "m-1")) == (4, [])


async def test_a_role_that_has_batches_of_its_own_is_named_where_they_fail(client: Open) -> None:
    server = BatchServer(write, BatchScript(end=lambda _: "failed"))
    teacher = client(server, batch=False, roles={"generator": {"batch": True}})
    with pytest.raises(TeacherRefused, match=r"\(--set teacher\.roles\.generator\.batch=false makes calls directly\)"):
        await ask_many(teacher, 2)


async def spend(teacher: Teacher, count: int) -> int:
    """Ask as long as the budget lasts; returns how many calls it refused."""
    asked = [teacher.ask(make_ask(span=f"c1-l{number}", seed=10 * number)) for number in range(count)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    return sum(isinstance(answer, BudgetSpent) for answer in answers)


def assert_within(ledger: Ledger, tokens: int) -> None:
    """A call takes 1,100 tokens, and about 700 are expected: a handful of calls fits at the same time."""
    spent = ledger.usage()
    assert tokens <= spent["input_tokens"] + spent["output_tokens"] < tokens + 7 * 1_100


async def test_calls_beyond_the_budget_are_not_uploaded(client: Open, ledger: Ledger) -> None:
    server = BatchServer(write)
    assert await spend(client(server, run=BudgetLimit(tokens=5_000)), 40) > 30
    assert_within(ledger, 5_000)
    assert sum(server.paid.values()) + len(server.direct) == ledger.usage()["calls"]


async def test_a_direct_try_after_a_batch_reserves_the_full_price(
    client: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.remember_ability(URL, "m-1", "json_schema")
    reserved, real = list[float](), BudgetGuard.reserve

    def note(guard: BudgetGuard, cycle: int, tokens: int, usd: float) -> Any:
        reserved.append(usd)
        return real(guard, cycle, tokens, usd)

    monkeypatch.setattr(BudgetGuard, "reserve", note)
    server = BatchServer(write, BatchScript(fail=lambda *_: 500))
    await ask_many(client(server, run=BudgetLimit(usd=1.0), batch_tries=1), 1)
    assert (server.sizes, len(server.direct)) == ([1], 1)
    assert reserved == [pytest.approx(reserved[1] / 2), reserved[1]]
    assert reserved[1] > 0


async def test_the_budget_holds_for_a_batch_that_was_never_made(
    client: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = BatchServer(write)
    with monkeypatch.context() as patch:
        patch.setattr("evokd.agents.llm.batch_api.BatchApi.create", lambda *_: asyncio.sleep(60))
        await interrupt(client(server), 40, lambda: bool(ledger.open_batches(URL, "m-1")))
    assert await spend(client(server, run=BudgetLimit(tokens=5_000)), 40) > 30
    assert_within(ledger, 5_000)


@pytest.mark.parametrize("keeps_metadata", [True, False])
async def test_a_batch_is_not_made_twice_if_the_answer_to_its_making_is_lost(
    keeps_metadata: bool, client: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, lost = BatchServer(write), list[str]()
    if not keeps_metadata:
        tell = batches._Batch.tell
        monkeypatch.setattr(batches._Batch, "tell", lambda batch: {**tell(batch), "metadata": None})

    async def drop_first(self: httpx2.ASGITransport, request: httpx2.Request) -> httpx2.Response:
        response = await real(self, request)
        if (request.method, request.url.path) == ("POST", "/v1/batches") and not lost:
            lost.append("the server has made the batch")
            raise httpx2.ReadError("connection lost")
        return response

    real = httpx2.ASGITransport.handle_async_request
    monkeypatch.setattr(httpx2.ASGITransport, "handle_async_request", drop_first)
    assert all(answer.reply is not None for answer in await ask_many(client(server), 5))
    assert (len(lost), len(server.desk.batches), set(server.paid.values())) == (1, 1, {1})
