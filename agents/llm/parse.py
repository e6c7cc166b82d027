"""From the raw text of a reply to a validated message: strip, parse, repair, validate; flag each step."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from evokd.agents.llm.json_repair_limit import repair

ReplyT = TypeVar("ReplyT", bound=BaseModel)

_OPENING = re.compile(r"\s*<(?:think|thinking|reasoning)>", re.IGNORECASE)
_CLOSING = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)
_FENCE = re.compile(r"^[ \t]*```[\w-]*[ \t]*\r?\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
_START = re.compile(r"\{|\[\s*\{")
_DECODER = json.JSONDecoder(strict=False)
MAX_FAULTS = 8
MAX_STARTS = 64
"""Failed attempts to parse an object at an opening brace, in a reply with prose or broken items."""

MAX_BLOCKS = 1_000
"""Fenced blocks that are examined."""
MAX_READ = 1_000_000
"""Characters of a reply that are read, more than any model writes; the rest counts as cut off."""
MAX_MARKS = 40_000
"""Commas and opening brackets (so, values) of a reply that are read; the rest counts as cut off."""
MAX_ERRORS = 5_000
"""Faults that are examined one by one."""
_MANY_MARKS = re.compile(rf"(?:[^,{{\[]*[,{{\[]){{{MAX_MARKS}}}")
Tidy = Callable[[dict[str, Any], list[str]], dict[str, Any]]
"""Corrects the values of an object before validation, and adds what it did to the flags."""
NO_TEXT = "the reply holds no text to read"
BROKEN = "the reply breaks off or is broken; write it again as one complete JSON object"


@dataclass(frozen=True)
class Parsed(Generic[ReplyT]):
    """A parsed reply: a message or a fault, and the repairs that were needed."""

    reply: ReplyT | None
    fault: str | None
    flags: tuple[str, ...]
    rest: ReplyT | None = None
    """If there is a fault: the reply without its faulty items, for when re-asking does not help."""


def parse_reply(raw: str, model: type[ReplyT], cut_off: bool = False, tidy: Tidy | None = None) -> Parsed[ReplyT]:
    """Parse a language model's reply into a message.

    The text is first read as plain JSON (raw control characters allowed). If that fails, reasoning, code fences and
    prose around one object are removed, and json-repair repairs the rest; of a text that is too broken or too long, the
    complete items of its list are used. Unknown keys are dropped; pydantic validates. Each step is flagged. Never
    raises, and takes a fraction of a second for any text.

    Args:
        raw: the reply's text as received.
        model: a reply class.
        cut_off: whether the reply ends at the token limit: its last item is then not completed by guessing.
        tidy: corrects values that can be read in only one way.
    """
    flags: list[str] = []
    raw = _shorten(raw, flags).encode("utf-8", "replace").decode()
    value = _read(raw, model, flags, cut_off)
    if value is None:
        text = _strip_reasoning(raw)[1].strip()
        fault = (BROKEN if cut_off else "the reply is not a JSON object") if text else NO_TEXT
        return Parsed(None, fault, tuple(flags))
    value = tidy(value, flags) if tidy is not None else value
    reply, fault_found, rest = _validate(value, model, flags)
    if "salvaged" in flags:
        return Parsed(None, BROKEN, tuple(flags), reply or rest)
    return Parsed(reply, fault_found, tuple(flags), rest)


def _shorten(raw: str, flags: list[str]) -> str:
    """Cut off what no reply needs, so that any text is read in bounded time."""
    shortened = raw[:MAX_READ]
    if shortened.count(",") + shortened.count("{") + shortened.count("[") > MAX_MARKS:
        many = _MANY_MARKS.match(shortened)
        shortened = many.group() if many else shortened
    if len(shortened) < len(raw):
        flags.append("shortened")
    return shortened


def _validate(
    value: dict[str, Any], model: type[ReplyT], flags: list[str]
) -> tuple[ReplyT | None, str | None, ReplyT | None]:
    """Make the message of a parsed value; otherwise the fault, and the message without its faulty items."""
    try:
        return model.model_validate(value), None, None
    except ValidationError as exc:
        if exc.error_count() > MAX_ERRORS:
            return None, f"the reply has {exc.error_count()} faults; it is not what the schema asks for", None
        fault, left = _describe(exc), _drop_extra_keys(value, model, exc, flags)
    if left is None:
        return model.model_validate(value), None, None
    return None, fault, _drop_faulty_items(value, model, left)


def _read(raw: str, model: type[BaseModel], flags: list[str], cut_off: bool) -> dict[str, Any] | None:
    value = _as_object(_loads(raw), model, flags)
    if value is not None:
        return value
    whole, answer = _strip_reasoning(raw)
    if answer != raw:
        flags.append("reasoning")
    for flag, part in _parts(answer):
        value = _as_object(_loads(part), model, flags) if part is not raw else None
        if value is not None and (part is answer or _is_near(value, model)):
            return _flagged(value, flag, flags)
    # a closing tag may stand inside a string of the reply: then strict JSON surrounds it
    start, end = whole.find("{"), whole.rfind("}") + 1
    if answer != whole and end > len(whole) - len(answer):
        value = _as_object(_loads(whole[start:end]), model, flags)
        if value is not None and _is_near(value, model):
            if whole == raw:
                flags.remove("reasoning")
            return _flagged(value, _name_cut(whole, start, end), flags)
    value = _find_object(answer, model)
    return _flagged(value, "prose", flags) if value is not None else _repair(answer, model, flags, cut_off)


def _strip_reasoning(raw: str) -> tuple[str, str]:
    """The reply after its leading blocks of reasoning, and the part of it after the last closing tag."""
    start = 0
    while opening := _OPENING.match(raw, start):
        closing = _CLOSING.search(raw, opening.end())
        if closing is None:
            return "", ""
        start = closing.end()
    answer = start
    for closing in _CLOSING.finditer(raw, start):
        answer = closing.end()
    return raw[start:], raw[answer:]


def _parts(text: str) -> Iterator[tuple[str | None, str]]:
    """Parts of a text that may hold the reply, with the flag for what was removed."""
    yield None, text
    starts = {opening: text.find(opening) for opening in "[{"}
    for opening, closing in ("[]", "{}"):
        start, end = starts[opening], text.rfind(closing) + 1
        if 0 <= start <= starts["{"] and start < end:
            yield _name_cut(text, start, end), text[start:end]
    for block in sorted(_blocks(text), key=len, reverse=True)[:MAX_STARTS]:
        yield "fence", block


def _blocks(text: str) -> list[str]:
    return [match.group(1).strip() for match in islice(_FENCE.finditer(text), MAX_BLOCKS)]


def _name_cut(text: str, start: int, end: int) -> str | None:
    around = (text[:start] + text[end:]).strip()
    return ("fence" if "```" in around else "prose") if around else None


def _find_object(text: str, model: type[BaseModel]) -> dict[str, Any] | None:
    """The longest of several objects in a text that has a key of the reply."""
    best: dict[str, Any] | None = None
    length = 0
    for start, end, value in _objects(text, 0):
        if end - start > length and _is_near(value, model):
            best, length = value, end - start
    return _replace_surrogates(best) if best is not None else None


def _objects(text: str, at: int) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Parse the objects in a text, each as strict JSON: (start, end, object). Stops after too many failed attempts."""
    left, starts = 2 * len(text), MAX_STARTS
    while (start := text.find("{", at)) >= 0 and left >= 0 and starts:
        try:
            value, at = _DECODER.raw_decode(text, start)
            yield start, at, value
        except json.JSONDecodeError as exc:
            at, left, starts = start + 1, left - (exc.pos - start), starts - 1
        except (ValueError, RecursionError):  # a number of thousands of digits, brackets without end
            at, left, starts = start + 1, left - len(text) // 4, starts - 1


