"""One endpoint: what it can do (the ability ladder), and a single call to it through `ChatOpenAI`."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import SecretStr

from agents.messages import EvokdError
from agents.settings import RoleSettings, TeacherSettings

if TYPE_CHECKING:
    import httpx2
    import openai
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_openai import ChatOpenAI

LADDER = ("json_schema", "json_object_schema", "json_object", "plain")
FATAL = (401, 403, 404)
MIN_KEY = 8
"""Characters of the shortest key that is struck out of what a server says; shorter ones occur in any text."""
REFUSALS = (400, 405, 413, 415, 422, 501)

Turn = tuple[str, str]
"""Role (system, user or assistant) and text."""


class TeacherError(EvokdError):
    """The teacher cannot be used; the run is parked and can be resumed.

    ::

        TeacherError (exit code 3)
        +-- TeacherUnreachable   no answer, or 429 / 5xx to the end of the retries
        +-- TeacherRefused       the endpoint says no: key, model name, request
        +-- TeacherUseless       replies come, but none of them can be used
    """

    exit_code: ClassVar[int] = 3


class TeacherUnreachable(TeacherError):
    """No answer, or 429 / 5xx to the end of the retries."""


class TeacherRefused(TeacherError):
    """The endpoint says no to the key, the model's name or the request as such."""


class TeacherUseless(TeacherError):
    """Replies come, but none of them can be used."""


@dataclass(frozen=True)
class Reply:
    """What came back from one call; `text` is empty and `error` set where the server refused this request alone."""

    text: str
    tokens: tuple[int, int] | None
    ability: str
    flags: tuple[str, ...] = ()
    error: str | None = None


ErrorSink = Callable[[str, str], None]
"""Called with (ability, error text) for every call that brought no reply."""


