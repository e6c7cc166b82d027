"""The client's side of limiters that several processes share: asks for leave before a call, and tells how it went."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any

from evokd.agents.llm.limiter import Limiter, Reservation
from evokd.agents.llm.limiter_wire import MAX_LINE, LimiterAddress, encode, notice_loss
from evokd.agents.llm.teacher_settings import LimitSettings

_DIAL = 10.0
"""Seconds in which the server must have answered to a new connection."""
_REDIAL = 15.0
"""Seconds until a server that cannot be reached is asked again."""

OnChange = Callable[[str, str], None]
"""Called with `limiter_lost` or `limiter_found`, and a line for people."""


def share_limits(most: int, limits: LimitSettings, sharers: int) -> Limiter:
    """Make a limiter for one of several runs that do not hear of one another: each keeps to an equal part.

    Args:
        most: calls in flight of all of them together.
        limits: quotas of all of them together.
        sharers: how many there are.
    """
    quotas = (limits.requests_per_minute, limits.tokens_per_minute)
    requests, tokens = (None if quota is None else quota / sharers for quota in quotas)
    update = {"requests_per_minute": requests, "tokens_per_minute": tokens}
    return Limiter(max(1, most // sharers), limits.model_copy(update=update))


@dataclass
class _Turn:
    """A call, as the server sees it; both are False once the server cannot be reached."""

    slot: "asyncio.Future[bool]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    start: "asyncio.Future[bool]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class LimiterClient:
    """Connection to the server of the limiters, opened by the first call. One that is lost is opened anew when it can.

    Args:
        address: where the server is.
        on_change: called if the server cannot be reached, and when it is again.
    """

    def __init__(self, address: LimiterAddress, on_change: OnChange) -> None:
        self._address = address
        self._on_change = on_change
        self._opening = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None
        self._redialing: asyncio.Task[None] | None = None
        self._is_lost = False
        self.connections = 0
        """How many there were; each knows only what was said over it."""
        self._turns: dict[int, _Turn] = {}
        self._calls = 0

    def limit(self, url: str, most: int, limits: LimitSettings) -> "SharedLimiter":
        """Give the limiter of an address.

        Args:
            url: the address.
            most: maximum number of calls in flight, of all who share the limiter.
            limits: their quotas.
        """
        return SharedLimiter(self, url, most, limits, share_limits(most, limits, self._address.sharers))

    async def connect(self) -> bool:
        """Connect if that was not tried before; says whether the server can be asked."""
        async with self._opening:
            if self._writer is None and not self._is_lost:
                try:
                    await self._dial()
                except OSError as exc:
                    self._lose(exc)
        return not self._is_lost

    async def _dial(self) -> None:
        """Open a connection.

        Raises:
            OSError: the server cannot be reached; `TimeoutError` is one.
        """
        async with asyncio.timeout(_DIAL):
            reader, self._writer = await _open(self._address)
        self.connections += 1
        self._listener = asyncio.create_task(self._listen(reader))

    async def _redial(self) -> None:
        """Try again and again to reach the server."""
        while self._is_lost:
            await asyncio.sleep(_REDIAL)
            with suppress(OSError):
                await self._dial()
                self._is_lost = False
        where = f"{self._address.host}:{self._address.port}"
        self._on_change("limiter_found", f"{where} limits the calls of all runs together again")

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        cause: Exception = ConnectionError("the connection has ended")
        try:
            async for line in reader:
                message = json.loads(line)
                turn = self._turns.get(message["call"])
                if turn is not None:
                    _answer(turn.slot if message["state"] == "slot" else turn.start, True)
        except (OSError, ValueError) as exc:
            cause = exc
        self._lose(cause)

    def _lose(self, cause: Exception) -> None:
        self._is_lost = True
        if self._writer is not None:
            self._writer.transport.abort()
        for turn in self._turns.values():
            _answer(turn.slot, False)
            _answer(turn.start, False)
        self._redialing = asyncio.create_task(self._redial())
        where, reason = self._address, _explain(cause)
        self._on_change(
            "limiter_lost",
            f"{where.host}:{where.port}, which limits the calls of all runs together, cannot be reached ({reason});"
            f" this run keeps to its share, 1/{where.sharers} of teacher.concurrency and teacher.limits",
        )

    @contextmanager
    def take(self, url: str, tokens: int) -> Iterator[tuple[int, _Turn]]:
        """Ask for a slot, which is free again when the block ends; gives the call's number."""
        self._calls += 1
        call, turn, connection = self._calls, _Turn(), self.connections
        self._turns[call] = turn
        self.send({"do": "take", "url": url, "call": call, "tokens": tokens})
        try:
            yield call, turn
        finally:
            del self._turns[call]
            if connection == self.connections:  # else its slot was free when the connection was lost
                self.send({"do": "free", "call": call})

    def send(self, message: Mapping[str, Any]) -> bool:
        """Send a message; says whether there is a connection."""
        if self._writer is None or self._is_lost:
            return False
        self._writer.write(encode(message))
        return True

    async def close(self) -> None:
        """End the connection."""
        tasks = [task for task in (self._redialing, self._listener) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._writer is not None:
            self._writer.transport.abort()
            await asyncio.sleep(0)  # the loop closes the socket


async def _open(address: LimiterAddress) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection, and name the token.

    Raises:
        OSError: there is no server, or it does not let this run in.
    """
    reader, writer = await asyncio.open_connection(address.host, address.port, limit=MAX_LINE)
    try:
        notice_loss(writer)
        writer.write(encode({"token": address.token}))
        if not await reader.readline():
            raise ConnectionError("it does not let this run in")
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer


class SharedLimiter:
    """The limiter of one address as the server holds it; where that cannot be reached, one with this run's share.

    Args:
        client: the connection to the server.
        url: the address.
        most: see `LimiterClient.limit`.
        limits: see there.
        share: takes over while the server cannot be reached. Calls in flight when it does so, and when it ends, do not
            count in what follows.
    """

    def __init__(self, client: LimiterClient, url: str, most: int, limits: LimitSettings, share: Limiter) -> None:
        self._client = client
        self._url = url
        self._opening = {"do": "open", "url": url, "most": most, "limits": limits.model_dump(mode="json")}
        self._opened_on = 0
        self._share = share

    @asynccontextmanager
    async def slot(self, tokens: int, reserve: Reservation = nullcontext) -> AsyncIterator[None]:
        """Hold one of the slots; see `Limiter.slot`."""
        async with AsyncExitStack() as held:
            if not await self._enter_shared(held, tokens, reserve):
                await held.enter_async_context(self._share.slot(tokens, reserve))
            yield

    async def _enter_shared(self, held: AsyncExitStack, tokens: int, reserve: Reservation) -> bool:
        """Wait for the server's leave, and let `held` hold the slot; False, with nothing held, if it has gone."""
        if not await self._client.connect():
            return False
        if self._opened_on != self._client.connections:
            self._opened_on = self._client.connections
            self._client.send(self._opening)
        async with AsyncExitStack() as tried:
            call, turn = tried.enter_context(self._client.take(self._url, tokens))
            if not await turn.slot:
                return False
            await tried.enter_async_context(reserve())
            if not turn.start.done():  # else the connection was lost meanwhile
                self._client.send({"do": "reserved", "call": call})
            if not await turn.start:
                return False
            await held.enter_async_context(tried.pop_all())
        return True

    def settle(self, booked: int, used: int) -> None:
        """Correct the quota of tokens once the use of a call is known."""
        if not self._client.send({"do": "settle", "url": self._url, "booked": booked, "used": used}):
            self._share.settle(booked, used)

    def answered(self, role: str, seconds: float) -> None:
        """Learn from a response."""
        if not self._client.send({"do": "answered", "url": self._url, "role": role, "seconds": seconds}):
            self._share.answered(role, seconds)

    def overloaded(self, wait: float | None) -> None:
        """Learn that the server is overloaded; `wait`: seconds that it asks to wait."""
        if not self._client.send({"do": "overloaded", "url": self._url, "wait": wait}):
            self._share.overloaded(wait)


def _explain(cause: Exception) -> str:
    number = cause.errno if isinstance(cause, OSError) else None
    # asyncio has written the address into the error, which is told anyway
    return os.strerror(number) if number and number > 0 else str(cause) or "no answer in time"


def _answer(future: "asyncio.Future[bool]", value: bool) -> None:
    if not future.done():
        future.set_result(value)
