"""The client: `ChatOpenAI` as the sender of requests. `agents.llm.response_body` reads what comes back."""

import gc
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from evokd.agents.llm.quirks import Quirks, adapt_body
from evokd.agents.llm.teacher_settings import RoleSettings

if TYPE_CHECKING:
    import httpx2
    from langchain_core.messages import BaseMessage
    from langchain_openai import ChatOpenAI

Turn = tuple[str, str]
"""Role (system, user or assistant) and text."""
CONNECT_TIMEOUT = 15.0
"""Seconds until a connection stands: that does not depend on how slow the model is."""
_TRACING = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGCHAIN_TRACING")
"""Variables by which langchain's users have its calls traced."""


class Sender:
    """Sends requests to one model at one address.

    Args:
        model: its name.
        role: sampling; `base_url` must be set.
        api_key: the key.
        client: HTTP client to send with.
    """

    def __init__(self, model: str, role: RoleSettings, api_key: str, client: "httpx2.AsyncClient") -> None:
        self._chat = _make_chat(model, role, api_key, client)

    async def send(self, turns: Sequence[Turn], quirks: Quirks, **options: Any) -> None:
        """Send one request and wait for the whole answer, which lies on the tape then.

        The way through langchain is gone where somebody traces its calls.

        Raises:
            openai.OpenAIError: an error status, or no whole answer.
        """
        from langchain_core.utils.env import env_var_is_set

        chat, messages = self._chat, _to_messages(turns)
        if any(env_var_is_set(name) for name in _TRACING):
            await chat.ainvoke(messages, quirks=quirks, **options)
            return
        payload = chat._get_request_payload(messages, quirks=quirks, **options)
        await chat.async_client.with_raw_response.create(**payload)


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
    from langchain_openai import ChatOpenAI

    class PlainChat(ChatOpenAI):
        """Sends what langchain made of the messages as it is.

        The client would compare every part of the request with its own types first; langchain would run callbacks,
        of which there are none here, and hand every answer to a thread. Together that costs more than the call.
        """

        def _get_request_payload(self, *args: Any, quirks: Quirks = frozenset(), **options: Any) -> dict[str, Any]:
            payload: dict[str, Any] = super()._get_request_payload(*args, **options)
            body = {key: value for key, value in payload.items() if key not in ("extra_body", "stream", "model")}
            body |= payload.get("extra_body") or {}
            adapt_body(body, quirks)
            return {"model": payload["model"], "messages": (), "extra_body": body}

    # half a million objects of these libraries stay to the end: the collector need not go through them at every turn
    gc.freeze()
    return PlainChat


def _to_messages(turns: Sequence[Turn]) -> "list[BaseMessage]":
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    kinds = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    return [kinds[role](content=text) for role, text in turns]
