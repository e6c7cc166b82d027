"""The page of a review: an app that shows the texts that wait, and stores each decision at once.

Who may read and write proves it by a key: it stands in the address that the command prints, behind the `#`, where no
request and no log holds it, and the page sends it with every request.
"""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from evokd.messages import EvokdError, InputError, name_set
from evokd.messages.page_guard import guard_pages
from evokd.review.marking import MarkingError, list_entities, mark_answer, read_marked
from evokd.review.pending import ACTIONS, NewDecision, Pending, ReviewItem, ReviewSession
from evokd.tracing.rows import Answer

STATIC = Path(__file__).with_name("static")
_FILES = {"review.js": "text/javascript", "review.css": "text/css"}
TOKEN_HEADER = "X-Review-Key"
_LARGEST = 2**20
"""Bytes of the largest request."""


def make_token() -> str:
    """Make a key for a page, which nobody can guess."""
    return secrets.token_urlsafe(24)


def create_app(session: ReviewSession, run: str, token: str) -> Starlette:
    """Make the app.

    Args:
        session: reads what waits and stores decisions.
        run: name of the run.
        token: the key that requests must bring.
    """
    pages = _Pages(session, run, token)
    return Starlette(
        routes=[
            Route("/", pages.show),
            Route("/static/{file}", pages.send_file),
            Route("/api/review", pages.read),
            Route("/api/decide", pages.decide, methods=["POST"]),
        ],
        middleware=[Middleware(guard_pages, methods=("GET", "HEAD", "POST"))],
        exception_handlers={HTTPException: _refuse},
    )


class _Pages:
    """What the routes lead to."""

    def __init__(self, session: ReviewSession, run: str, token: str) -> None:
        self._session = session
        self._run = run
        self._token = token

    async def show(self, _: Request) -> Response:
        """The page, which holds no text of the run."""
        return FileResponse(STATIC / "page.html", media_type="text/html")

    async def send_file(self, request: Request) -> Response:
        """The script or the style of the page."""
        name = request.path_params["file"]
        if name not in _FILES:
            raise HTTPException(404, "no such file")
        return FileResponse(STATIC / name, media_type=_FILES[name])

    async def read(self, request: Request) -> Response:
        """All texts that wait, with what was decided so far."""
        self._check_token(request)
        try:
            pending = await run_in_threadpool(self._session.read)
        except EvokdError as exc:
            return _tell(422, str(exc))
        labels = [{"name": name, "meaning": meaning} for name, meaning in pending.meanings.items()]
        head = {"run": self._run, "cycle": pending.cycle, "reviewer": self._session.reviewer}
        items = [_show_item(pending, item) for item in pending.items]
        return JSONResponse(
            {**head, "labels": labels, "entities": pending.has_entities, "sets": pending.has_sets, "items": items}
        )

    async def decide(self, request: Request) -> Response:
        """Store a decision, `{"id", "action", "label" or "marked"}`; answers with the text as it is now."""
        self._check_token(request)
        asked = await _read_object(request)
        try:
            pending, item = await run_in_threadpool(self._decide, asked)
        except (EvokdError, MarkingError) as exc:
            return _tell(422, str(exc))
        return JSONResponse(_show_item(pending, item))

    def _decide(self, asked: Mapping[str, str]) -> tuple[Pending, ReviewItem]:
        pending = self._session.read()
        action = next((known for known in ACTIONS if known == asked.get("action")), None)
        if action is None:
            raise InputError(f"action: one of: {', '.join(ACTIONS)}")
        name = asked.get("id", "")
        answer = _read_answer(pending, pending.find(name).text, asked) if action == "correct" else None
        self._session.decide(NewDecision(name, action, answer))
        pending = self._session.read()
        return pending, pending.find(name)

    def _check_token(self, request: Request) -> None:
        sent = request.headers.get(TOKEN_HEADER, "")
        if not secrets.compare_digest(sent.encode(), self._token.encode()):
            raise HTTPException(403, "the key is missing or wrong; open the address that evokd review has printed")


def _read_answer(pending: Pending, text: str, asked: Mapping[str, str]) -> Answer:
    if not pending.has_entities:
        return asked.get("label", "")
    # a text field of a browser has line feeds alone
    flat = text.replace("\r\n", "\n").replace("\r", "\n")
    if flat != text:
        raise InputError("this text has line ends that a page cannot keep; correct it by file")
    return read_marked(text, asked.get("marked", ""), pending.codec.labels)


async def _read_object(request: Request) -> dict[str, str]:
    """Read a JSON object of texts.

    Raises:
        HTTPException: it is none, or too large.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            raise HTTPException(413, f"more than {_LARGEST:,} bytes")
    try:
        value = json.loads(body)
    except ValueError as exc:
        raise HTTPException(400, "the request is not JSON") from exc
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise HTTPException(400, "the request is not an object of texts")
    return value


def _show_item(pending: Pending, item: ReviewItem) -> dict[str, Any]:
    """A text as the page shows it; answers with entities as pieces of the text, each with its label or null."""
    decision = item.decision
    current = decision.answer if decision and decision.answer is not None else item.proposed
    return {
        "id": item.id,
        "text": item.text,
        "why": item.why,
        "weakness": item.weakness,
        "real": item.is_real,
        "answer": None if pending.has_entities else current,
        "marked": mark_answer(item.text, current),
        "pieces": _cut(item.text, current),
        "opinions": [_show_opinion(pending, item.text, opinion.who, opinion.answer) for opinion in item.opinions],
        "sure": item.student["confidence"] if item.student else None,
        "decision": {"action": decision.action, "reviewer": decision.reviewer} if decision else None,
    }


def _show_opinion(pending: Pending, text: str, who: str, answer: Answer) -> dict[str, Any]:
    if isinstance(answer, str):
        return {"who": who, "label": answer, "pieces": None}
    if pending.has_sets:
        return {"who": who, "label": name_set(answer), "pieces": None}
    return {"who": who, "label": None, "pieces": _cut(text, answer), "marked": mark_answer(text, answer)}


def _cut(text: str, answer: Answer | None) -> list[tuple[str, str | None]]:
    pieces, behind = list[tuple[str, str | None]](), 0
    for entity in list_entities(answer):
        pieces.append((text[behind : entity["start"]], None))
        pieces.append((text[entity["start"] : entity["end"]], entity["label"]))
        behind = entity["end"]
    return [*pieces, (text[behind:], None)]


async def _refuse(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    return _tell(exc.status_code, exc.detail)


def _tell(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status)
