"""Finds the reply in a response: the first text that can be parsed as one; otherwise why none can."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from evokd.agents.llm.attempt import Reply
from evokd.agents.llm.parse import NO_TEXT, Parsed, Tidy, parse_reply
from evokd.agents.llm.response_body import ReplyPart

ReplyT = TypeVar("ReplyT", bound=BaseModel)

CUT_OFF = "cut_off"
"""Flag of a reply that ends at the token limit."""
UNREAD = "unread"
"""Flag of a response without a reply; its record holds the whole body."""
THOUGHTS = "thoughts"
"""Flag of a response with reasoning and no reply."""
_ENDS = ("}", "]", "```")
_STARTS = ("{", "[", "```")


@dataclass(frozen=True)
class Reading(Generic[ReplyT]):
    """What was parsed from a response."""

    raw: str
    """The text that holds the reply; the whole body if there is none."""
    flags: tuple[str, ...]
    parsed: Parsed[ReplyT]


def read_reply(reply: Reply, model: type[ReplyT], tidy: Tidy | None) -> Reading[ReplyT]:
    """Parse the reply of a response.

    The content comes first; if it is no reply, the arguments of tool calls; then reasoning that begins or ends as a
    reply does, since some servers put the whole reply there.

    Args:
        reply: the response.
        model: a reply class.
        tidy: see `parse_reply`.
    """
    candidates: list[tuple[ReplyPart, Parsed[ReplyT], tuple[str, ...]]] = []
    for piece in reply.pieces:
        if piece.is_thought and not _is_like_a_reply(piece.text):
            continue
        flags = reply.flags if _is_broken_off(reply.flags) or not _ends_open(piece.text) else (CUT_OFF, *reply.flags)
        parsed = parse_reply(piece.text, model, _is_broken_off(flags), tidy)
        candidates.append((piece, parsed, flags))
        if parsed.reply is not None:
            break
    best = next((one for one in candidates if one[1].reply is not None), None)
    best = best or next((one for one in candidates if one[1].rest is not None), None)
    best = best or next((one for one in candidates if not one[0].is_thought), None)
    if best is None or best[1].fault == NO_TEXT:
        return _report_unread(reply)
    piece, parsed, flags = best
    return Reading(piece.text, _join(flags, _name_key(piece), parsed.flags), parsed)


def read_stored(raw: str, flags: Sequence[str], model: type[ReplyT], tidy: Tidy | None) -> Parsed[ReplyT]:
    """Parse a stored reply, as it was parsed on arrival."""
    if UNREAD in flags:
        return Parsed(None, "no reply", tuple(flags))
    return parse_reply(raw, model, _is_broken_off(flags), tidy)


def _is_broken_off(flags: Sequence[str]) -> bool:
    """Whether a reply ends too early, so that its last item may be incomplete."""
    return CUT_OFF in flags or "filtered" in flags


def _ends_open(text: str) -> bool:
    """Whether a JSON value begins and never ends: some servers cut off a reply without saying so."""
    text = text.strip()
    start = text.find("{")
    if not text.startswith(_STARTS) or text.endswith(_ENDS) or start < 0:
        return False
    try:
        json.JSONDecoder(strict=False).raw_decode(text, start)
    except (ValueError, RecursionError):
        return True
    return False


def _is_like_a_reply(text: str) -> bool:
    text = text.strip()
    return text.startswith(_STARTS) or text.endswith(_ENDS)


def _name_key(piece: ReplyPart) -> tuple[str, ...]:
    """The flag of a reply under an unusual key."""
    if piece.key in ("content", "refusal", "body"):
        return ()
    return (f"in_{piece.key.removesuffix('.arguments').removesuffix('.function').replace('.', '_')}",)


def _report_unread(reply: Reply) -> Reading[ReplyT]:
    # content that is empty after parsing was a block of reasoning as well
    thoughts = [piece.key for piece in reply.pieces if piece.is_thought or piece.key == "content"]
    fault = NO_TEXT
    if thoughts:
        why = "the limit of tokens was reached first" if CUT_OFF in reply.flags else "no reply stands there"
        fault = (
            f"the answer is in {thoughts[0]}, and {why}: turn thinking off, or raise teacher.max_tokens and the"
            " server's own limit"
        )
    elif "filtered" in reply.flags:
        fault = "a content filter of the server held the reply back"
    flags = _join(reply.flags, (UNREAD, *((THOUGHTS,) if thoughts else ())), ())
    return Reading(reply.raw, flags, Parsed(None, fault, ()))


def _join(*groups: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flag for group in groups for flag in group))
