"""Check, free of charge, whether an endpoint answers and which models it lists."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from evokd.agents.llm.context_length import OLLAMA_DEFAULT, ask_ollama, is_ollama, read_context
from evokd.agents.llm.error_reports import find_report, read_json
from evokd.agents.llm.redaction import make_redactor
from evokd.agents.llm.teacher_settings import OPENAI_URL, RoleSettings
from evokd.messages.suggest import suggest

if TYPE_CHECKING:
    import httpx2

TIMEOUT = 10.0
"""Seconds to wait for a part of the list of models, and, once it begins, for its end."""
_LIMITED_KEY = re.compile(r"scope|permission", re.IGNORECASE)
"""Words of servers about keys that may make calls but not list models."""


Fault = Literal[
    "no_key", "no_answer", "key_refused", "server_error", "no_models", "wrong_address", "model_unlisted", "no_batches"
]
"""What is wrong with an endpoint; the first three let no call succeed."""
_NO_PATH = (404, 405, 501)
"""Statuses of paths that a server does not have."""


@dataclass(frozen=True)
class EndpointState:
    """What an endpoint answered to `GET /models`."""

    said: str
    """In one line; free of the key."""
    fault: Fault | None = None
    mend: str = ""
    """How to mend the fault."""
    context: int | None = None
    """Tokens that the model can hold, prompt and reply together; None if the server does not say."""
    context_is_default: bool = False
    """Whether `context` is what such a server gives a model unless it is told otherwise."""

    @property
    def is_hopeless(self) -> bool:
        """Whether no call can succeed."""
        return self.fault in ("no_key", "no_answer", "key_refused")


def probe(role: RoleSettings, key: str) -> EndpointState:
    """Ask an endpoint for its list of models, which is free.

    Args:
        role: model and address.
        key: the key, sent only there; it is removed from what the server says.
    """
    state, redact = _ask(role, key), make_redactor(key)
    return replace(state, said=redact(state.said), mend=redact(state.mend))


def _ask(role: RoleSettings, key: str) -> EndpointState:
    import httpx2

    from evokd.agents.llm.bounded_body import bound_bodies

    url = (role.base_url or OPENAI_URL).rstrip("/")
    try:
        with httpx2.Client(timeout=TIMEOUT, follow_redirects=True, event_hooks=bound_bodies(TIMEOUT)) as client:
            headers = {"authorization": f"Bearer {key}"}
            response = client.get(f"{url}/models", headers=headers)
            if not url.endswith("/v1") and not _lists_models(response):
                below = client.get(f"{url}/v1/models", headers=headers)
                if _lists_models(below):
                    said = f"answers under {url}/v1 alone: use that address"
                    return EndpointState(said, "wrong_address", f"pass --base-url {url}/v1")
            state = _add_context(_read_models(response, role), response, client, role)
            return state if state.is_hopeless or not role.batch else _add_batches(state, client, url, headers)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.InvalidURL) as exc:
        mend = "start the server (and wait until it has loaded its model), or mend the address (--base-url)"
        return EndpointState(f"no answer ({type(exc).__name__})", "no_answer", mend)
    except httpx2.HTTPError as exc:
        return EndpointState(f"no answer ({type(exc).__name__})", "server_error", "see what the server reports")


def _add_context(
    state: EndpointState, response: "httpx2.Response", client: "httpx2.Client", role: RoleSettings
) -> EndpointState:
    """Add the length of the model's context, as far as the server tells it."""
    listed = _read(response).get("data")
    names = _spellings(role.model or "")
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    item = next((item for item in items if item.get("id") in names), None)
    if item is None or state.fault is not None:
        return state
    context = read_context(item)
    if context is None and is_ollama(item):
        context = ask_ollama(client, (role.base_url or OPENAI_URL).rstrip("/"), str(item["id"]))
        if context is None:
            return replace(state, context=OLLAMA_DEFAULT, context_is_default=True)
    said = f"{state.said} (a context of {context:,} tokens)" if context else state.said
    return replace(state, said=said, context=context)


def _add_batches(state: EndpointState, client: "httpx2.Client", url: str, headers: Mapping[str, str]) -> EndpointState:
    """Find out whether a server has batches, by listing one of them."""
    for path in ("/batches", "/files"):
        status = client.get(f"{url}{path}", params={"limit": "1"}, headers=headers).status_code
        if status in _NO_PATH:
            said = f"answers, but has no batches (HTTP {status} at {url}{path})"
            return replace(state, said=said, fault="no_batches", mend="make calls directly")
    return state if state.fault else replace(state, said=f"{state.said}; has batches")


def _spellings(model: str) -> tuple[str, str]:
    """The names under which a list may hold a model: Ollama adds a tag."""
    return model, f"{model}:latest"


def _read_models(response: "httpx2.Response", role: RoleSettings) -> EndpointState:
    body = _read(response)
    report = find_report(body)
    name_key = f"check the key in {role.api_key_env}"
    if response.status_code == 401 and not _LIMITED_KEY.search(report.message if report else ""):
        more = f": {report.message[:200]}" if report else ""
        return EndpointState(f"refuses the key (HTTP 401){more}", "key_refused", name_key)
    if response.status_code == 200 and report is not None:
        said = f"answers, but reports an error {report.status}: {report.message[:200]}"
        return EndpointState(said, "server_error", name_key if report.status == 401 else "ask whoever runs it")
    if response.status_code != 200:
        more = f": {report.message[:200]}" if report and response.status_code == 503 else ""
        said = f"answers, but lists no models (HTTP {response.status_code}){more}"
        mend = "wait until the server has loaded its model; " if response.status_code == 503 else ""
        return EndpointState(said, "no_models", f"{mend}--dry-call shows whether it answers calls")
    try:
        names = [str(item["id"]) for item in body["data"]]
    except (LookupError, TypeError):
        said = "answers, but its list of models cannot be read"
        return EndpointState(said, "no_models", "--dry-call shows whether it answers calls")
    if set(_spellings(role.model or "")) & set(names):
        return EndpointState("answers, and has the model")
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    meant = suggest(role.model or "", names)
    said = f"answers, but does not list {role.model!r}{meant} (it lists: {shown or 'nothing'})"
    return EndpointState(said, "model_unlisted", "pass one of its models with --teacher")


async def find_address(client: "httpx2.AsyncClient", url: str, key: str) -> str | None:
    """Find out whether a server lists its models under `/v1` below an address that it does not know.

    Args:
        client: HTTP client to send with.
        url: the address that was refused.
        key: the key, for the same server.

    Returns:
        The address that works; None where none was found.
    """
    import httpx2

    below = f"{url.rstrip('/')}/v1"
    try:
        response = await client.get(f"{below}/models", headers={"authorization": f"Bearer {key}"}, timeout=TIMEOUT)
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return None
    return below if _lists_models(response) else None


def _lists_models(response: "httpx2.Response") -> bool:
    return response.status_code == 200 and isinstance(_read(response).get("data"), list)


def _read(response: "httpx2.Response") -> dict[str, Any]:
    """The body, decoded as UTF-8 whatever charset the server names."""
    return read_json(response.content.decode("utf-8", "replace"))
