"""Reads the body of a response with status 200: the texts that may hold the reply, or the error that it reports."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from evokd.agents.llm.error_reports import Report, find_report

MOST_TOKENS = 10**9
"""Largest number of tokens of one call that is believed."""
MOST_CHUNKS = 200_000
"""Chunks of an event stream that are read."""
_TAIL = 200
"""Characters at the end of an event stream that may hold its end mark."""
THOUGHTS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
"""Keys of a model's reasoning; some servers put the whole answer there."""
_THINKING = ("thinking", "reasoning", "redacted_thinking")
_ASSISTANT = (None, "", "assistant", "model", "ai")
_CUT = ("length", "max_tokens", "MAX_TOKENS", "model_length", "max_output_tokens")
"""Finish reasons of a reply that reached its token limit."""
_FILTERED = ("content_filter", "SAFETY", "safety", "content_filtered")


@dataclass(frozen=True)
class ReplyPart:
    """A text of a response, and its key."""

    key: str
    text: str

    @property
    def is_thought(self) -> bool:
        """Whether reasoning is expected there, not a reply."""
        return self.key in THOUGHTS or self.key.endswith("thinking")


@dataclass(frozen=True)
class Body:
    """A chat completion, in whatever format it came."""

    pieces: tuple[ReplyPart, ...] = ()
    """Texts that may hold the reply, the likeliest first; none is blank."""
    flags: tuple[str, ...] = ()
    tokens: tuple[int, int] | None = None
    """Input and output tokens by the server's count; None if it gives none, or an impossible one."""


@dataclass
class _Gathered:
    """The sum of the chunks of an event stream."""

    message: dict[str, Any] = field(default_factory=dict)
    calls: dict[Any, dict[str, Any]] = field(default_factory=dict)
    rest: dict[str, Any] = field(default_factory=dict)
    choice: dict[str, Any] = field(default_factory=dict)


def read_body(text: str) -> Body | Report | None:
    """Read a body.

    Args:
        text: JSON, or an event stream although none was requested.

    Returns:
        The completion; the error that the server reports instead; None for anything else.
    """
    body = _load(text)
    if body is None and _is_stream(text):
        body = _gather(text)
    if not isinstance(body, dict):
        return None
    usable = [choice for choice in _as_list(body.get("choices")) if isinstance(choice, dict)]
    read = [_read_choice(choice) for choice in usable]
    failed = next((choice for choice in usable if choice.get("error") or choice.get("finish_reason") == "error"), None)
    ended = any(choice.get("finish_reason") for choice in usable)
    if failed is None and usable and not ended and isinstance(body.get("error"), str | dict) and body["error"]:
        failed = {"error": body["error"]}  # the server failed in the middle of the reply
    tokens = _read_usage(body.get("usage"))
    if failed is not None:
        error = failed.get("error") or body.get("error") or "the reply ended in an error"
        return find_report({"error": error}, tokens)
    best = next((one for one in read if one is not None and one.pieces), None) or next(iter(read), None)
    if best is None or not best.pieces:
        report = find_report(body, tokens)
        if report is not None:
            return report
    if best is None:
        return None
    flags = (*best.flags, *(("event_stream",) if "chunks" in body else ()))
    if "chunks" in body and not ended and "[DONE]" not in text[-_TAIL:]:
        flags = ("cut_off", *flags)  # the connection ended before the reply did
    return Body(best.pieces, flags, tokens)


def _load(text: str) -> Any:
    try:
        return json.loads(text.lstrip("\ufeff"), strict=False)
    except (ValueError, RecursionError):
        return None


# ------------------------------------------------------------------------------------------------------ completions


def _read_choice(choice: Mapping[str, Any]) -> Body | None:
    message = choice.get("message")
    if not isinstance(message, dict):
        text = choice.get("text")
        if not isinstance(text, str):
            return None
        message = {"content": text}
    if message.get("role") not in _ASSISTANT:
        return None
    finish = choice.get("finish_reason")
    flags = [flag for flag, names in (("cut_off", _CUT), ("filtered", _FILTERED)) if finish in names]
    pieces = [piece for piece in _read_message(message) if piece.text.strip()]
    refusal = message.get("refusal")
    answers = [piece for piece in pieces if not piece.is_thought]
    if not answers and isinstance(refusal, str) and refusal.strip():
        return Body((ReplyPart("refusal", refusal),), (*flags, "refusal"))
    return Body((*answers, *(piece for piece in pieces if piece.is_thought)), tuple(flags))


