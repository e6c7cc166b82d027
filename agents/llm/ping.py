"""Check, free of charge, whether an endpoint answers and which models it lists."""

from typing import TYPE_CHECKING, Any

from evokd.agents.llm.error_reports import find_report, read_json
from evokd.agents.llm.redaction import make_redactor
from evokd.agents.llm.teacher_settings import OPENAI_URL, RoleSettings

if TYPE_CHECKING:
    import httpx2

TIMEOUT = 10.0
"""Seconds to wait for the list of models."""


def ping(role: RoleSettings, key: str) -> str:
    """Describe in one line what an endpoint answers to `GET /models`, which is free.

    Args:
        role: model and address.
        key: the key, sent only there; it is removed from what the server says.
    """
    return make_redactor(key)(_ask(role, key))


def _ask(role: RoleSettings, key: str) -> str:
    import httpx2

    url = (role.base_url or OPENAI_URL).rstrip("/")
    try:
        with httpx2.Client(timeout=TIMEOUT, follow_redirects=True) as client:
            headers = {"authorization": f"Bearer {key}"}
            response = client.get(f"{url}/models", headers=headers)
            if not url.endswith("/v1") and not _lists_models(response):
                below = client.get(f"{url}/v1/models", headers=headers)
                if _lists_models(below):
                    return f"answers under {url}/v1 alone: use that address"
    except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
        return f"no answer ({type(exc).__name__})"
    report = find_report(_read(response))
    if response.status_code == 200 and report is not None:
        return f"answers, but reports an error {report.status}: {report.message[:200]}"
    if response.status_code != 200:
        return f"answers, but lists no models (HTTP {response.status_code})"
    try:
        names = [str(item["id"]) for item in _read(response)["data"]]
    except (LookupError, TypeError):
        return "answers, but its list of models cannot be read"
    if role.model in names:
        return "answers, and has the model"
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"answers, but does not list {role.model!r} (it lists: {shown or 'nothing'})"


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
