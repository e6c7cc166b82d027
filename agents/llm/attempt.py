"""One try of one call: a reply, or a failure that says what went wrong and whether a repeat may help."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from evokd.agents.llm.chat import Turn, make_chat, send
from evokd.agents.llm.compatibility import Quirks, adapt_turns, write_sampling
from evokd.agents.llm.error_reports import Report, find_report, read_json
from evokd.agents.llm.in_flight import STOPPED, undo_cancellation
from evokd.agents.llm.network_errors import is_late, root_cause, was_sent
from evokd.agents.llm.redaction import make_cleaner
from evokd.agents.llm.refusals import UNEXPLAINED, Refusal, read_refusal
from evokd.agents.llm.response_body import Body, ReplyPart, read_body
from evokd.agents.llm.retry import read_retry_after
from evokd.agents.llm.teacher_settings import RoleSettings
from evokd.agents.llm.time_limit import limit_time
from evokd.agents.llm.transport import RECORDED, RecordedResponse
from evokd.messages import EvokdError

if TYPE_CHECKING:
    import httpx2

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
MAX_QUOTED = 600
"""Characters of a server's message that an error quotes; the ledger has the whole message."""
NO_CREDIT = "insufficient_quota"
"""Code of a 429 that no waiting mends."""
_HINTS = {
    "prompt": "a filter of the server refuses this prompt, which is left out",
    "length": "the prompt is too long for the model and left out (shorter ones: curriculum.quotas.lesson,"
    " curriculum.label_examples, curriculum.style_examples)",
    "limit": "the reply may be longer than the model's context allows beside the prompt: lower teacher.max_tokens",
}


class TeacherError(EvokdError):
    """The teacher cannot be used; the run is parked and can be resumed.

    ::

        TeacherError (exit code 3)
        +-- TeacherUnreachable   no response, or 429 / 5xx, for longer than the retry policy allows
        +-- TeacherRefused       the endpoint rejects the key, the model's name or the request
        +-- TeacherUseless       no reply can be used
    """

    exit_code: ClassVar[int] = 3


class TeacherUnreachable(TeacherError):
    """No response, or 429 / 5xx, for longer than the retry policy allows."""


class TeacherRefused(TeacherError):
    """The endpoint rejects the key, the model's name or the request as such."""


class TeacherUseless(TeacherError):
    """The teacher replies, but no reply can be used."""


@dataclass(frozen=True)
class Call:
    """What is sent, whatever the structured-output mode."""

    turns: Sequence[Turn]
    schema: dict[str, Any]
    name: str
    """Name of the schema on the wire."""
    seed: int
    role: str
    tokens: int
    """Expected input and output tokens."""
    optional: bool = False
    """Whether the run can do without it, so that a refusal says nothing about the endpoint."""
    key: str = ""
    """Key of the call in the ledger, which names it in a batch."""
    by_batch: bool = False
    """Whether it is sent as part of a batch."""


@dataclass(frozen=True)
class Reply:
    """The reply to one call. If the server refused only this request, `error` is set and `pieces` is empty."""

    pieces: tuple[ReplyPart, ...]
    """Texts that may hold the reply, the likeliest first."""
    tokens: tuple[int, int] | None
    output_mode: str
    flags: tuple[str, ...] = ()
    error: str | None = None
    seconds: float = 0.0
    raw: str = ""
    """The whole body as received."""


