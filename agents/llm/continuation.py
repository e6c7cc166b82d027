"""Cut-off replies: their complete items are used, and smaller requests ask for the others."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from pydantic import BaseModel

from evokd.agents.llm.budget import BudgetSpent
from evokd.agents.llm.parse import Parsed
from evokd.agents.llm.request import LLMRequest, LLMResponse
from evokd.messages import CallRecord

ReplyT = TypeVar("ReplyT", bound=BaseModel)

MakeAttempt = Callable[[LLMRequest[ReplyT], int], Awaitable[tuple[CallRecord, Parsed[ReplyT] | None]]]
"""Makes one call; the attempt numbers go on from that of the cut-off reply."""


async def complete(
    ask: LLMRequest[ReplyT],
    first: tuple[CallRecord, Parsed[ReplyT]],
    number: int,
    extra_requests: int,
    attempt: MakeAttempt[ReplyT],
) -> LLMResponse[ReplyT]:
    """Ask for the items that a cut-off reply lacks.

    The requests depend on the replies alone, so a resumed run makes the same ones.

    Args:
        ask: the request; has a `remainder`.
        first: its cut-off reply.
        number: attempt number of that reply.
        extra_requests: requests allowed beyond the minimum that is needed.
        attempt: makes a call.
    """
    assert ask.remainder is not None
    progress: _Progress[ReplyT] = _Progress(extra_requests)
    progress.take(ask, *first)
    request, faults_so_far, last_call_id = ask, first[0].faults, first[0].id
    while (
        following := ask.remainder(progress.whole, progress.fits or max(1, request.size // 2))
    ) is not None and progress.left:
        request, number = following, number + 1
        try:
            record, parsed = await attempt(request, number)
        except BudgetSpent as exc:
            if not progress.parts:
                raise
            faults_so_far = [str(exc)]
            break
        faults_so_far, last_call_id = record.faults or faults_so_far, record.id
        if parsed is None:
            break  # refused, and so would be the next one
        progress.take(request, record, parsed)
    faults = ask.check(progress.whole) if progress.whole is not None else faults_so_far
    return LLMResponse(
        progress.whole, tuple(faults), progress.parts[0][0] if progress.parts else last_call_id, tuple(progress.parts)
    )


class _Progress(Generic[ReplyT]):
    """The complete items so far.

    Args:
        extra_requests: requests allowed beyond the minimum that is needed.
    """

    def __init__(self, extra_requests: int) -> None:
        self.parts: list[tuple[str, ReplyT]] = []
        self.whole: ReplyT | None = None
        self.fits = 0
        """Items that have fitted into one reply."""
        self.left = extra_requests
        """Requests that may still be made."""
        self._calls = 0

    def take(self, request: LLMRequest[ReplyT], record: CallRecord, parsed: Parsed[ReplyT]) -> None:
        """Add the items of a reply, and count its request."""
        if self._calls:
            self.left -= 1
        self._calls += 1
        brought = parsed.reply or parsed.rest
        count = request.count(brought) if brought is not None else 0
        if brought is None or not count:
            return
        if not self.fits:
            self.left += max(0, request.size - count) // count
        self.fits = max(self.fits, count)
        self.parts.append((record.id, brought))
        self.whole = join_parts([reply for _, reply in self.parts])


def join_parts(replies: list[ReplyT]) -> ReplyT | None:
    """Join the items of replies that have one list; None for no replies."""
    if len(replies) < 2:
        return replies[0] if replies else None
    kind = type(replies[0])
    (key,) = kind.model_fields
    return kind.model_validate({key: [item for reply in replies for item in getattr(reply, key)]})
