"""Why a request was refused: its prompt, the model's reply, a part of the request, or its format."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

MAX_LOOKED_AT = 4_000
"""Characters of a server's message that are examined."""
About = Literal["prompt", "length", "limit", "reply", "parts", "form"]
"""`prompt`: a content filter rejects it; `length`: it is too long; `limit`: the limit of the reply leaves no room for
it; `reply`: the model's output was invalid, which a repeat may cure; `parts`: settings or roles that the server does
not accept; `form`: the response format."""

_PROMPT = re.compile(
    r"content.?filter|content management policy|responsible.?ai.?policy|content.?policy|safety (system|filter|polic)"
    r"|moderation|was flagged|data.?inspection|content.{0,10}\brisk|unsafe content"
    r"|(inappropriate|sensitive|harmful|prohibited|illegal) (content|information|words?|material)"
    r"|violates?.{0,40}polic|prompt.{0,30}\bblocked|blocked.{0,30}\bprompt",
    re.IGNORECASE,
)
_LENGTH = re.compile(
    r"context.?(length|window|size)|maximum context|(prompt|input|request|messages?) (is|are) too (long|large)"
    r"|prompt too long|too many (input )?tokens|longer than the maximum model length|max_model_len"
    r"|reduce the length of|request too large"
    r"|exceeds? the (maximum|available|model.{0,12}) (number of tokens|context|input)",
    re.IGNORECASE,
)
_LIMIT = re.compile(r"max_(completion_)?tokens\b.{0,60}\btoo large|\d+ in the completion", re.IGNORECASE)
"""A reply limit larger than the model allows: the fault of the user's setting, not of the prompt."""
_FIGURES = (
    re.compile(r"\((?P<prompt>\d+) in (the messages|your prompt)[,;] (?P<reply>\d+) (in|for) the completion\)"),
    re.compile(r"passed (?P<prompt>\d+) input tokens and requested (?P<reply>\d+) output tokens"),
)
"""How servers count prompt and reply when both together exceed the context."""
_REPLY = re.compile(
    r"failed to (generate|validate) json|json_validate_failed|failed.generation|tool_use_failed"
    r"|model (did not|failed to) (produce|generate|output|return)|model (output|generated).{0,40}(invalid|not valid)",
    re.IGNORECASE,
)
_SYSTEM = re.compile(
    r"\bsystem[ '\"](role|messages?|prompts?|instructions?)?.{0,40}(not (be )?(supported|allowed|enabled|permitted))"
    r"|(does not|doesn't|not) support.{0,30}\bsystem\b|unsupported.{0,20}\bsystem\b"
    r"|developer (instruction|role|message).{0,40}\bnot\b|roles must alternate|only user and assistant"
    r"|(unknown|invalid|unexpected).{0,20}\brole\b.{0,20}\bsystem\b",
    re.IGNORECASE,
)
_FORM = re.compile(r"\b(response_format|json_schema|json_object|schema|validation|grammar|format)\b", re.IGNORECASE)
_UNSUPPORTED = re.compile(
    r"unsupported|not.{0,12} support|unknown|unrecogni[sz]ed|\bextra\b|not permitted|unexpected|not allowed"
    r"|invalid (parameter|argument|field|property)|no such|deprecated|only the default|not available|not implemented"
    r"|not (a )?valid (parameter|argument|field)|cannot be used|incompatible",
    re.IGNORECASE,
)
_VALUE = re.compile(
    r"too (large|small|high|low|big)|at (most|least)|\bbetween\b|(less|greater|smaller|larger) than|must be|exceeds?"
    r"|\d\s*[<>]=?\s*\d|(maximum|minimum|max|min)\b.{0,20}\b(allowed|value|number)",
    re.IGNORECASE,
)
"""A complaint about a value: the server knows the setting, and the user's value is wrong."""
_INSTEAD = re.compile(r"(?:\buse|\btry|\bdid you mean|replaced by|in favou?r of)\s+[`'\"]?(\w+)", re.IGNORECASE)
_MESSAGE_KEYS = ("message", "msg", "error", "detail", "code", "type", "reason", "title", "")
"""Keys of a body that hold the server's message; "" stands for the items of a list."""
_QUOTED = ("input", "ctx", "request", "body", "value")
"""Keys under which the server quotes the request or the reply."""
_NAMES = ("seed", "temperature", "max_completion_tokens", "max_tokens")


