"""Time limit of a reply that does not count the time in which this process could not look."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_STUCK = 0.25
"""Seconds by which the end of a limit is noticed too late if the event loop stood still."""


@asynccontextmanager
async def limit_time(seconds: float) -> AsyncIterator[None]:
    """End a block with TimeoutError after some time.

    A reply that came while the event loop stood still, as it does while a database is waited for, is read only after
    that. `asyncio.timeout` would throw it away unread, though it is paid. Here the loop has as long again, once, as it
    stood still beyond the end of the limit.

    Args:
        seconds: the limit.

    Raises:
        TimeoutError: it has passed.
    """
    loop = asyncio.get_running_loop()
    due = loop.time() + seconds
    waiting: asyncio.TimerHandle
    async with asyncio.timeout(None) as limit:

        def end() -> None:
            nonlocal waiting
            overdue = loop.time() - due
            if overdue > _STUCK:
                waiting = loop.call_later(overdue, limit.reschedule, due)
            else:
                limit.reschedule(due)

        waiting = loop.call_at(due, end)
        try:
            yield
        finally:
            waiting.cancel()
