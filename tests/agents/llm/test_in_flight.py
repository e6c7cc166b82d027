"""Calls whose asker has gone: they come to their own end, and what the server answered is in the ledger."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from evokd.agents.llm.attempt import TeacherRefused
from evokd.agents.llm.client import Teacher
from evokd.tracing.ledger import Ledger
from tests.agents.asks import make_ask, make_drafts
from tests.agents.conftest import Open

GOOD = make_drafts("the app crashes")


def held(answer: Any, until: asyncio.Event) -> Callable[[Any], Any]:
    """A step that answers when it may."""

    async def step(_: Any) -> Any:
        await until.wait()
        return answer

    return step


async def land(teacher: Teacher, hurry: asyncio.Event | None = None) -> list[tuple[int, float]]:
    told: list[tuple[int, float]] = []
    await teacher.land(hurry or asyncio.Event(), lambda calls, seconds: told.append((calls, seconds)))
    return told


async def leave(asking: "asyncio.Task[Any]", script: Any, requests: int) -> None:
    """Cancel the asker once the server has got so many requests."""
    while len(script.requests) < requests:
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize("answer", [GOOD, "no JSON"], ids=["ok", "fault"])
async def test_a_reply_that_comes_after_its_asker_has_gone_is_stored_and_used_by_the_next(
    door: Open, ledger: Ledger, answer: Any
) -> None:
    may = asyncio.Event()
    teacher, script = door([held(answer, may)], timeout=60)
    await leave(asyncio.create_task(teacher.ask(make_ask())), script, 1)
    asyncio.get_running_loop().call_later(0.02, may.set)
    ((calls, seconds),) = await land(teacher)
    assert (calls, 0 < seconds <= 60) == (1, True)
    assert [call.status for call in ledger.calls()] == ["ok" if answer is GOOD else "fault"]
    assert ledger.spent(None)[0] == 120
    assert teacher.asks_again(ledger.calls()[0]) is False
    again, _ = door([], max_reprompts=0)
    assert (await again.ask(make_ask())).call_id == ledger.calls()[0].id


@pytest.mark.parametrize("failure", [(503, "busy"), (400, "response_format?"), "no seed"], ids=str)
async def test_a_call_whose_asker_has_gone_is_not_tried_again(door: Open, ledger: Ledger, failure: Any) -> None:
    may = asyncio.Event()
    teacher, script = door([held((400, "no seed") if failure == "no seed" else failure, may)])
    await leave(asyncio.create_task(teacher.ask(make_ask())), script, 1)
    may.set()
    await land(teacher)
    assert [call.status for call in ledger.calls()] == ["error"]
    assert len(script.requests) == 1


async def test_what_is_hurried_is_booked_as_lost(door: Open, ledger: Ledger) -> None:
    teacher, script = door([GOOD, held(GOOD, asyncio.Event())])
    await teacher.ask(make_ask(seed=1))
    await leave(asyncio.create_task(teacher.ask(make_ask(seed=20))), script, 2)
    hurry = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, hurry.set)
    await land(teacher, hurry)
    lost = ledger.calls()[-1]
    assert (lost.status, lost.estimated, lost.faults) == ("lost", True, ["left under way when the run was stopped"])
    assert lost.input_tokens > 0
    assert lost.output_tokens == 20, "the usual reply of the role"
    assert ledger.find_call(lost.key) is None


async def test_a_door_that_closes_books_what_is_under_way_and_makes_no_new_call(door: Open, ledger: Ledger) -> None:
    teacher, script = door([held(GOOD, asyncio.Event())])
    asking = asyncio.create_task(teacher.ask(make_ask()))
    while not script.requests:
        await asyncio.sleep(0)
    await teacher.close()
    with pytest.raises(asyncio.CancelledError):
        await teacher.ask(make_ask(seed=99))
    assert [call.status for call in ledger.calls()] == ["lost"]
    asking.cancel()


async def test_calls_that_wait_for_their_turn_hear_of_a_refusal_and_are_not_sent(door: Open, ledger: Ledger) -> None:
    may = asyncio.Event()
    teacher, script = door([GOOD, (401, "no key"), held(GOOD, may)], concurrency=2)
    await teacher.ask(make_ask(seed=1))
    asks = [asyncio.create_task(teacher.ask(make_ask(seed=10 * n, span=f"c1-l{n}"))) for n in range(1, 6)]
    done, left = await asyncio.wait(asks, timeout=1)
    assert len(left) == 1, "the one that is under way"
    assert all(isinstance(task.exception(), TeacherRefused) for task in done)
    may.set()
    await land(teacher)
    assert len(script.requests) == 3
    assert [call.status for call in ledger.calls()] == ["ok", "error", "ok"]
    await asyncio.gather(*left, return_exceptions=True)
