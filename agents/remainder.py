"""Replies that were cut off: what came whole is kept, and what is missing is asked for in smaller requests."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel

from agents.asks import Answer, Ask
from agents.messages import CallRecord
from agents.parse import Parsed
from agents.purse import BudgetSpent

ReplyT = TypeVar("ReplyT", bound=BaseModel)

Attempt = Callable[[Ask[ReplyT], int], Awaitable[tuple[CallRecord, Parsed[ReplyT] | None]]]
"""Makes one call for a question; the number counts on from the question that was cut off."""


async def complete(
    ask: Ask[ReplyT], first: tuple[CallRecord, Parsed[ReplyT]], number: int, spare: int, attempt: Attempt[ReplyT]
) -> Answer[ReplyT]:
    """Ask for what a reply lacks that was cut off.

    What is asked for, and when it ends, depends on the replies alone: a run that is resumed finds the same calls.

    Args:
        ask: the question; has a `remainder`.
        first: its reply that was cut off.
        number: the attempt that it came with.
        spare: requests that may come on top of those that are needed at least; after as many in vain it is left.
        attempt: makes a call.
    """
    assert ask.remainder is not None
    parts: list[tuple[str, ReplyT]] = []
    record, told = first[0], list(first[0].faults)
    asked, fits, vain, left = ask, 0, 0, spare
    parsed: Parsed[ReplyT] | None = first[1]
    while True:
        brought = (parsed.reply or parsed.rest) if parsed is not None else None
        count = asked.count(brought) if brought is not None else 0
        if brought is not None and count:
            parts.append((record.id, brought))
            left += max(0, ask.size - count) // count if not fits else 0
            fits = max(fits, count)
        else:
            vain += 1
        whole = join([reply for _, reply in parts])
        following = ask.remainder(whole, fits or max(1, asked.size // 2))
        if following is None or not left or vain > spare:
            break
        asked, number, left = following, number + 1, left - 1
        try:
            record, parsed = await attempt(asked, number)
        except BudgetSpent as exc:
            if not parts:
                raise
            told = [str(exc)]
            break
        if record.faults:
            told = list(record.faults)
        if parsed is None:
            break  # refused, and the next one would be as well
    faults = (ask.check(whole) or []) if whole is not None else told
    return Answer(whole, tuple(faults), parts[0][0] if parts else record.id, tuple(parts))


def join(replies: list[ReplyT]) -> ReplyT | None:
    """Put the items of replies with one list together; None for none."""
    if len(replies) < 2:
        return replies[0] if replies else None
    kind = type(replies[0])
    (key,) = kind.model_fields
    return kind.model_validate({key: [item for reply in replies for item in getattr(reply, key)]})
