"""Clients of shared limiters, and calls that hold their slots."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evokd.agents.llm.limiter_client import LimiterClient, SharedLimiter
from evokd.agents.llm.limiter_wire import LimiterAddress
from evokd.agents.llm.teacher_settings import LimitSettings
from tests.agents.llm.caller import URL

FREE = LimitSettings()


class Client:
    """A connection to the limiters, with what it tells people."""

    def __init__(self, address: LimiterAddress, most: int, limits: LimitSettings = FREE, url: str = URL) -> None:
        self.told: list[str] = []
        self.events: list[str] = []
        self.connection = LimiterClient(address, self._hear)
        self.limiter: SharedLimiter = self.connection.limit(url, most, limits)

    def _hear(self, event: str, message: str) -> None:
        self.events.append(event)
        self.told.append(message)


@asynccontextmanager
async def connect(address: LimiterAddress, most: int, limits: LimitSettings = FREE) -> AsyncIterator[Client]:
    client = Client(address, most, limits)
    try:
        yield client
    finally:
        await client.connection.close()


class Crowd:
    """Calls that hold their slots until told otherwise."""

    def __init__(self) -> None:
        self.inside = 0
        self.tasks: list[asyncio.Task[None]] = []

    def enter(self, limiter: SharedLimiter, count: int) -> None:
        self.tasks += [asyncio.create_task(self._hold(limiter)) for _ in range(count)]

    async def _hold(self, limiter: SharedLimiter) -> None:
        async with limiter.slot(0):
            self.inside += 1
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.inside -= 1

    async def count(self, expected: int) -> int:
        """How many hold a slot: waits for so many, and then whether more come."""
        async with asyncio.timeout(20):
            while self.inside < expected:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.15)
        return self.inside

    async def leave(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks = []
