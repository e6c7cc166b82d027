"""The time limit of a reply: time in which the event loop stood still does not count against it."""

import asyncio
import socket
import threading
import time

import pytest

from evokd.agents.llm.time_limit import limit_time


async def test_a_limit_ends_the_block_in_time() -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with limit_time(0.1):
            await asyncio.sleep(20)
    assert 0.1 <= time.monotonic() - began < 5


async def test_what_comes_in_time_is_given_and_no_limit_stays_behind() -> None:
    async with limit_time(0.05):
        pass
    await asyncio.sleep(0.1)
    with pytest.raises(KeyError):
        async with limit_time(0.05):
            raise KeyError
    await asyncio.sleep(0.1)


async def test_a_cancellation_from_outside_stays_one() -> None:
    async def wait() -> None:
        async with limit_time(20):
            await asyncio.sleep(20)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("comes", [True, False])
async def test_a_reply_that_came_while_the_loop_stood_still_is_read(comes: bool) -> None:
    here, there = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=here)
    if comes:
        threading.Timer(0.1, there.sendall, (b"paid\n",)).start()

    async def ask() -> bytes:
        async with limit_time(0.3):
            return await reader.readline()

    task = asyncio.create_task(ask())
    await asyncio.sleep(0)
    time.sleep(0.8)  # as a database that is away lets it
    if comes:
        assert await task == b"paid\n"
    else:
        with pytest.raises(TimeoutError):
            await task
    there.close()
    writer.close()


async def test_a_loop_that_stands_still_again_and_again_does_not_hold_off_the_limit() -> None:
    async def stall() -> None:
        while True:
            time.sleep(0.4)
            await asyncio.sleep(0)

    stalling = asyncio.create_task(stall())
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with limit_time(0.05):
            await asyncio.sleep(20)
    assert time.monotonic() - began < 5
    stalling.cancel()