def _read_message(message: Mapping[str, Any]) -> Iterator[ReplyPart]:
    """The texts of a message: its content, the arguments of its tool calls, its reasoning."""
    content = message.get("content")
    yield from _read_parts(content) if isinstance(content, list) else [ReplyPart("content", _as_text(content))]
    calls = message.get("tool_calls")
    for call in _as_list(calls):
        called = call.get("function") if isinstance(call, dict) else None
        if isinstance(called, dict):
            yield ReplyPart("tool_calls.function.arguments", _as_text(called.get("arguments")))
    called = message.get("function_call")
    if isinstance(called, dict):
        yield ReplyPart("function_call.arguments", _as_text(called.get("arguments")))
    for name in THOUGHTS:
        thoughts = message.get(name)
        if isinstance(thoughts, list):
            thoughts = "".join(_part_text(part) for part in thoughts)
        yield ReplyPart(name, _as_text(thoughts))


def _read_parts(parts: list[Any]) -> Iterator[ReplyPart]:
    answers = [part for part in parts if not _is_thinking(part)]
    yield ReplyPart("content", "".join(_part_text(part) for part in answers))
    yield ReplyPart("content.thinking", "".join(_part_text(part) for part in parts if _is_thinking(part)))


def _is_thinking(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in _THINKING


def _part_text(part: Any) -> str:
    """The text of a part: a string, {"text": ...}, or nested parts, as in reasoning."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return ""
    for key in ("text", "content", "thinking", "summary", "value"):
        value = part.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, dict) and isinstance(value.get("value"), str):
            return str(value["value"])
        if isinstance(value, list):
            return "".join(inner["text"] for inner in value if isinstance(inner, dict) and _has_text(inner))
    return ""


def _has_text(part: Mapping[str, Any]) -> bool:
    return isinstance(part.get("text"), str)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _as_text(value: Any) -> str:
    """A text as it is; an object, which some servers send instead of its JSON, as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else ""


def _read_usage(usage: Any) -> tuple[int, int] | None:
    if not isinstance(usage, dict):
        return None
    read = usage.get("prompt_tokens", usage.get("input_tokens"))
    written = usage.get("completion_tokens", usage.get("output_tokens"))
    counts = [count for count in (read or 0, written) if isinstance(count, int) and not isinstance(count, bool)]
    if len(counts) < 2 or not all(0 <= count <= MOST_TOKENS for count in counts) or not counts[1]:
        return None
    return counts[0], max(counts[1], _count_thoughts(usage, counts[0]))


def _count_thoughts(usage: Mapping[str, Any], read: int) -> int:
    """Output tokens by the total: some servers count reasoning only there."""
    total = usage.get("total_tokens")
    return total - read if isinstance(total, int) and total <= MOST_TOKENS else 0


# ---------------------------------------------------------------------------------------------------- event streams


def _is_stream(text: str) -> bool:
    return text.lstrip("\ufeff \r\n").startswith(("data:", "event:", "id:", "retry:", ":"))


def _gather(text: str) -> dict[str, Any]:
    """Join the chunks of an event stream into a completion."""
    gathered, count = _Gathered(), 0
    for chunk in _chunks(text):
        count += 1
        if count > MOST_CHUNKS:
            break
        gathered.rest.update({key: value for key, value in chunk.items() if key != "choices" and value is not None})
        for choice in _as_list(chunk.get("choices")):
            if isinstance(choice, dict) and choice.get("index", 0) in (0, None):
                _add_choice(gathered, choice)
    if gathered.calls:
        gathered.message["tool_calls"] = [{"function": call} for call in gathered.calls.values()]
    body = {**gathered.rest, "chunks": count}
    if gathered.choice or gathered.message:
        body["choices"] = [{**gathered.choice, "message": gathered.message}]
    return body


def _chunks(text: str) -> Iterator[dict[str, Any]]:
    # Not splitlines(): it also breaks at characters such as U+2028, which JSON allows inside a string.
    for event in text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:")]
        whole = _load("\n".join(lines))
        # some servers leave out the empty line between two chunks
        for chunk in [whole] if isinstance(whole, dict) else map(_load, lines):
            if isinstance(chunk, dict):
                yield chunk


def _add_choice(gathered: _Gathered, choice: Mapping[str, Any]) -> None:
    known = {key: choice[key] for key in ("finish_reason", "error") if choice.get(key)}
    gathered.choice.update(known)
    if isinstance(choice.get("message"), dict):
        gathered.message.update(choice["message"])
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        delta = {"content": choice["text"]} if isinstance(choice.get("text"), str) else {}
    for key, value in delta.items():
        if isinstance(value, str) and key != "role":
            before = gathered.message.get(key)
            gathered.message[key] = (before if isinstance(before, str) else "") + value
        elif isinstance(value, list) and key != "tool_calls":
            before = gathered.message.get(key)
            gathered.message[key] = [*(before if isinstance(before, list) else []), *value]
    for call in _as_list(delta.get("tool_calls")):
        _add_call(gathered, call)


def _add_call(gathered: _Gathered, call: Any) -> None:
    called = call.get("function") if isinstance(call, dict) else None
    if isinstance(called, dict):
        whole = gathered.calls.setdefault(str(call.get("index", 0)), {"arguments": ""})
        whole["arguments"] += _as_text(called.get("arguments"))