def _repair(text: str, model: type[BaseModel], flags: list[str], cut_off: bool) -> dict[str, Any] | None:
    text = text.strip()
    blocks = _blocks(text)
    if not text.startswith("{") and blocks:
        flags.append("fence")
        text = max(blocks, key=len)
    start = _START.search(text)
    if start is None:
        return None
    text = text[start.start() :]
    if cut_off and len(model.model_fields) == 1:
        return _salvage(text, model, flags)  # a repair would invent the rest of the last item
    flags.append("repaired")
    value = repair(text) if "shortened" not in flags else None
    repaired = _as_object(_replace_surrogates(value), model, flags)
    if repaired is not None:
        return repaired
    return _salvage(text, model, flags)


def _salvage(text: str, model: type[BaseModel], flags: list[str]) -> dict[str, Any] | None:
    """The complete items of a reply's list that is cut off or broken in between."""
    key, *others = model.model_fields
    opening = re.search(rf'"{re.escape(key)}"\s*:\s*\[|^\[', text)
    if opening is None or others:
        return None
    items = _replace_surrogates([item for _, _, item in _objects(text, opening.end())])
    return _flagged({key: items}, "salvaged", flags) if items else None


def _as_object(value: Any, model: type[BaseModel], flags: list[str]) -> dict[str, Any] | None:
    keys = tuple(model.model_fields)
    if isinstance(value, list) and len(keys) == 1 and value and all(isinstance(item, dict) for item in value):
        flags.append("bare_list")
        return {keys[0]: value}
    return value if isinstance(value, dict) and value else None


