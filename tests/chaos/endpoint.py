"""The teacher that the chaos server plays: settings, going down and coming up, answers good and bad."""

import asyncio
import json
import math
import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from evokd.simulator.corpus import Corpus
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import RequestError, find_message, read_turns
from evokd.simulator.roles import answer
from tests.chaos import faults
from tests.chaos.book import Book, Entry
from tests.chaos.wire import Answer, Connection, Request, ResetError, json_answer, listen, port_of

LONGEST = 2_000
"""Characters of a draft that are read to label it."""
DOWN = {"503": 503, "200": 429}
"""Ways to be down in which everything is answered -> the status of the error."""
_PATH = re.compile(r"(?:/t/(?P<tag>[\w.-]+))?/v1/chat/completions")
_BLOCK = re.compile(r'<message kind="\w+">(?P<body>.*?)</message>', re.DOTALL)


@dataclass(frozen=True)
class Settings:
    """How the server behaves."""

    seed: int = 0
    rate: float = 0.0
    """Share of requests that get a fault, 0 to 1."""
    kinds: tuple[str, ...] = faults.KINDS
    latency: float = 0.0
    """Seconds until an answer."""
    spread: float = 0.0
    """How much that differs from request to request: 0.5 is from half to one and a half of the latency."""
    retry_after: float = 1.0
    """Seconds that a `rate_limit` asks to wait."""
    slow: float = 1.0
    """Seconds over which a `slow` answer is spread."""
    echo: bool = False
    """Whether errors repeat the key that a request brought."""
    down: str | None = None
    """`refuse`: nobody listens, open connections are cut; `503`: everything is answered with that; `200`: with an error
    429 inside an answer with status 200."""
    down_after: int | None = None
    """Goes down by itself (as `down_how` says) after so many complete answers, counted from when it is set."""
    down_how: str = "503"
    down_for: float | None = None
    """Seconds after which it is up again by itself; None waits to be told."""
    status: int | None = None
    """Answers everything with this status."""
    revoke_at: int | None = None
    """The request of this number, counted from 1 when it is set, is refused at once with 401; the others are not."""
    noise: float = 0.0
    """Share of labels that are given wrong."""


