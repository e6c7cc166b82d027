"""Errors that a server reports in a body: status, message, and how long the server asks to wait."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_WORDS = 20_000
"""Characters of a message that are examined."""
UNKNOWN = 500
"""Status of a reported error without one: the server has failed over this request."""
_CODES = {
    "rate_limit": 429,
    "too_many_requests": 429,
    "resource_exhausted": 429,
    "throttl": 429,
    "insufficient_quota": 402,
    "insufficient_balance": 402,
    "insufficient_credits": 402,
    "billing": 402,
    "payment_required": 402,
    "invalid_api_key": 401,
    "authentication": 401,
    "unauthenticated": 401,
    "unauthorized": 401,
    "permission": 403,
    "forbidden": 403,
    "model_not_found": 404,
    "not_found": 404,
    "overloaded": 529,
    "unavailable": 503,
    "capacity": 503,
    "timeout": 504,
    "deadline_exceeded": 504,
    "content_filter": 400,
    "context_length": 400,
    "invalid_request": 400,
    "invalid_argument": 400,
    "bad_request": 400,
    "badrequest": 400,
    "unprocessable": 422,
}
"""Part of a code or type (lower case, words joined by underscores) -> equivalent HTTP status."""
_PHRASES = (
    (r"rate.?limit|too many requests|throttl", 429),
    (r"insufficient (quota|credit|balance|fund)|exceeded your current quota|out of credits|no credits? left", 402),
    (r"(invalid|incorrect|missing|wrong) (api.?)?key|unauthori[sz]ed|authentication|not authenticated", 401),
    (r"permission denied|forbidden|access denied", 403),
    (r"unexpected endpoint|no such (endpoint|route|address)|unknown (endpoint|url|route)", 404),
    (r"model\b.{0,80}\b(not found|does ?n.t exist|does not exist|not loaded)|no such model|unknown model", 404),
    (r"overloaded|at capacity|server is busy|try again later|temporarily unavailable", 503),
)
"""Pattern of a message -> HTTP status, for errors without a code."""
_HINTS = ("retry_after", "retry-after", "retryafter", "retry_after_seconds", "retrydelay")
_RESETS = ("x-ratelimit-reset", "x-ratelimit-reset-requests", "ratelimit-reset")
_IN_WORDS = re.compile(
    r"(?:try again|retry|wait)\s+(?:in|after|for)?\s*(?:about )?(\d[\d.]*\s?[a-z]*(?:\d[\d.]*[a-z]*){0,2})",
    re.IGNORECASE,
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|secs?|seconds?|m|min|minutes?|h|hours?)?(?![a-z])")
_UNITS = {"ms": 0.001, "mi": 0.001, "s": 1.0, "se": 1.0, "m": 60.0, "h": 3600.0, "ho": 3600.0}
_LONGEST = 1e13
"""Largest number that is read as a time; milliseconds since 1970 are smaller."""


@dataclass(frozen=True)
class Report:
    """An error that a server reports in a body."""

    status: int
    """Equivalent HTTP status."""
    message: str
    """The server's message."""
    wait: float | None = None
    """Seconds that it asks to wait."""
    tokens: tuple[int, int] | None = None
    """Input and output tokens of the failed reply, if the server counts them."""


def read_json(text: str) -> dict[str, Any]:
    """Parse a body as a JSON object; {} for anything else."""
    try:
        body = json.loads(text.lstrip("\ufeff"), strict=False)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def find_report(body: Mapping[str, Any], tokens: tuple[int, int] | None = None) -> Report | None:
    """Find the error that a body without a usable reply reports; None if it reports none."""
    error = _find_error(body)
    if error is None:
        return None
    message = _find_message(error)
    return Report(_find_status(error, message), message, read_wait(error), tokens)


