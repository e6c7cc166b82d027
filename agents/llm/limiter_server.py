"""Limiters that several processes share: a thread holds one per address, and whoever makes a call asks it for leave."""

import asyncio
import hmac
import json
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from evokd.agents.llm.limiter import Limiter
from evokd.agents.llm.limiter_wire import MAX_LINE, LimiterAddress, encode, notice_loss
from evokd.agents.llm.teacher_settings import LimitSettings
from evokd.messages import EvokdError

_GREETING = 10.0
"""Seconds in which a new connection must name its token."""


@contextmanager
def serve_limiters(host: str, sharers: int) -> Iterator[LimiterAddress]:
    """Share limiters with other processes until the block ends; no address has one yet.

    Args:
        host: address of this machine at which the processes find it.
        sharers: see `LimiterAddress`.

    Raises:
        EvokdError: this machine cannot be asked at that address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, 0), family=family)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        mend = "runs that call a language model are limited together at an address of this machine"
        raise EvokdError(f"{host}: cannot be listened on ({reason}); {mend}") from exc
    address = LimiterAddress(host, listener.getsockname()[1], secrets.token_hex(16), sharers)
    server = LimiterServer(address.token)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(server.run(listener),), daemon=True)
    thread.start()
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(server.stop.set)
        thread.join()
        loop.close()


class LimiterServer:
    """Holds the limiters. All of it happens in one event loop.

    Args:
        token: what a connection has to name first.
    """

    def __init__(self, token: str) -> None:
        self.stop = asyncio.Event()
        """Set to end `run`."""
        self._token = token
        self._limiters: dict[str, Limiter] = {}
        self._connections: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}

    async def run(self, listener: socket.socket) -> None:
        """Serve until `stop` is set."""
        server = await asyncio.start_server(self._serve, sock=listener, limit=MAX_LINE)
        await self.stop.wait()
        server.close()
        connections = dict(self._connections)
        for writer in connections.values():
            writer.transport.abort()  # its task ends by itself: asyncio would print that one was cancelled
        await asyncio.gather(*connections, return_exceptions=True)
        await asyncio.sleep(0)  # the loop closes their sockets

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            with suppress(OSError, ValueError, LookupError):  # gone, or none of ours
                notice_loss(writer)
                if await self._is_ours(reader):
                    writer.write(encode({"welcome": True}))
                    await _Session(self._limiters, writer).follow(reader)
        finally:
            del self._connections[task]
            writer.transport.abort()

    async def _is_ours(self, reader: asyncio.StreamReader) -> bool:
        async with asyncio.timeout(_GREETING):
            greeting = json.loads(await reader.readline())
        token = greeting.get("token") if isinstance(greeting, dict) else None
        return isinstance(token, str) and hmac.compare_digest(token.encode(), self._token.encode())


@dataclass
class _Turn:
    """A call that waits for its slot, or has it."""

    reserved: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class _Session:
    """The calls of one connection."""

    def __init__(self, limiters: dict[str, Limiter], writer: asyncio.StreamWriter) -> None:
        self._limiters, self._writer = limiters, writer
        self._turns: dict[int, _Turn] = {}

    async def follow(self, reader: asyncio.StreamReader) -> None:
        """Do what the messages say until the connection ends; then all slots are free."""
        try:
            async for line in reader:
                self._take(json.loads(line))
        finally:
            tasks = [turn.task for turn in self._turns.values() if turn.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _take(self, message: Mapping[str, Any]) -> None:
        match message:
            case {"do": "open", "url": url, "most": most, "limits": limits}:
                self._open(url, most, LimitSettings.model_validate(limits))
            case {"do": "take", "url": url, "call": call, "tokens": tokens}:
                turn = self._turns[call] = _Turn()
                turn.task = asyncio.create_task(self._hold(self._limiters[url], call, turn, tokens))
            case {"do": "reserved", "call": call}:
                self._turns[call].reserved.set()
            case {"do": "free", "call": call}:
                task = self._turns.pop(call).task
                assert task is not None
                task.cancel()
            case {"do": "settle", "url": url, "booked": booked, "used": used}:
                self._limiters[url].settle(booked, used)
            case {"do": "answered", "url": url, "role": role, "seconds": seconds}:
                self._limiters[url].answered(role, seconds)
            case {"do": "overloaded", "url": url, "wait": wait}:
                self._limiters[url].overloaded(wait)

    def _open(self, url: str, most: int, limits: LimitSettings) -> None:
        limiter = self._limiters.setdefault(url, Limiter(most, limits))
        limiter.tighten(most, limits)

    async def _hold(self, limiter: Limiter, call: int, turn: _Turn, tokens: int) -> None:
        """Hold a slot until the task is cancelled, with which a call ends."""
        async with limiter.slot(tokens, lambda: self._reservation(call, turn)):
            self._send({"call": call, "state": "start"})
            await asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def _reservation(self, call: int, turn: _Turn) -> AsyncIterator[None]:
        """Let the client reserve its share of the budget before the quotas are used."""
        self._send({"call": call, "state": "slot"})
        await turn.reserved.wait()
        yield

    def _send(self, message: Mapping[str, Any]) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode(message))
