"""From the raw text of a reply to a checked message: strip, parse, repair, validate; say what was done."""

import json
import re
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from json_repair import repair_json
from pydantic import BaseModel, ValidationError

ReplyT = TypeVar("ReplyT", bound=BaseModel)

_REASONING = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_REASONING_TAIL = re.compile(r"^.*</(?:think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)
_REASONING_OPEN = re.compile(r"^\s*<(?:think|thinking|reasoning)>", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]*```[\w-]*[ \t]*\r?\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
MAX_FAULTS = 8


@dataclass(frozen=True)
class Parsed(Generic[ReplyT]):
    """What became of a raw reply: a message or a fault, and what had to be mended on the way."""

    reply: ReplyT | None
    fault: str | None
    flags: tuple[str, ...]
    rest: ReplyT | None = None
    """Where there is a fault: the reply without its faulty items, for when asking again has not helped."""


def parse_reply(raw: str, model: type[ReplyT]) -> Parsed[ReplyT]:
    """Parse a language model's reply into a message.

    Order: JSON as it stands (raw control characters allowed); else reasoning and code fences are stripped, prose around
    one object is cut off, json-repair mends what is left; pydantic validates; keys that are merely too many are
    dropped. Whatever was done is flagged. Never raises.

    Args:
        raw: the reply's text as it came.
        model: a reply class.
    """
    flags: list[str] = []
    value = _as_object(_loads(raw), model, flags)
    if value is None:
        text = _strip(raw, flags)
        if not text:
            return Parsed(None, "the reply holds no text to read", tuple(flags))
        value = _as_object(_read_json(text, flags), model, flags)
    if value is None:
        return Parsed(None, "the reply is not a JSON object", tuple(flags))
    try:
        return Parsed(_validate(value, model, flags), None, tuple(flags))
    except ValidationError as exc:
        return Parsed(None, _describe(exc), tuple(flags), _drop_faulty_items(value, model, exc))


def _strip(raw: str, flags: list[str]) -> str:
    text = _REASONING.sub("", raw)
    text = _REASONING_TAIL.sub("", text)
    if _REASONING_OPEN.match(text):
        text = ""
    if text != raw:
        flags.append("reasoning")
    text = text.strip()
    blocks = [match.group(1).strip() for match in _FENCE.finditer(text)]
    if not text.startswith("{") and blocks:
        flags.append("fence")
        text = max(blocks, key=len)
    return text


def _read_json(text: str, flags: list[str]) -> Any:
    value = _loads(text)
    if value is not None:
        return value
    start, end = text.find("{"), text.rfind("}")
    if start < 0:
        return None
    value = _loads(text[start : end + 1])
    if value is not None:
        flags.append("prose")
        return value
    flags.append("repaired")
    try:
        return repair_json(text[start:], return_objects=True, skip_json_loads=True)
    except (ValueError, RecursionError):
        return None


def _as_object(value: Any, model: type[BaseModel], flags: list[str]) -> dict[str, Any] | None:
    keys = tuple(model.model_fields)
    if isinstance(value, list) and len(keys) == 1 and value and all(isinstance(item, dict) for item in value):
        flags.append("bare_list")
        return {keys[0]: value}
    return value if isinstance(value, dict) and value else None


def _loads(text: str) -> Any:
    try:
        value = json.loads(text, strict=False)
        # half a surrogate pair (a \ud800 escape) is no text that could be stored: it becomes a question mark
        return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")) if "\\u" in text else value
    except (ValueError, RecursionError):
        return None


def _validate(value: dict[str, Any], model: type[ReplyT], flags: list[str]) -> ReplyT:
    try:
        return model.model_validate(value)
    except ValidationError as exc:
        extra = [fault["loc"] for fault in exc.errors() if fault["type"] == "extra_forbidden"]
        if len(extra) != exc.error_count():
            raise
    flags.append("extra_keys")
    for path in extra:
        holder: Any = value
        for step in path[:-1]:
            holder = holder[step]
        holder.pop(path[-1], None)
    return model.model_validate(value)


def _describe(exc: ValidationError) -> str:
    lines = []
    for fault in exc.errors()[:MAX_FAULTS]:
        where = ".".join(str(step) for step in fault["loc"]) or "reply"
        lines.append(f"{where}: {fault['msg']}")
    more = exc.error_count() - len(lines)
    return "; ".join(lines) + (f"; and {more} more" if more > 0 else "")


def _drop_faulty_items(value: dict[str, Any], model: type[ReplyT], exc: ValidationError) -> ReplyT | None:
    """Leave out the list items that a validation error points at; None when something else is wrong as well."""
    faulty: dict[str, set[int]] = {}
    for fault in exc.errors():
        match fault["loc"]:
            case (str() as key, int() as index, *_):
                faulty.setdefault(key, set()).add(index)
            case _ if fault["type"] != "extra_forbidden":
                return None
    kept = {key: value[key] for key in model.model_fields if key in value}
    for key, indices in faulty.items():
        kept[key] = [item for index, item in enumerate(kept[key]) if index not in indices]
    try:
        return model.model_validate(kept)
    except ValidationError:
        return None