@dataclass
class Chaos:
    """The server's inside."""

    corpora: Mapping[str, Corpus]
    settings: Settings
    book: Book = field(default_factory=Book)

    def __post_init__(self) -> None:
        self._known: dict[str, Any] = {}
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._open: set[Connection] = set()
        self._listener: asyncio.Server | None = None
        self._rising: asyncio.TimerHandle | None = None
        self._answers_left: int | None = self.settings.down_after
        self._revoke_in: int | None = self.settings.revoke_at
        self.port = 0

    # ------------------------------------------------------------------------------------------------- up and down

    async def start(self) -> None:
        """Listen, on the same port every time."""
        if self._listener is None:
            self._listener = await listen(self.port, self.serve)
            self.port = port_of(self._listener)

    async def change(self, changes: Mapping[str, Any]) -> None:
        """Change settings; going down and coming up takes effect at once."""
        changes = {**changes, **({"kinds": tuple(changes["kinds"])} if "kinds" in changes else {})}
        self.settings = replace(self.settings, **changes)
        if "revoke_at" in changes:
            self._revoke_in = self.settings.revoke_at
        if "down_after" in changes:
            self._answers_left = self.settings.down_after
        if self._rising is not None:
            self._rising.cancel()
            self._rising = None
        if self.settings.down == "refuse":
            await self._refuse()
        else:
            await self.start()
        if self.settings.down and self.settings.down_for is not None:
            loop = asyncio.get_running_loop()
            self._rising = loop.call_later(
                self.settings.down_for, lambda: loop.create_task(self.change({"down": None}))
            )

    async def _refuse(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        for connection in list(self._open):
            await connection.close(reset=True)

    async def _note_answer(self) -> None:
        if self._answers_left is not None:
            self._answers_left -= 1
            if self._answers_left <= 0:
                self._answers_left = None
                await self.change({"down": self.settings.down_how})

    # ---------------------------------------------------------------------------------------------------- requests

    async def serve(self, connection: Connection) -> None:
        """Serve one connection, request after request."""
        self._open.add(connection)
        last: Entry | None = None
        try:
            again = True
            while again:
                came: list[float] = []
                try:
                    request = await connection.receive(lambda came=came: came.append(time.monotonic()))  # type: ignore[misc]
                except ResetError:
                    if last is not None:
                        last.unread = True
                    raise
                path = _PATH.fullmatch(urlsplit(request.path).path)
                if path is None or request.method != "POST":
                    again = await connection.send(
                        error_answer(404, f"no such address: {request.method} {request.path}")
                    )
                else:
                    again, last = await self._complete(connection, request, path["tag"] or "", came[0])
        finally:
            self._open.discard(connection)

    async def _complete(
        self, connection: Connection, request: Request, tag: str, arrived: float
    ) -> tuple[bool, Entry | None]:
        try:
            body = json.loads(request.body)
            turns, (kind, message) = read_turns(body["messages"]), find_message(body["messages"])
            corpus = self.corpora[body["model"]]
        except (ValueError, KeyError, TypeError, RequestError) as exc:
            refusal = error_answer(400, f"the chaos server cannot read this request: {exc!r}")
            return await connection.send(refusal), None
        entry = self.book.open(tag, request.body, turns, body.get("seed"), kind, arrived)
        _check_fence(entry, turns, self.book.injected(tag))
        try:
            reply = await self._answer(entry, request, corpus, body, turns, message)
            spread = 1 + self.settings.spread * (2 * faults.share("latency", entry.body) - 1)
            await connection.wait(self.settings.latency * spread * (entry.fault != "revoked"))
            if self.settings.down in DOWN:
                reply = self._failure(entry, request, DOWN[self.settings.down], "down")
            # whether the answer was complete is known only when the last byte was handed over
            again = await connection.send(reply, lambda: setattr(entry, "begun", time.monotonic()))
            entry.done = time.monotonic()
            if entry.status == 200 and reply.share == 1:
                entry.answered = entry.done
                await self._note_answer()
            return again, entry
        finally:
            self.book.close(entry, time.monotonic())

    async def _answer(
        self,
        entry: Entry,
        request: Request,
        corpus: Corpus,
        body: dict[str, Any],
        turns: list[tuple[str, str]],
        message: dict[str, Any],
    ) -> Answer:
        settings = self.settings
        entry.marker = f"chaos-{entry.tag or 'all'}-{entry.number}-{entry.body[:8]}"
        if settings.down in DOWN or settings.status:
            status = settings.status or DOWN[settings.down or "503"]
            return self._failure(entry, request, status, "down" if settings.down else "refused")
        if self._is_revoked():
            return self._failure(entry, request, 401, "revoked")
        fault = faults.choose(settings.seed, settings.rate, settings.kinds, entry.body, entry.nth, entry.kind)
        entry.fault = fault
        if fault in faults.STATUS:
            return self._failure(entry, request, faults.STATUS[fault], fault)
        content = await self._content(entry, corpus, body, message)
        said = faults.damage(fault, content, entry.kind) if fault in faults.CONTENT else faults.whole(content)
        if settings.echo and fault == "fenced":
            said = replace(said, text=f"{said.text} I was called with {request.headers.get('authorization')}.")
        entry.status, entry.sent, entry.injected = 200, said.as_read(), said.injected
        entry.prompt_tokens = math.ceil(sum(len(text) for _, text in turns) / 4)
        entry.completion_tokens = math.ceil(len(said.text) / 4)
        sent = said.encode(_completion(entry, body["model"], said))
        headers = {"content-type": "application/json"}
        if fault in faults.BROKEN:
            part = 0.0 if fault == "dropped" else 0.5
            entry.sent = sent[: int(len(sent) * part)].decode("utf-8", "replace")
            reset = faults.share(settings.seed, "reset", entry.body, entry.nth) < 0.5
            return Answer(200, sent, headers, share=part, reset=reset)
        return Answer(200, sent, headers, seconds=settings.slow if fault in faults.SLOW else 0.0)

    def _is_revoked(self) -> bool:
        """Count a request; whether it is the one that is refused."""
        if self._revoke_in is not None:
            self._revoke_in -= 1
        return self._revoke_in == 0

    async def _content(self, entry: Entry, corpus: Corpus, body: dict[str, Any], message: dict[str, Any]) -> Any:
        seed = body.get("seed")
        key = f"{body['model']}/{entry.call}/{self.settings.noise}"
        if key not in self._known:
            settings = RehearsalSettings(noise=self.settings.noise)
            arguments = (entry.kind, _shorten(message), corpus, settings, seed if isinstance(seed, int) else 0)
            self._known[key] = await asyncio.get_running_loop().run_in_executor(self._thread, answer, *arguments)
        return self._known[key]

    def _failure(self, entry: Entry, request: Request, status: int, fault: str) -> Answer:
        """An error as servers and gateways write it, with the request's key in it where `echo` is set."""
        entry.fault, entry.status, entry.injected = fault, status, ()
        # whoever keeps an error cuts it somewhere: the key stands at many places, most often near 600 characters
        place = faults.share(self.settings.seed, "padding", entry.body, entry.nth)
        padding = "." * int(960 * place if place < 0.5 else 420 + 120 * place)
        key = request.headers.get("authorization", "").removeprefix("Bearer ") if self.settings.echo else ""
        told = f"{entry.marker} {padding}{f' the key was {key}' if key else ''}"
        headers = {"x-request-key": key, "x-request-id": entry.marker} if key else {"x-request-id": entry.marker}
        if fault == "rate_limit":
            headers["retry-after"] = f"{self.settings.retry_after:g}"
        reply = error_inside(status, told) if self.settings.down == "200" else error_answer(status, told)
        if fault == "bad_gateway":
            reply = Answer(status, f"<html><h1>502 Bad Gateway</h1>{told}</html>".encode())
        entry.sent = reply.body.decode()
        return replace(reply, headers={**reply.headers, **headers})


def _completion(entry: Entry, model: str, said: faults.Said) -> str:
    usage = {"prompt_tokens": entry.prompt_tokens, "completion_tokens": entry.completion_tokens}
    choice = {"index": 0, "finish_reason": said.finish, "message": {"role": "assistant", "content": said.text}}
    return json.dumps(
        {
            "id": entry.marker,
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [choice],
            "usage": {**usage, "total_tokens": sum(usage.values())},
        },
        ensure_ascii=False,
    )


def _check_fence(entry: Entry, turns: list[tuple[str, str]], injected: set[str]) -> None:
    """Note where a request lets a text out of its block, and which injected texts it brings back unchanged."""
    brought: list[str] = []
    for role, text in turns:
        if role == "assistant":
            continue
        blocks = list(_BLOCK.finditer(text))
        outside = _BLOCK.sub("", text)
        wanted = int(role == "user")
        if len(blocks) != wanted:
            entry.astray = f"{len(blocks)} message blocks in a {role} turn"
        if role == "user" and not text.endswith("</message>"):
            entry.astray = "a user turn does not end with its block"
        if any(trick in outside for trick in faults.INJECTIONS) or "</message" in outside:
            entry.astray = f"an injected text stands outside the block of a {role} turn"
        for block in blocks:
            brought += _strings(json.loads(block["body"]))
    entry.returned = tuple(sorted(injected & set(brought)))


def _shorten(message: dict[str, Any]) -> dict[str, Any]:
    """A message whose drafts can be labelled in no time; the corpus has no text that is as long as the limit."""
    drafts = message.get("drafts")
    if not isinstance(drafts, list):
        return message
    return {**message, "drafts": [{**draft, "text": draft["text"][:LONGEST]} for draft in drafts]}


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in _strings(item)]


def error_answer(status: int, message: str) -> Answer:
    return json_answer({"error": {"message": message, "type": "chaos", "param": None, "code": None}}, status)


def error_inside(status: int, message: str) -> Answer:
    """An error in an answer whose own status says that all is well, as routers between servers write it."""
    error = {"message": message, "code": status, "metadata": {"raw": "Too Many Requests"}}
    return json_answer({"id": None, "choices": None, "usage": None, "error": error})
