"""Replies that were cut off: what came whole is kept, and what is missing is asked for in smaller requests."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from pydantic import BaseModel

from evokd.agents.llm.budget import BudgetSpent
from evokd.agents.llm.parse import Parsed
from evokd.agents.llm.request import LLMRequest, LLMResponse
from evokd.messages import CallRecord

ReplyT = TypeVar("ReplyT", bound=BaseModel)

MakeAttempt = Callable[[LLMRequest[ReplyT], int], Awaitable[tuple[CallRecord, Parsed[ReplyT] | None]]]
"""Makes one call for a question; the number counts on from the question that was cut off."""


async def complete(
    ask: LLMRequest[ReplyT],
    first: tuple[CallRecord, Parsed[ReplyT]],
    number: int,
    spare: int,
    attempt: MakeAttempt[ReplyT],
) -> LLMResponse[ReplyT]:
    """Ask for what a reply lacks that was cut off.

    What is asked for, and when it ends, depends on the replies alone: a run that is resumed finds the same calls.

    Args:
        ask: the question; has a `remainder`.
        first: its reply that was cut off.
        number: the attempt that it came with.
        spare: requests that may come on top of those that are needed at least.
        attempt: makes a call.
    """
    assert ask.remainder is not None
    kept: _Kept[ReplyT] = _Kept(spare)
    kept.take(ask, *first)
    asked, told, last = ask, first[0].faults, first[0].id
    while (following := ask.remainder(kept.whole, kept.fits or max(1, asked.size // 2))) is not None and kept.left:
        asked, number = following, number + 1
        try:
            record, parsed = await attempt(asked, number)
        except BudgetSpent as exc:
            if not kept.parts:
                raise
            told = [str(exc)]
            break
        told, last = record.faults or told, record.id
        if parsed is None:
            break  # refused, and the next one would be as well
        kept.take(asked, record, parsed)
    faults = ask.check(kept.whole) if kept.whole is not None else told
    return LLMResponse(kept.whole, tuple(faults), kept.parts[0][0] if kept.parts else last, tuple(kept.parts))


class _Kept(Generic[ReplyT]):
    """What has come whole so far.

    Args:
        spare: requests that may come on top of those that are needed at least.
    """

    def __init__(self, spare: int) -> None:
        self.parts: list[tuple[str, ReplyT]] = []
        self.whole: ReplyT | None = None
        self.fits = 0
        """Items that are known to fit into a reply."""
        self.left = spare
        """Requests that may still be made."""
        self._calls = 0

    def take(self, asked: LLMRequest[ReplyT], record: CallRecord, parsed: Parsed[ReplyT]) -> None:
        """Keep what a reply brought, and count the request that it came with."""
        if self._calls:
            self.left -= 1
        self._calls += 1
        brought = parsed.reply or parsed.rest
        count = asked.count(brought) if brought is not None else 0
        if brought is None or not count:
            return
        if not self.fits:
            self.left += max(0, asked.size - count) // count
        self.fits = max(self.fits, count)
        self.parts.append((record.id, brought))
        self.whole = join([reply for _, reply in self.parts])


def join(replies: list[ReplyT]) -> ReplyT | None:
    """Put the items of replies with one list together; None for none."""
    if len(replies) < 2:
        return replies[0] if replies else None
    kind = type(replies[0])
    (key,) = kind.model_fields
    return kind.model_validate({key: [item for reply in replies for item in getattr(reply, key)]})