def _is_near(value: dict[str, Any], model: type[BaseModel]) -> bool:
    """Whether an object is the reply, not a part of it or an object in the prose around it."""
    return any(key in value for key in model.model_fields)


def _flagged(value: dict[str, Any], flag: str | None, flags: list[str]) -> dict[str, Any]:
    if flag:
        flags.append(flag)
    return value


def _loads(text: str) -> Any:
    try:
        value = json.loads(text, strict=False)
        return _replace_surrogates(value) if "\\u" in text else value
    except (ValueError, RecursionError):
        return None


def _replace_surrogates(value: Any) -> Any:
    """Replace lone surrogates (escapes from D800 to DFFF), which cannot be stored as text, with question marks.

    None if the value is nested too deeply.
    """
    try:
        return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"), strict=False)
    except RecursionError:
        return None


def _drop_extra_keys(
    value: dict[str, Any], model: type[BaseModel], exc: ValidationError, flags: list[str]
) -> ValidationError | None:
    """Remove keys that the model does not know, in place; return the remaining error."""
    extra = [fault["loc"] for fault in exc.errors() if fault["type"] == "extra_forbidden"]
    if not extra:
        return exc
    for path in extra:
        holder: Any = value
        for step in path[:-1]:
            holder = holder[step]
        holder.pop(path[-1], None)
    flags.append("extra_keys")
    try:
        model.model_validate(value)
        return None
    except ValidationError as left:
        return left


def _describe(exc: ValidationError) -> str:
    lines = []
    # unknown keys last: they do no harm, but often explain why another key is missing
    faults = sorted(exc.errors(), key=lambda fault: fault["type"] == "extra_forbidden")
    for fault in faults[:MAX_FAULTS]:
        where = ".".join(str(step)[:80] for step in fault["loc"]) or "reply"
        lines.append(f"{where}: {fault['msg']}")
    more = len(faults) - len(lines)
    return "; ".join(lines) + (f"; and {more} more" if more > 0 else "")


def _drop_faulty_items(value: dict[str, Any], model: type[ReplyT], exc: ValidationError) -> ReplyT | None:
    """Leave out the list items that an error points at; None if more is wrong, or no item would remain."""
    faulty: dict[str, set[int]] = {}
    for fault in exc.errors():
        match fault["loc"]:
            case (str() as key, int() as index, *_):
                faulty.setdefault(key, set()).add(index)
            case _:
                return None
    sound = dict(value)
    for key, indices in faulty.items():
        sound[key] = [item for index, item in enumerate(sound[key]) if index not in indices]
        if not sound[key]:
            return None
    try:
        return model.model_validate(sound)
    except ValidationError:
        return None
