"""One try of one call: a reply, or a failure that says what went wrong and whether it can heal."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from evokd.agents.llm.chat import Turn, make_chat, send
from evokd.agents.llm.compatibility import Quirks, adapt_turns, write_sampling
from evokd.agents.llm.error_reports import Report, find_report, read_json
from evokd.agents.llm.in_flight import STOPPED, take_back
from evokd.agents.llm.redaction import make_redactor
from evokd.agents.llm.refusals import UNTOLD, Refusal, read_refusal
from evokd.agents.llm.response_body import Body, ReplyPart, read_body
from evokd.agents.llm.retry import read_retry_after
from evokd.agents.llm.teacher_settings import RoleSettings
from evokd.agents.llm.transport import RECORDED, RecordedResponse
from evokd.messages import EvokdError

if TYPE_CHECKING:
    import httpx2
    import openai

__all__ = ["Call", "Failure", "Reply", "TeacherError", "Turn", "ModelConnection"]

FATAL = {
    401: "the key is refused",
    402: "the account has no credit left",
    403: "access is denied",
    404: "no such model or address",
    405: "no such address",
}
REFUSALS = (400, 413, 415, 422, 501)
OVERLOADED = (429, 503, 529)
MAX_TOLD = 600
"""Characters of a server's words in an error; the ledger has all of them."""
_NO_CREDIT = "insufficient_quota"
_HINTS = {
    "prompt": "a filter of the server refuses this prompt, which is left out",
    "length": "the prompt is too long for the model and left out (shorter ones: curriculum.quotas.lesson,"
    " curriculum.label_examples, curriculum.tone)",
}


class TeacherError(EvokdError):
    """The teacher cannot be used; the run is parked and can be resumed.

    ::

        TeacherError (exit code 3)
        +-- TeacherUnreachable   no answer, or 429 / 5xx for longer than the patience lasts
        +-- TeacherRefused       the endpoint says no: key, model name, request
        +-- TeacherUseless       replies come, but none of them can be used
    """

    exit_code: ClassVar[int] = 3


class TeacherUnreachable(TeacherError):
    """No answer, or 429 / 5xx for longer than the patience lasts."""


class TeacherRefused(TeacherError):
    """The endpoint says no to the key, the model's name or the request as such."""


class TeacherUseless(TeacherError):
    """Replies come, but none of them can be used."""


@dataclass(frozen=True)
class Call:
    """What is sent, apart from the rung of the ladder."""

    turns: Sequence[Turn]
    schema: dict[str, Any]
    name: str
    """Name of the schema on the wire."""
    seed: int
    role: str
    tokens: int
    """What it will probably read and write."""
    optional: bool = False
    """A refusal of it says nothing about the endpoint."""


@dataclass(frozen=True)
class Reply:
    """What came back from one call; `pieces` is empty and `error` set where the server refused this request alone."""

    pieces: tuple[ReplyPart, ...]
    """Texts in which the reply may stand, the likeliest first."""
    tokens: tuple[int, int] | None
    ability: str
    flags: tuple[str, ...] = ()
    error: str | None = None
    seconds: float = 0.0
    raw: str = ""
    """The whole body as it came."""


@dataclass(frozen=True)
class Failure:
    """A try that brought no reply."""

    ability: str
    kind: Literal["passing", "refused", "fatal"]
    """`passing` may heal by itself; `refused`: this form of the request; `fatal`: everything of this kind."""
    told: str
    """What went wrong, for people."""
    raw: str
    """What the server sent, as far as it came; else what went wrong."""
    seconds: float
    status: int | None = None
    """HTTP status of a whole answer, or the one that an error inside an answer with status 200 stands for."""
    wait: float | None = None
    """Seconds that the server asks to be left alone."""
    sent: bool = False
    """The request had gone out and no whole answer came: the server may have worked, and may charge for it."""
    late: bool = False
    """The time limit ran out."""
    refusal: Refusal = UNTOLD
    """What a refused request was refused for."""
    tokens: tuple[int, int] | None = None
    """What a failed reply used, where the server counts it."""
    flags: tuple[str, ...] = ()

    @property
    def own(self) -> bool:
        """Whether the server says that it failed over this request, and not that it is down or busy."""
        return self.status == 500 or self.refusal.about == "reply"

    @property
    def overloaded(self) -> bool:
        """Whether less work at a time may help."""
        return self.late or self.status in OVERLOADED