@dataclass(frozen=True)
class Failure:
    """A try without a reply."""

    output_mode: str
    kind: Literal["passing", "refused", "fatal"]
    """`passing`: a repeat may help; `refused`: this form of the request; `fatal`: every such request."""
    message: str
    """What went wrong, for people."""
    raw: str
    """What the server sent, as far as it arrived; otherwise what went wrong."""
    seconds: float
    status: int | None = None
    """HTTP status of a complete response, or the equivalent of an error reported in a response with status 200."""
    wait: float | None = None
    """Seconds that the server asks to wait."""
    sent: bool = False
    """The request was sent and no complete response arrived: the server may have processed it and may charge for it."""
    late: bool = False
    """The time limit was exceeded."""
    refusal: Refusal = UNEXPLAINED
    """Why the request was refused."""
    tokens: tuple[int, int] | None = None
    """Input and output tokens of a failed reply, if the server counts them."""
    flags: tuple[str, ...] = ()

    @property
    def blames_request(self) -> bool:
        """Whether the server says that it failed over this request, not that it is down or busy."""
        return self.status == 500 or self.refusal.about == "reply"

    @property
    def overloaded(self) -> bool:
        """Whether fewer calls in flight may help."""
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
        self._clean = make_cleaner(api_key)
        self._model, self._role = model, role
        self._chat = make_chat(model, role.base_url, api_key, client)

    async def send(
        self, call: Call, form: dict[str, Any] | None, output_mode: str, quirks: Quirks, limit: float
    ) -> Reply | Failure:
        """Try once.

        Args:
            call: what to send.
            form: the `response_format`, None for plain text.
            output_mode: the structured-output mode of `form`.
            quirks: what the endpoint does not accept.
            limit: seconds until the whole reply must have arrived.
        """
        import openai

        recording, parse_error = RecordedResponse(), ""
        token = RECORDED.set(recording)
        began = time.monotonic()
        body = self._write_fields(call, form, quirks)
        try:
            async with limit_time(limit):
                await send(self._chat, adapt_turns(call.turns, quirks), body)
        except openai.APIStatusError as exc:
            text, wait = exc.response.text, read_retry_after(exc.response.headers)
            return self.fail_with_status(exc.status_code, text, wait, output_mode, time.monotonic() - began)
        except (openai.APIConnectionError, TimeoutError) as exc:
            return self._fail_without_reply(exc, output_mode, recording, time.monotonic() - began, limit)
        except asyncio.CancelledError:
            if not undo_cancellation():
                raise
            received = self._clean(recording.text()) or STOPPED
            return Failure(output_mode, "passing", STOPPED, received, time.monotonic() - began, sent=True)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as exc:
            parse_error = str(exc)  # langchain could not parse the response; the recording has it
        finally:
            RECORDED.reset(token)
        received = recording.text() or parse_error or f"an empty body with HTTP {recording.status}"
        return self.read(received, output_mode, time.monotonic() - began)

    def write_row(self, call: Call, form: dict[str, Any] | None, quirks: Quirks) -> dict[str, Any]:
        """The whole body of the request, as it stands in the file of a batch."""
        messages = [{"role": role, "content": text} for role, text in adapt_turns(call.turns, quirks)]
        return {"model": self._model, "messages": messages, **self._write_fields(call, form, quirks)}

    def _write_fields(self, call: Call, form: dict[str, Any] | None, quirks: Quirks) -> dict[str, Any]:
        return write_sampling(self._role, call.seed, quirks) | ({"response_format": form} if form else {})

    def read(self, text: str, output_mode: str, seconds: float) -> Reply | Failure:
        """Read the body of a response with status 200."""
        raw = self._clean(text)
        try:
            body = read_body(raw)
        except RecursionError:  # nested too deeply
            body = None
        match body:
            case Report():
                return self._fail_with_report(body, raw, output_mode, seconds)
            case Body():
                return Reply(self._clean_pieces(body), body.tokens, output_mode, body.flags, seconds=seconds, raw=raw)
            case None:
                return Reply((ReplyPart("body", raw),), None, output_mode, ("no_completion",), seconds=seconds, raw=raw)

    def _clean_pieces(self, body: Body) -> tuple[ReplyPart, ...]:
        # once more: the texts are no longer escaped as in the body
        return tuple(ReplyPart(piece.key, self._clean(piece.text)) for piece in body.pieces)

    def _fail_with_report(self, report: Report, raw: str, output_mode: str, seconds: float) -> Failure:
        """Make the failure for an error that is reported in a response with status 200."""
        message = f"an error {report.status} inside HTTP 200: {self._clean(report.message)[:MAX_QUOTED]}"
        kind, refusal = _judge(report.status, raw)
        return Failure(
            output_mode,
            kind,
            _with_hint(message, refusal),
            raw,
            seconds,
            status=report.status,
            wait=report.wait,
            refusal=refusal,
            tokens=report.tokens,
        )

    def fail_with_status(self, status: int, text: str, wait: float | None, output_mode: str, seconds: float) -> Failure:
        """Make the failure for a response with an error status.

        Args:
            status: HTTP status.
            text: body of the response.
            wait: seconds that its headers ask to wait.
            output_mode: the structured-output mode of the request.
            seconds: until it came.
        """
        raw = self._clean(text.strip())
        report = find_report(read_json(raw))
        words = report.message if report else " ".join(raw.split())
        message = f"HTTP {status}: {self._clean(words)[:MAX_QUOTED]}" if words else f"HTTP {status}"
        kind, refusal = _judge(status, raw)
        return Failure(
            output_mode,
            kind,
            _with_hint(message, refusal),
            f"HTTP {status}: {raw}" if raw else message,
            seconds,
            status=status,
            wait=wait if wait is not None or report is None else report.wait,
            refusal=refusal,
        )

    def _fail_without_reply(
        self, exc: BaseException, output_mode: str, recording: RecordedResponse, seconds: float, limit: float
    ) -> Failure:
        late = is_late(exc)
        message = f"no whole reply within {limit:g} s" if late else self._clean(root_cause(exc))
        received = self._clean(recording.text())
        return Failure(
            output_mode,
            "passing",
            message,
            received or message,
            seconds,
            sent=bool(recording.status) or was_sent(exc),
            late=late,
        )


def _judge(status: int, raw: str) -> tuple[Literal["passing", "refused", "fatal"], Refusal]:
    """Whether a repeat may help, and what a refusal is about."""
    refusal = read_refusal(status, raw) if status in (*REFUSALS, 403, 500) else UNEXPLAINED
    filtered = status == 403 and refusal.about == "prompt"
    if (status in FATAL and not filtered) or (status == 429 and NO_CREDIT in raw):
        return "fatal", UNEXPLAINED
    if refusal.about == "reply":
        return "passing", refusal
    if status in REFUSALS or refusal.about in ("parts", "prompt", "length"):
        return "refused", refusal
    return "passing", refusal


def _with_hint(message: str, refusal: Refusal) -> str:
    hint = _HINTS.get(refusal.about or "")
    return f"{hint}: {message}" if hint else message
