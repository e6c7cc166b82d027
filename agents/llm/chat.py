"""The chat model that sends requests. `agents.llm.response_body` reads what comes back."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from evokd.messages.imports import import_quickly

if TYPE_CHECKING:
    import httpx2
    from langchain_openai import ChatOpenAI

Turn = tuple[str, str]
"""Role (system, user or assistant) and text."""
CONNECT_TIMEOUT = 15.0
"""Seconds to connect, however slow the model is."""
_TRACING_VARIABLES = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGCHAIN_TRACING")
"""Environment variables that turn tracing by LangSmith on."""


def make_chat(model: str, base_url: str | None, api_key: str, client: "httpx2.AsyncClient") -> "ChatOpenAI":
    """Make the chat model for one model at one address.

    Args:
        model: its name.
        base_url: the address, up to /v1.
        api_key: the key.
        client: HTTP client to send with.
    """
    import_quickly("langchain_openai")
    import httpx2
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model=model,
        base_url=base_url,
        api_key=SecretStr(api_key),
        timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT),  # the caller limits the time of the whole reply
        temperature=None,  # each request has its own; otherwise langchain sets 1 for some models
        max_retries=0,  # `agents.llm.endpoint` repeats calls
        use_responses_api=False,
        http_async_client=client,
        http_socket_options=(),  # `client` has its own; otherwise a proxy in the environment causes a warning
        openai_proxy=None,  # otherwise OPENAI_PROXY in the environment conflicts with `client`
    )


async def send(chat: "ChatOpenAI", turns: Sequence[Turn], body: Mapping[str, Any]) -> None:
    """Send one request and wait for the whole answer, which `agents.llm.transport` records.

    A call that LangSmith traces goes through langchain. The others skip its callbacks and both libraries' checks, which
    take more CPU time than the rest of a call.

    Args:
        chat: see `make_chat`.
        turns: the messages.
        body: further fields of the request's body. As parameters, langchain would rename some of them, and the client
            would parse the reply and lose one that is cut off.

    Raises:
        openai.OpenAIError: an error status, or no whole answer.
    """
    if _is_traced():
        await chat.ainvoke(list(turns), extra_body=body)
        return
    messages = [{"role": role, "content": text} for role, text in turns]
    await chat.async_client.with_raw_response.create(
        model=chat.model_name, messages=(), extra_body={"messages": messages, **body}
    )


def _is_traced() -> bool:
    from langchain_core.utils.env import env_var_is_set

    return any(env_var_is_set(name) for name in _TRACING_VARIABLES)
