"""One HTTP/1.1 connection of the chaos server: requests in, answers out, whole or broken in a chosen way."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import h11

LARGEST = 16 * 2**20
"""Bytes of the largest request that is read."""
PIECES = 16
"""Pieces in which a slow answer is sent."""


class GoneError(Exception):
    """The other side has closed the connection, or was ended."""


class ResetError(GoneError):
    """The other side was ended while there was something that it had not read."""


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    share: float = 1.0
    """Share of the body after which the connection ends; 0 ends it before the first byte of the answer."""
    seconds: float = 0.0
    """Time over which the body is spread."""
    reset: bool = False
    """How a broken connection ends: with a reset, or as if all were well."""


def json_answer(content: Any, status: int = 200) -> Answer:
    """An answer with JSON; ASCII alone, so that anything can be told."""
    return Answer(status, json.dumps(content).encode("ascii"), {"content-type": "application/json"})


class Connection:
    """One connection, kept open between requests.

    Raises:
        GoneError: from every method, when the other side is no longer there.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)

    async def receive(self, on_arrival: Callable[[], None] = lambda: None) -> Request:
        """Wait for a whole request; `on_arrival` is called when its head is there."""
        head = await self._event()
        if not isinstance(head, h11.Request):
            raise GoneError
        on_arrival()
        body = bytearray()
        while isinstance(event := await self._event(), h11.Data):
            body += event.data
            if len(body) > LARGEST:
                raise GoneError
        headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        return Request(head.method.decode(), head.target.decode(), headers, bytes(body))

    async def _event(self) -> Any:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as exc:
                raise GoneError from exc
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._read())
            elif isinstance(event, h11.ConnectionClosed):
                raise GoneError
            else:
                return event

    async def _read(self) -> bytes:
        try:
            return await self._reader.read(2**16)
        except ConnectionError as exc:
            raise ResetError from exc

    async def wait(self, seconds: float) -> None:
        """Let time pass, but no longer than the other side is there."""
        reading = asyncio.ensure_future(self._read())
        done, _ = await asyncio.wait({reading}, timeout=seconds)
        if not done:
            reading.cancel()
            await asyncio.wait({reading})
            return
        data = reading.result()
        if not data:
            raise GoneError
        self._http.receive_data(data)
        await asyncio.sleep(seconds)

    async def send(self, answer: Answer, on_begin: Callable[[], None] = lambda: None) -> bool:
        """Send an answer; says whether the connection may be used again."""
        if answer.share == 0:
            await self.close(answer.reset)
            return False
        headers = {**answer.headers, "content-length": str(len(answer.body))}
        head = self._http.send(h11.Response(status_code=answer.status, headers=list(headers.items())))
        body = answer.body[: int(len(answer.body) * answer.share)]
        await self._write(head)
        on_begin()
        await self._write_body(body, answer.seconds)
        if answer.share < 1:
            # what was written must be on its way before the connection ends
            await asyncio.sleep(0.02)
            await self.close(answer.reset)
            return False
        self._http.send(h11.EndOfMessage())
        if self._http.our_state is h11.MUST_CLOSE:
            await self.close(False)
            return False
        self._http.start_next_cycle()
        return True

    async def _write_body(self, body: bytes, seconds: float) -> None:
        size = max(1, -(-len(body) // PIECES)) if seconds else max(1, len(body))
        for start in range(0, len(body), size):
            if seconds:
                await asyncio.sleep(seconds / PIECES)
            await self._write(self._http.send(h11.Data(body[start : start + size])))

    async def _write(self, data: bytes | None) -> None:
        try:
            self._writer.write(data or b"")
            await self._writer.drain()
        except ConnectionError as exc:
            raise GoneError from exc

    async def close(self, reset: bool = False) -> None:
        """End the connection."""
        if reset:
            self._writer.transport.abort()
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return


async def listen(port: int, serve: Callable[[Connection], Awaitable[None]]) -> asyncio.Server:
    """Serve connections on a port of the loopback interface (0: a free one)."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        try:
            await serve(connection)
        except GoneError:
            pass
        finally:
            await connection.close()

    return await asyncio.start_server(handle, "127.0.0.1", port)


def port_of(server: asyncio.Server) -> int:
    """The port that a server listens on."""
    return int(server.sockets[0].getsockname()[1])
