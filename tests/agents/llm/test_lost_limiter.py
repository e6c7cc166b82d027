"""A server of limiters that goes away: its runs keep to their shares until it is there again."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from evokd.agents.llm import limiter_client
from evokd.agents.llm.limiter_server import LimiterServer
from evokd.agents.llm.limiter_wire import LimiterAddress
from tests.agents.llm.limited import Client, Crowd, connect


@asynccontextmanager
async def serving(listener: socket.socket) -> AsyncIterator[None]:
    """A server with the token `t`, until the block ends."""
    server = LimiterServer("t")
    task = asyncio.create_task(server.run(listener))
    try:
        yield
    finally:
        server.stop.set()
        await task


async def test_calls_that_wait_for_a_server_which_goes_away_go_on_with_the_share() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = LimiterServer("t")
    serving = asyncio.create_task(server.run(listener))
    crowd = Crowd()
    async with connect(LimiterAddress("127.0.0.1", listener.getsockname()[1], "t", 2), 2) as client:
        crowd.enter(client.limiter, 4)
        assert await crowd.count(2) == 2
        server.stop.set()
        await serving
        assert await crowd.count(3) == 3  # the share is one call, beside those already sent
        await crowd.leave()
        async with asyncio.timeout(5), client.limiter.slot(0):
            pass
    assert [message[:9] for message in client.told] == ["127.0.0.1"]


async def test_a_server_that_comes_back_limits_all_calls_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter_client, "_REDIAL", 0.05)
    crowd, late = Crowd(), Crowd()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    async with connect(LimiterAddress("127.0.0.1", port, "t", 2), 2) as client:
        async with serving(listener):
            crowd.enter(client.limiter, 3)
            assert await crowd.count(2) == 2
        late.enter(client.limiter, 2)
        assert await late.count(0) == 0  # the one call of the share is the third of before
        assert crowd.inside == 3
        async with (
            serving(socket.create_server(("127.0.0.1", port))),
            connect(LimiterAddress("127.0.0.1", port, "t", 2), 2) as other,
        ):
            while client.events != ["limiter_lost", "limiter_found"]:
                await asyncio.sleep(0.01)
            await crowd.leave()  # what was begun over the first connection is not told to the second
            assert await late.count(1) >= 1
            await late.leave()
            crowd.enter(client.limiter, 3)
            assert await crowd.count(2) == 2
            late.enter(other.limiter, 2)
            assert await late.count(0) == 0
            assert client.events == ["limiter_lost", "limiter_found"]
            await late.leave()
            await crowd.leave()
    assert client.told[1] == f"127.0.0.1:{port} limits the calls of all runs together again"


async def test_a_budget_that_is_reserved_while_the_server_goes_and_comes_ends_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limiter_client, "_REDIAL", 0.01)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    entered, may_go_on = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def reserve() -> AsyncIterator[None]:
        entered.set()
        await may_go_on.wait()
        yield

    async def call(client: Client) -> None:
        async with client.limiter.slot(0, reserve):
            pass

    async with connect(LimiterAddress("127.0.0.1", port, "t", 2), 2) as client:
        async with serving(listener):
            waiting = asyncio.create_task(call(client))
            await entered.wait()
        async with serving(socket.create_server(("127.0.0.1", port))):
            while client.events != ["limiter_lost", "limiter_found"]:
                await asyncio.sleep(0.01)
            may_go_on.set()
            await waiting
            async with asyncio.timeout(5), client.limiter.slot(0):
                pass
        assert client.events[:2] == ["limiter_lost", "limiter_found"]
