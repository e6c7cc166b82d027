"""Limiters that several processes share: together they keep to the limits of one, whatever becomes of any of them."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, replace
from typing import Any

import pytest

from evokd.agents.llm import limiter_client
from evokd.agents.llm.client import Teacher
from evokd.agents.llm.limiter import Limiter
from evokd.agents.llm.limiter_client import share_limits
from evokd.agents.llm.limiter_server import serve_limiters
from evokd.agents.llm.limiter_wire import LimiterAddress, encode
from evokd.agents.llm.memory_store import MemoryStore
from evokd.agents.llm.teacher_settings import LimitSettings, TeacherSettings
from evokd.messages import EvokdError
from tests.agents.llm.caller import URL
from tests.agents.llm.limited import FREE, Crowd, connect


@pytest.fixture
def address() -> Iterator[LimiterAddress]:
    with serve_limiters("127.0.0.1", 4) as served:
        yield served


def start_caller(address: LimiterAddress, **order: Any) -> "subprocess.Popen[str]":
    text = json.dumps({"address": asdict(address), **order})
    command = [sys.executable, "-m", "tests.agents.llm.caller", text]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def read_calls(process: "subprocess.Popen[str]") -> list[tuple[float, float]]:
    """When each call of another process began and ended."""
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = [json.loads(line) for line in printed.splitlines()]
    assert not any("lost" in line for line in lines)
    return [tuple(line["call"]) for line in lines if "call" in line]


# ----------------------------------------------------------------------------------------------------- two processes


def test_two_processes_together_have_no_more_calls_in_flight_than_one_may_have(address: LimiterAddress) -> None:
    callers = [start_caller(address, most=3, calls=12, seconds=0.05) for _ in range(2)]
    first, second = (read_calls(caller) for caller in callers)
    assert len(first) == len(second) == 12
    steps = sorted([step for began, ended in [*first, *second] for step in ((began, 1), (ended, -1))])
    in_flight = [sum(change for _, change in steps[: end + 1]) for end in range(len(steps))]
    assert max(in_flight) == 3


def test_two_processes_together_keep_a_quota_within_one_call(address: LimiterAddress) -> None:
    quota = {"requests_per_minute": 600}  # one in 100 ms
    callers = [start_caller(address, most=8, limits=quota, calls=8, seconds=0.0) for _ in range(2)]
    starts = sorted(began for caller in callers for began, _ in read_calls(caller))
    assert len(starts) == 16
    for count in range(3, 16):
        shortest = min(last - first for first, last in zip(starts, starts[count:], strict=False))
        assert shortest > (count - 1) * 0.1 - 0.05, f"{count + 1} calls within {shortest:.3f} s"


async def test_a_process_that_is_killed_keeps_no_slot(address: LimiterAddress) -> None:
    other = start_caller(address, most=2, calls=2, seconds=60.0)
    assert other.stdout is not None
    for _ in range(2):
        assert "began" in await asyncio.to_thread(other.stdout.readline)
    crowd = Crowd()
    async with connect(address, 2) as client:
        crowd.enter(client.limiter, 3)
        assert await crowd.count(0) == 0
        other.kill()
        assert await crowd.count(2) == 2
        await crowd.leave()
    other.communicate()


async def test_a_refusal_that_one_process_meets_slows_all_of_them_down(address: LimiterAddress) -> None:
    other = start_caller(address, most=8, calls=1, seconds=60.0, overloaded=True)
    assert other.stdout is not None
    assert "began" in await asyncio.to_thread(other.stdout.readline)
    crowd = Crowd()
    async with connect(address, 8) as client:
        crowd.enter(client.limiter, 8)
        assert await crowd.count(3) == 3  # of four slots the other process has one
        await crowd.leave()
    other.kill()
    other.communicate()


# ----------------------------------------------------------------------------------------------- what goes over a line


class SpentError(Exception):
    pass


@asynccontextmanager
async def refuse() -> AsyncIterator[None]:
    raise SpentError
    yield


async def test_a_slot_is_freed_by_whatever_ends_a_call(address: LimiterAddress) -> None:
    crowd = Crowd()
    async with connect(address, 1) as client:
        with pytest.raises(SpentError):
            async with client.limiter.slot(0, refuse):
                raise AssertionError("a call without its share of the budget")
        with pytest.raises(KeyError):
            async with client.limiter.slot(0):
                raise KeyError
        crowd.enter(client.limiter, 3)  # one holds, two wait
        assert await crowd.count(1) == 1
        crowd.tasks[1].cancel()
        crowd.tasks[0].cancel()
        assert await crowd.count(1) == 1
        await crowd.leave()
        async with asyncio.timeout(5), client.limiter.slot(0):
            pass
        assert client.told == []


async def test_a_budget_that_is_spent_uses_up_no_quota(address: LimiterAddress) -> None:
    async with connect(address, 1, LimitSettings(requests_per_minute=0.5)) as client:
        for _ in range(3):
            with pytest.raises(SpentError):
                async with client.limiter.slot(0, refuse):
                    pass
        async with asyncio.timeout(5), client.limiter.slot(0):
            pass


async def test_tokens_that_were_not_used_are_given_back_to_all(address: LimiterAddress) -> None:
    limits = LimitSettings(tokens_per_minute=1_000)
    async with connect(address, 2, limits) as first, connect(address, 2, limits) as second:
        async with first.limiter.slot(100_000):
            first.limiter.settle(100_000, 1)
        async with asyncio.timeout(5), second.limiter.slot(1):
            pass


async def test_the_smallest_of_several_limits_holds_and_addresses_have_their_own(address: LimiterAddress) -> None:
    crowd = Crowd()
    async with connect(address, 8) as wide, connect(address, 2) as narrow:
        crowd.enter(narrow.limiter, 1)
        assert await crowd.count(1) == 1
        crowd.enter(wide.limiter, 5)
        assert await crowd.count(2) == 2
        crowd.enter(wide.connection.limit("http://127.0.0.1:8/v1", 3, FREE), 5)
        assert await crowd.count(5) == 5
        await crowd.leave()


def test_a_narrower_quota_of_one_run_holds_for_all() -> None:
    limiter = Limiter(8, LimitSettings(requests_per_minute=600, tokens_per_minute=60))
    limiter.tighten(2, LimitSettings(requests_per_minute=60, tokens_per_minute=6_000))
    limiter.tighten(4, FREE)
    assert (limiter.most, limiter.allowed) == (2, 2.0)
    assert (limiter._requests._gap, limiter._tokens._gap) == (1.0, 1.0)


async def test_a_stranger_is_not_let_in_and_a_broken_line_ends_one_connection_alone(address: LimiterAddress) -> None:
    for greeting in (b"GET / HTTP/1.1\r\n\r\n", b"[]\n", encode({"token": 1}), encode({"token": "x"}), b"\xff\n"):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(greeting)
        assert await reader.read() == b""
        writer.close()
    crowd = Crowd()
    async with connect(address, 2) as client:
        crowd.enter(client.limiter, 1)
        assert await crowd.count(1) == 1
        for line in (b"{\n", b"[]" * 40_000, encode({"do": "take", "url": "?", "call": 1, "tokens": 1})):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(encode({"token": address.token}))
            assert b"welcome" in await reader.readline()
            writer.write(line)
            assert await reader.read() == b""
            writer.close()
        crowd.enter(client.limiter, 2)
        assert await crowd.count(2) == 2
        await crowd.leave()


# --------------------------------------------------------------------------------------------------------- no server


@pytest.mark.parametrize("fault", ["nobody listens", "another token", "no answer"])
async def test_without_a_server_a_run_keeps_to_its_share_and_says_so_once(
    address: LimiterAddress, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        if fault == "nobody listens":
            address = replace(address, port=1)
        elif fault == "another token":
            address = replace(address, token="x")
        else:
            address = replace(address, port=mute.getsockname()[1])
            monkeypatch.setattr(limiter_client, "_DIAL", 0.1)
        crowd = Crowd()
        async with connect(address, 9) as client:
            crowd.enter(client.limiter, 6)
            assert await crowd.count(2) == 2  # a fourth of nine
            client.limiter.overloaded(None)
            client.limiter.answered("labeler", 1.0)
            client.limiter.settle(1, 2)
            await crowd.leave()
        (message,) = client.told
        assert message.startswith(f"127.0.0.1:{address.port}, which limits the calls of all runs together, cannot be")
        assert message.endswith("this run keeps to its share, 1/4 of teacher.concurrency and teacher.limits")


def test_a_share_is_never_nothing() -> None:
    limits = LimitSettings(requests_per_minute=60, patience=5)
    shared = share_limits(10, limits, 4)
    assert (shared.most, shared._requests._gap, shared._tokens._gap) == (2, 4.0, 0.0)
    assert share_limits(2, limits, 4).most == 1


def test_an_address_that_is_not_this_machine_is_refused() -> None:
    with pytest.raises(EvokdError, match=r"192\.0\.2\.1: cannot be listened on"), serve_limiters("192.0.2.1", 1):
        pass


async def test_a_teacher_closes_its_connection(address: LimiterAddress) -> None:
    settings = TeacherSettings(model="m", base_url=URL, concurrency=1)
    store = MemoryStore()
    teacher, lost = Teacher(settings, store, limiters=address), []
    teacher.on_limiter = lambda event, message: lost.append((event, message))
    limiter = teacher._limit(URL)
    held = AsyncExitStack()
    await held.enter_async_context(limiter.slot(0))
    await teacher.close()  # with a call in flight
    async with connect(address, 1) as client, asyncio.timeout(5), client.limiter.slot(0):
        pass
    await held.aclose()
    assert lost == []


async def test_leave_comes_quickly(address: LimiterAddress) -> None:
    """The other tests of this machine may run beside; by itself it takes a fifth of a millisecond."""
    async with connect(address, 1) as client:
        took = []
        for _ in range(60):
            began = time.perf_counter()
            async with client.limiter.slot(0):
                took.append(time.perf_counter() - began)
        assert sorted(took)[20] < 0.02
