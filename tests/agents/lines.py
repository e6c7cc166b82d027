"""Servers of single connections, told byte by byte what to do."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.agents.asks import make_drafts
from tests.scripted import Say, completion

GOOD = make_drafts("the app crashes")
BODY = json.dumps(completion(Say(GOOD))).encode()
Answer = Callable[["Line", dict[str, Any]], Awaitable[None]]


class Line:
    """A connection as the server sees it."""

    def __init__(self, server: "Server", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer

    async def serve(self, answer: Answer) -> None:
        while head := await self._reader.readline():
            headers: dict[str, str] = {}
            while line := (await self._reader.readline()).strip():
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            body = await self._reader.readexactly(int(headers.get("content-length", 0)))
            request = {"target": head.decode().split()[1], "headers": headers, "body": json.loads(body or b"{}")}
            self._server.requests.append(request)
            await answer(self, request)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def reply(self, body: bytes = BODY, status: str = "200 OK", **headers: str) -> None:
        fields = {"content-type": "application/json", "content-length": str(len(body)), **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await self.send(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body)

    def hang_up(self) -> None:
        self._writer.close()


class Server:
    """A server that answers as told, and remembers connections and requests."""

    def __init__(self, answer: Answer) -> None:
        self.connections = 0
        self.requests: list[dict[str, Any]] = []
        self.url = ""
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await Line(self, reader, writer).serve(self._answer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client has gone, or the test has ended
        finally:
            writer.close()

    async def stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


Serve = Callable[[Answer], Awaitable[Server]]


async def answer_well(line: Line, _: dict[str, Any]) -> None:
    await line.reply()


def redirect(to: Callable[[], str], then: Answer = answer_well, status: int = 307) -> Answer:
    async def answer(line: Line, request: dict[str, Any]) -> None:
        if request["target"].startswith("/moved"):
            await then(line, request)
        else:
            where = f"{to()}/moved{request['target']}"
            await line.reply(b"{}", f"{status} Moved", location=where)

    return answer
