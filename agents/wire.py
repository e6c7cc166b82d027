"""One try of one call through `ChatOpenAI`: a reply, or a failure that says what went wrong and whether it can heal."""

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import SecretStr

from agents.flights import STOPPED, take_back
from agents.keys import make_striker
from agents.messages import EvokdError
from agents.patience import read_retry_after
from agents.settings import RoleSettings
from agents.transport import TAPE, Tape

if TYPE_CHECKING:
    import httpx2
    import openai
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_openai import ChatOpenAI

FATAL = {
    401: "the key is refused",
    402: "the account has no credit left",
    403: "access is denied",
    404: "no such model or address",
}
REFUSALS = (400, 405, 413, 415, 422, 501)
OVERLOADED = (429, 503, 529)
MOST_TOKENS = 10**9
"""Tokens of one call beyond which a server's count is not believed."""
MAX_TOLD = 600
"""Characters of a server's words in an error; the ledger has all of them."""
_TRACING = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGCHAIN_TRACING")
"""Variables by which langchain's users have its calls traced."""
CONNECT_TIMEOUT = 15.0
"""Seconds until a connection stands: that does not depend on how slow the model is."""

Turn = tuple[str, str]
"""Role (system, user or assistant) and text."""


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
    """What came back from one call; `text` is empty and `error` set where the server refused this request alone."""

    text: str
    tokens: tuple[int, int] | None
    ability: str
    flags: tuple[str, ...] = ()
    error: str | None = None
    seconds: float = 0.0


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
    """HTTP status of a whole answer."""
    wait: float | None = None
    """Seconds that the server asks to be left alone."""
    sent: bool = False
    """The request had gone out and no whole answer came: the server may have worked, and may charge for it."""
    late: bool = False
    """The time limit ran out."""

    @property
    def overloaded(self) -> bool:
        """Whether less work at a time may help."""
        return self.late or self.status in OVERLOADED


class Wire:
    """Sends to one model at one address.

    Args:
        model: its name.
        role: sampling; `base_url` must be set.
        api_key: the key, never stored anywhere else.
        client: HTTP client to send with.
    """

    def __init__(self, model: str, role: RoleSettings, api_key: str, client: "httpx2.AsyncClient") -> None:
        self._strike = make_striker(api_key)
        self._chat = _make_chat(model, role, api_key, client)

    async def send(
        self, call: Call, form: dict[str, Any] | None, ability: str, with_seed: bool, limit: float
    ) -> Reply | Failure:
        """Try once.

        Args:
            call: what to send.
            form: the `response_format`, None for plain text.
            ability: the rung of the ladder that `form` stands for.
            with_seed: whether the request has a seed.
            limit: seconds until the whole reply must be there.
        """
        import openai

        tape = Tape()
        token = TAPE.set(tape)
        began = time.monotonic()
        # in extra_body: given as a parameter, the client would parse the reply itself and lose one that is cut off
        extra: dict[str, Any] = {"extra_body": {"response_format": form}} if form else {}
        if with_seed:
            extra["seed"] = call.seed
        try:
            async with asyncio.timeout(limit):
                reply = _to_reply(await self._chat.ainvoke(_to_messages(call.turns), **extra), ability)
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
            # a body that is no chat completion at all: keep what came, the caller asks again
            reply = Reply(tape.text() or str(exc), None, ability, ("no_completion",))
        finally:
            TAPE.reset(token)
        return replace(reply, text=self._clean(reply.text), seconds=time.monotonic() - began)

    def _refusal(self, exc: "openai.APIStatusError", ability: str, seconds: float) -> Failure:
        status = exc.status_code
        raw = self._clean(exc.response.text.strip())
        told = f"HTTP {status}: {' '.join(raw.split())[:MAX_TOLD]}" if raw else f"HTTP {status}"
        wait = read_retry_after(exc.response.headers)
        kind: Literal["passing", "refused", "fatal"] = "passing"
        if status in FATAL or (status == 429 and "insufficient_quota" in raw):
            kind = "fatal"
        elif status in REFUSALS:
            kind = "refused"
        return Failure(ability, kind, told, f"HTTP {status}: {raw}" if raw else told, seconds, status=status, wait=wait)

    def _break(self, exc: BaseException, ability: str, tape: Tape, seconds: float, limit: float) -> Failure:
        late = _is_late(exc)
        told = f"no whole reply within {limit:g} s" if late else self._clean(_root_cause(exc))
        came = self._clean(tape.text())
        return Failure(
            ability, "passing", told, came or told, seconds, sent=bool(tape.status) or _was_sent(exc), late=late
        )

    def _clean(self, text: str) -> str:
        """Make a server's text fit to be stored: no key in it, no half surrogate pairs."""
        return self._strike(text).encode("utf-8", "replace").decode()


