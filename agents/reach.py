"""Ask an endpoint, free of charge, whether it is there and which models it has."""

from agents.settings import OPENAI_URL, RoleSettings

PATIENCE = 10.0
"""Seconds to wait for the list of models."""


def reach(role: RoleSettings, key: str) -> str:
    """Say in one line what an endpoint answers to `GET /models`; nothing is paid for.

    Args:
        role: model and address.
        key: the key, not told to anybody else.
    """
    import httpx2

    url = (role.base_url or OPENAI_URL).rstrip("/")
    try:
        with httpx2.Client(timeout=PATIENCE, follow_redirects=True) as client:
            response = client.get(f"{url}/models", headers={"authorization": f"Bearer {key}"})
    except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
        return f"no answer ({type(exc).__name__})"
    if response.status_code != 200:
        return f"answers, but lists no models (HTTP {response.status_code})"
    try:
        names = [str(item["id"]) for item in response.json()["data"]]
    except (ValueError, LookupError, TypeError, RecursionError):
        return "answers, but its list of models cannot be read"
    if role.model in names:
        return "answers, and has the model"
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"answers, but does not list {role.model!r} (it lists: {shown or 'nothing'})"