@dataclass(frozen=True)
class Refusal:
    """What the server says about a refused request."""

    about: About | None = None
    """None if the server does not say."""
    parts: frozenset[str] = frozenset()
    """For `parts`: seed, temperature, max_completion_tokens, max_tokens or system."""
    other_name: bool = False
    """Whether the server names `max_completion_tokens` as the name to use."""


UNEXPLAINED = Refusal()


def read_refusal(status: int, raw: str) -> Refusal:
    """Read why a request was refused.

    Quotations of the request do not count: the words of a prompt must not decide about the format.

    Args:
        status: HTTP status; a 500 counts only if its message is explicit.
        raw: the body as received.
    """
    body = _load(raw)
    words = " ".join(_server_words(body) if body is not None else [raw])[:MAX_LOOKED_AT]
    if _PROMPT.search(words):
        return Refusal("prompt")
    if _REPLY.search(words):
        return Refusal("reply")
    if status != 413 and _blames_limit(words):
        return Refusal("limit")
    if status == 413 or _LENGTH.search(words):
        return Refusal("length")
    fields = set(_field_names(body))
    if _SYSTEM.search(words):
        return Refusal("parts", frozenset({"system"}))
    if status == 500:
        return Refusal("form") if _FORM.search(words) else Refusal()
    instead = {name.lower() for name in _INSTEAD.findall(words)}
    parts = _find_parts(words, fields, instead)
    if parts:
        return Refusal("parts", parts, "max_completion_tokens" in instead)
    formed = any(field.startswith("response_format") for field in fields) or bool(_FORM.search(words))
    return Refusal("form") if formed else Refusal()


def _blames_limit(words: str) -> bool:
    """Whether the limit of the reply is at fault: where the server counts both, it is if it is the larger part."""
    counted = next((match for pattern in _FIGURES if (match := pattern.search(words))), None)
    if counted is not None:
        return int(counted["reply"]) > int(counted["prompt"])
    return bool(_LIMIT.search(words))


def _find_parts(words: str, fields: set[str], instead: set[str]) -> frozenset[str]:
    """The settings that the server does not know; the user must correct a value that is too large or too small."""
    named = {name for name in _NAMES if name in fields}
    if not named and not any(field.startswith("response_format") for field in fields):
        named = {name for name in _NAMES if re.search(rf"\b{name}\b", words, re.IGNORECASE)}
    named -= instead
    unknown = bool(_UNSUPPORTED.search(words)) or not _VALUE.search(words)
    # the user does not set the seed, so it may always be left out
    return frozenset(name for name in named if name == "seed" or unknown)


def _load(raw: str) -> Any:
    try:
        body = json.loads(raw, strict=False)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict | list) else None


def _server_words(body: Any, depth: int = 0) -> Iterator[str]:
    """The server's messages, codes and types, without quotations of the request."""
    if depth > 6:
        return
    for name, value in _items(body):
        if name == "failed_generation":
            yield name  # the key alone says what happened
        elif isinstance(value, dict | list):
            if name not in _QUOTED:
                yield from _server_words(value, depth + 1)
        elif isinstance(value, str) and name in _MESSAGE_KEYS:
            yield value


def _field_names(body: Any, depth: int = 0) -> Iterator[str]:
    """Names of the fields of the request that a body points at: `param`, or the `loc` of a list of faults."""
    if depth > 6:
        return
    for name, value in _items(body):
        if name == "param" and isinstance(value, str):
            yield value
        elif name == "loc" and isinstance(value, list):
            yield ".".join(str(step) for step in value if step != "body")
        elif isinstance(value, dict | list) and name not in ("input", "ctx"):
            yield from _field_names(value, depth + 1)


def _items(body: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(body, Mapping):
        yield from ((str(name), value) for name, value in body.items())
    elif isinstance(body, list):
        yield from (("", value) for value in body[:50])