def response_format(ability: str, schema: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The `response_format` of a request at a rung of the ladder, None for plain text."""
    match ability:
        case "json_schema":
            return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}
        case "json_object_schema":
            return {"type": "json_object", "schema": schema}
        case "json_object":
            return {"type": "json_object"}
        case _:
            return None


class Endpoint:
    """One model at one address. Calls through it find out once what the server understands and remember it.

    Args:
        role: model, address and sampling of the role(s) that use it; `base_url` must be set.
        settings: time limit and retries.
        api_key: the key, never stored anywhere else.
        client: HTTP client to send with (the in-process transport of the rehearsal comes in here).
        ability: a rung of `LADDER` known from before, or None to find out with the first call.
    """

    def __init__(
        self,
        role: RoleSettings,
        settings: TeacherSettings,
        api_key: str,
        client: "httpx2.AsyncClient",
        ability: str | None = None,
    ) -> None:
        self.model = role.model or settings.model
        self.base_url = role.base_url or ""
        self.ability = ability
        self.takes_seed = True
        self._key = SecretStr(api_key)
        self._probing = asyncio.Lock()
        self._patient = _make_chat(self, role, settings, api_key, client, settings.retries)
        self._hasty = _make_chat(self, role, settings, api_key, client, 0)

    async def call(
        self, turns: Sequence[Turn], schema: dict[str, Any], name: str, seed: int, on_error: ErrorSink
    ) -> Reply:
        """Send one request; the first one on an endpoint also finds out which rung of the ladder it stands on.

        Raises:
            TeacherUnreachable: no answer to the end of the retries.
            TeacherRefused: the endpoint refuses the key, the model or every form of the request.
        """
        if self.ability is None:
            async with self._probing:
                if self.ability is None:
                    return await self._probe(turns, schema, name, seed, on_error)
        return await self._send(self._patient, self.ability, turns, schema, name, seed, on_error)

    async def _probe(
        self, turns: Sequence[Turn], schema: dict[str, Any], name: str, seed: int, on_error: ErrorSink
    ) -> Reply:
        refusal = ""
        for ability in LADDER:
            try:
                reply = await self._send(self._hasty, ability, turns, schema, name, seed, on_error)
            except TeacherUnreachable as exc:
                if getattr(exc, "status", None) == 500:
                    continue  # llama.cpp answers 500 to a response format it does not know
                reply = await self._send(self._patient, ability, turns, schema, name, seed, on_error)
            if reply.error is None:
                self.ability = ability
                return reply
            refusal = reply.error
        if refusal:
            raise TeacherRefused(f"{self.base_url}: the endpoint refuses every form of the request: {refusal}")
        reply = await self._send(self._patient, LADDER[0], turns, schema, name, seed, on_error)
        self.ability = LADDER[0]
        return reply

    async def _send(
        self,
        chat: "ChatOpenAI",
        ability: str,
        turns: Sequence[Turn],
        schema: dict[str, Any],
        name: str,
        seed: int,
        on_error: ErrorSink,
    ) -> Reply:
        import openai

        # in extra_body: given as a parameter, the client would parse the reply itself and lose one that is cut off
        form = response_format(ability, schema, name)
        extra: dict[str, Any] = {"extra_body": {"response_format": form}} if form else {}
        if self.takes_seed:
            extra["seed"] = seed
        try:
            message = await chat.ainvoke(_to_messages(turns), **extra)
        except openai.APIStatusError as exc:
            text = self._clean(_error_text(exc))
            on_error(ability, text)
            if exc.status_code in REFUSALS and "seed" in extra and "seed" in text.lower():
                self.takes_seed = False
                return await self._send(chat, ability, turns, schema, name, seed, on_error)
            return self._judge(exc, ability, text)
        except openai.APIConnectionError as exc:
            reason = self._clean(_root_cause(exc))
            on_error(ability, reason)
            raise TeacherUnreachable(f"{self.base_url}: no connection to the teacher ({reason})") from exc
        except (ValueError, TypeError, LookupError, AttributeError) as exc:
            # a body that is no chat completion at all: keep what came, the caller asks again
            response = getattr(exc, "response", None)
            body = getattr(response, "text", None) or str(exc)
            return Reply(self._clean(body), None, ability, ("no_completion",))
        reply = _to_reply(message, ability)
        return replace(reply, text=self._clean(reply.text))

    def _clean(self, text: str) -> str:
        """Make a server's text fit to be stored: no key in it, no half surrogate pairs."""
        key = self._key.get_secret_value()
        hidden = text.replace(key, "[key]") if len(key) >= MIN_KEY else text
        return hidden.encode("utf-8", "replace").decode()

    def _judge(self, exc: "openai.APIStatusError", ability: str, text: str) -> Reply:
        if exc.status_code in FATAL:
            what = {401: "the key is refused", 403: "access is denied", 404: "no such model or address"}[
                exc.status_code
            ]
            hint = "" if exc.status_code != 404 or self.base_url.endswith("/v1") else " (most addresses end in /v1)"
            raise TeacherRefused(f"{self.base_url}, model {self.model!r}: {what}{hint}: {text}") from exc
        if exc.status_code in REFUSALS:
            return Reply("", None, ability, error=text)
        failure = TeacherUnreachable(f"{self.base_url}: the teacher keeps failing: {text}")
        failure.status = exc.status_code  # type: ignore[attr-defined]
        raise failure from exc


def _make_chat(
    endpoint: Endpoint,
    role: RoleSettings,
    settings: TeacherSettings,
    api_key: str,
    client: "httpx2.AsyncClient",
    retries: int,
) -> "ChatOpenAI":
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model=endpoint.model,
        base_url=endpoint.base_url,
        api_key=SecretStr(api_key),
        temperature=role.temperature,
        max_completion_tokens=role.max_tokens,
        timeout=settings.timeout,
        max_retries=retries,
        use_responses_api=False,
        http_async_client=client,
        http_socket_options=(),  # the client brings its own; else a proxy in the environment causes a warning
        openai_proxy=None,  # else OPENAI_PROXY in the environment clashes with the client; HTTPS_PROXY works
    )


def _to_messages(turns: Sequence[Turn]) -> "list[BaseMessage]":
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    return [kinds[role](content=text) for role, text in turns]


def _to_reply(message: "AIMessage", ability: str) -> Reply:
    usage = message.usage_metadata
    tokens = (usage["input_tokens"], usage["output_tokens"]) if usage and usage["output_tokens"] else None
    flags = ("cut_off",) if message.response_metadata.get("finish_reason") == "length" else ()
    text = message.text
    refusal = message.additional_kwargs.get("refusal")
    if not text and refusal:
        return Reply(str(refusal), tokens, ability, (*flags, "refusal"))
    return Reply(text, tokens, ability, flags)


def _root_cause(exc: BaseException) -> str:
    while exc.__cause__ is not None:
        exc = exc.__cause__
    return f"{type(exc).__name__}: {exc}" if str(exc) else type(exc).__name__


def _error_text(exc: "openai.APIStatusError") -> str:
    body = exc.response.text.strip().replace("\n", " ")
    return f"HTTP {exc.status_code}: {body[:600]}" if body else f"HTTP {exc.status_code}"