def _find_error(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The part of a body that describes an error; a mere text as {"message": text}."""
    errors = body.get("errors")
    state = body.get("base_resp")
    candidates = [body.get("error"), errors[0] if isinstance(errors, list) and errors else errors]
    if isinstance(state, dict) and state.get("status_code"):
        candidates.append({"message": state.get("status_msg"), "code": state["status_code"]})
    for error in candidates:
        if isinstance(error, str) and error.strip():
            around = {key: body[key] for key in ("code", "status", "type") if key in body}
            return {**around, "message": error, **_message_beside(body, error)}
        if isinstance(error, dict) and error:
            return dict(error)
    fine = str(body.get("status", body.get("code", ""))).lower() in ("success", "ok", "true", "0", "200")
    if body.get("detail") or (_words(body) and not fine and ("code" in body or "type" in body or "status" in body)):
        return None if body.get("choices") or isinstance(body.get("data"), list) else dict(body)
    return {"message": _words(body)} if body.get("object") == "error" else None


def _message_beside(body: Mapping[str, Any], error: str) -> dict[str, Any]:
    """The message, if `error` is only a name and the message stands beside it."""
    beside = body.get("message") or body.get("error_description")
    return {"message": f"{error}: {beside}"} if isinstance(beside, str) and beside.strip() else {}


def _words(body: Mapping[str, Any]) -> str:
    return next((body[key] for key in ("message", "msg") if isinstance(body.get(key), str) and body[key]), "")


def _find_message(error: Mapping[str, Any]) -> str:
    message = _words(error)
    detail = error.get("detail")
    if not message and detail:
        message = detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False)
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if isinstance(raw, str) and raw.strip() and raw not in message:
        message = f"{message}: {raw}" if message else raw
    return " ".join((message or json.dumps(dict(error), ensure_ascii=False))[:MAX_WORDS].split())


def _find_status(error: Mapping[str, Any], message: str) -> int:
    given = [error.get(key) for key in ("code", "status", "status_code", "type", "error_type")]
    metadata = error.get("metadata")
    if isinstance(metadata, dict):
        given.append(metadata.get("error_type"))
    for value in given:
        if _is_status(value):
            return int(str(value))
    for value in given:
        name = re.sub(r"[^a-z]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(value or "")[:200]).lower())
        status = next((status for part, status in _CODES.items() if part in name), None)
        if status is not None:
            return status
    lower = message.lower()
    return next((status for pattern, status in _PHRASES if re.search(pattern, lower)), UNKNOWN)


def _is_status(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return False
    return bool(re.fullmatch(r"[45]\d\d", str(value)))


# ------------------------------------------------------------------------------------------------------------- waits


def read_wait(error: Mapping[str, Any], now: float | None = None) -> float | None:
    """Read how long an error asks to wait, in seconds: from a field, a header that it quotes, or its message.

    Args:
        error: the error as the server wrote it.
        now: seconds since 1970, to compare with the time of a reset; None for this machine's clock.
    """
    now = time.time() if now is None else now
    fields = list(_fields(error, 0))
    for name, value in fields:
        if name in _HINTS and (wait := read_duration(value)):
            return wait
    for name, value in fields:
        if name in _RESETS and (wait := _until(value, now)):
            return wait
    match = _IN_WORDS.search(_find_message(error)[:2_000])
    return (read_duration(match.group(1)) or None) if match else None


def _fields(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > 4:
        return
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in inner:
        if isinstance(item, dict | list):
            yield from _fields(item, depth + 1)
        else:
            yield str(name).lower(), item


def read_duration(value: Any) -> float | None:
    """Read a duration as servers write it (20, "20", "1.5s", "6m0s", "350ms"), in seconds; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if 0 <= value <= _LONGEST else None
    if not isinstance(value, str) or len(value) > 40:
        return None
    parts = list(_DURATION.finditer(value.strip().lower()))
    if not parts or not _DURATION.match(value.strip().lower()):
        return None
    return sum(float(part[1]) * _unit(part[2]) for part in parts)


def _unit(name: str | None) -> float:
    if not name:
        return 1.0
    if name.startswith("mi") and not name.startswith("mil"):
        return 60.0
    return _UNITS.get(name, _UNITS.get(name[:2], _UNITS.get(name[0], 1.0)))


def _until(value: Any, now: float) -> float | None:
    """Seconds until a reset: some servers give the time since 1970, in s or ms, others the seconds left."""
    number = read_duration(value)
    if number is None:
        return None
    if number > 1e12:
        number /= 1000
    left = number - now if number > 1e9 else number
    return left if left > 0 else None