def _make_chat(model: str, role: RoleSettings, api_key: str, client: "httpx2.AsyncClient") -> "ChatOpenAI":
    import httpx2

    # the whole reply has a time limit of its own; here only what does not depend on the model's speed is limited
    timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT)
    return _chat_class()(
        model=model,
        base_url=role.base_url,
        api_key=SecretStr(api_key),
        temperature=role.temperature,
        max_completion_tokens=role.max_tokens,
        timeout=timeout,
        max_retries=0,  # repeats are made in one place: agents.endpoint
        use_responses_api=False,
        http_async_client=client,
        http_socket_options=(),  # the client brings its own; else a proxy in the environment causes a warning
        openai_proxy=None,  # else OPENAI_PROXY in the environment clashes with the client
    )


@lru_cache(maxsize=1)
def _chat_class() -> "type[ChatOpenAI]":
    from langchain_core.messages import AIMessage
    from langchain_core.utils.env import env_var_is_set
    from langchain_openai import ChatOpenAI

    class PlainChat(ChatOpenAI):
        """Sends what langchain made of the messages as it is, and makes no ceremony of the answer.

        The client would compare every part of the request with its own types first; langchain would run callbacks,
        of which there are none here, and hand every answer to a thread. Together that costs more than the call.
        """

        async def ainvoke(self, input: Any, config: Any = None, *, stop: Any = None, **options: Any) -> "AIMessage":
            """Send messages; the whole way is gone where somebody traces langchain."""
            if any(env_var_is_set(name) for name in _TRACING):
                return await super().ainvoke(input, config, stop=stop, **options)
            payload = self._get_request_payload(input, stop=stop, **options)
            answer = await self.async_client.with_raw_response.create(**payload)
            made = self._create_chat_result(answer.parse(), {}).generations[0]
            if not isinstance(made.message, AIMessage):
                raise ValueError("the answer is not the assistant's")
            finish = (made.generation_info or {}).get("finish_reason")
            return made.message.model_copy(update={"response_metadata": {"finish_reason": finish}})

        def _get_request_payload(self, *args: Any, **options: Any) -> dict[str, Any]:
            payload: dict[str, Any] = super()._get_request_payload(*args, **options)
            body = {key: value for key, value in payload.items() if key not in ("extra_body", "stream", "model")}
            body |= payload.get("extra_body") or {}
            return {"model": payload["model"], "messages": (), "extra_body": body}

    # half a million objects of these libraries stay to the end: the collector need not go through them at every turn
    gc.freeze()
    return PlainChat


def _to_messages(turns: Sequence[Turn]) -> "list[BaseMessage]":
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    return [kinds[role](content=text) for role, text in turns]


def _to_reply(message: "AIMessage", ability: str) -> Reply:
    tokens = _read_usage(message)
    flags = ("cut_off",) if message.response_metadata.get("finish_reason") == "length" else ()
    text = message.text
    refusal = message.additional_kwargs.get("refusal")
    if not text and refusal:
        return Reply(str(refusal), tokens, ability, (*flags, "refusal"))
    return Reply(text, tokens, ability, flags)


def _read_usage(message: "AIMessage") -> tuple[int, int] | None:
    """Tokens (read, written) as the server counts them; None where it does not, or tells what cannot be."""
    usage = message.usage_metadata
    if not usage:
        return None
    read, written = usage["input_tokens"], usage["output_tokens"]
    sound = all(isinstance(count, int) and 0 <= count <= MOST_TOKENS for count in (read, written))
    return (read, written) if sound and written else None


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