class ModelConnection:
    """Sends to one model at one address.

    Args:
        model: its name.
        role: sampling; `base_url` must be set.
        api_key: the key, never stored anywhere else.
        client: HTTP client to send with.
    """

    def __init__(self, model: str, role: RoleSettings, api_key: str, client: "httpx2.AsyncClient") -> None:
        self._strike = make_redactor(api_key)
        self._role = role
        self._chat = make_chat(model, role.base_url, api_key, client)

    async def send(
        self, call: Call, form: dict[str, Any] | None, ability: str, quirks: Quirks, limit: float
    ) -> Reply | Failure:
        """Try once.

        Args:
            call: what to send.
            form: the `response_format`, None for plain text.
            ability: the rung of the ladder that `form` stands for.
            quirks: what the endpoint does not take.
            limit: seconds until the whole reply must be there.
        """
        import openai

        tape, trouble = RecordedResponse(), ""
        token = RECORDED.set(tape)
        began = time.monotonic()
        body = write_sampling(self._role, call.seed, quirks) | ({"response_format": form} if form else {})
        try:
            async with asyncio.timeout(limit):
                await send(self._chat, adapt_turns(call.turns, quirks), body)
        except openai.APIStatusError as exc:
            return self._refusal(exc, ability, time.monotonic() - began)
        except (openai.APIConnectionError, TimeoutError) as exc:
            return self._break(exc, ability, tape, time.monotonic() - began, limit)
        except asyncio.CancelledError:
            if not take_back():
                raise
            came = self._clean(tape.text()) or STOPPED
            return Failure(ability, "passing", STOPPED, came, time.monotonic() - began, sent=True)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as exc:
            trouble = str(exc)  # where langchain reads what is no chat completion; here it is read from the tape
        finally:
            RECORDED.reset(token)
        came = tape.text() or trouble or f"an empty body with HTTP {tape.status}"
        return self._read(came, ability, time.monotonic() - began)

    def _read(self, text: str, ability: str, seconds: float) -> Reply | Failure:
        raw = self._clean(text)
        try:
            found = read_body(raw)
        except RecursionError:  # nested almost too deeply to be read at all
            found = None
        match found:
            case Report():
                return self._report(found, raw, ability, seconds)
            case Body():
                return Reply(self._clean_pieces(found), found.tokens, ability, found.flags, seconds=seconds, raw=raw)
            case None:
                return Reply((ReplyPart("body", raw),), None, ability, ("no_completion",), seconds=seconds, raw=raw)

    def _clean_pieces(self, body: Body) -> tuple[ReplyPart, ...]:
        # once more: what was escaped in the body is not any longer
        return tuple(ReplyPart(piece.place, self._clean(piece.text)) for piece in body.pieces)

    def _report(self, found: Report, raw: str, ability: str, seconds: float) -> Failure:
        """Take an error inside an answer with status 200 for what it is."""
        told = f"an error {found.status} inside HTTP 200: {self._clean(found.message)[:MAX_TOLD]}"
        kind, refusal = _judge(found.status, raw)
        return Failure(
            ability,
            kind,
            _with_hint(told, refusal),
            raw,
            seconds,
            status=found.status,
            wait=found.wait,
            refusal=refusal,
            tokens=found.tokens,
        )

    def _refusal(self, exc: "openai.APIStatusError", ability: str, seconds: float) -> Failure:
        status = exc.status_code
        raw = self._clean(exc.response.text.strip())
        told = f"HTTP {status}: {' '.join(raw.split())[:MAX_TOLD]}" if raw else f"HTTP {status}"
        wait = read_retry_after(exc.response.headers)
        report = find_report(read_json(raw)) if wait is None else None
        kind, refusal = _judge(status, raw)
        return Failure(
            ability,
            kind,
            _with_hint(told, refusal),
            f"HTTP {status}: {raw}" if raw else told,
            seconds,
            status=status,
            wait=report.wait if report else wait,
            refusal=refusal,
        )

    def _break(self, exc: BaseException, ability: str, tape: RecordedResponse, seconds: float, limit: float) -> Failure:
        late = _is_late(exc)
        told = f"no whole reply within {limit:g} s" if late else self._clean(_root_cause(exc))
        came = self._clean(tape.text())
        return Failure(
            ability, "passing", told, came or told, seconds, sent=bool(tape.status) or _was_sent(exc), late=late
        )

    def _clean(self, text: str) -> str:
        """Make a server's text fit to be stored: no key in it, no half surrogate pairs."""
        return self._strike(text).encode("utf-8", "replace").decode()


def _judge(status: int, raw: str) -> tuple[Literal["passing", "refused", "fatal"], Refusal]:
    """Whether a failure can heal, and what a refusal is about."""
    refusal = read_refusal(status, raw) if status in (*REFUSALS, 403, 500) else UNTOLD
    filtered = status == 403 and refusal.about == "prompt"
    if (status in FATAL and not filtered) or (status == 429 and _NO_CREDIT in raw):
        return "fatal", UNTOLD
    if refusal.about == "reply":
        return "passing", refusal
    if status in REFUSALS or refusal.about in ("parts", "prompt", "length"):
        return "refused", refusal
    return "passing", refusal


def _with_hint(told: str, refusal: Refusal) -> str:
    hint = _HINTS.get(refusal.about or "")
    return f"{hint}: {told}" if hint else told


def _causes(exc: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while exc is not None:
        found.append(exc)
        exc = exc.__cause__
    return found


def _root_cause(exc: BaseException) -> str:
    root = _causes(exc)[-1]
    return f"{type(root).__name__}: {root}" if str(root) else type(root).__name__


def _is_late(exc: BaseException) -> bool:
    import httpx2

    return any(isinstance(cause, TimeoutError | httpx2.ReadTimeout) for cause in _causes(exc)) and _was_sent(exc)


def _was_sent(exc: BaseException) -> bool:
    """Whether the request may have reached the server: everything but a connection that never stood."""
    import httpx2

    early = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
    return not any(isinstance(cause, early) for cause in _causes(exc))
