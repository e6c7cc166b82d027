"""Calls in flight. Each runs to its end even if its caller is cancelled, so that no paid reply is lost."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

STOPPED = "left under way when the run was stopped"
"""Recorded for a call that was given up while its reply was on the way."""


class PendingCall:
    """One call, from its first try to its record."""

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None
        self.abandoned = False
        """Nobody waits for the answer: a request in flight may end, but nothing new is sent."""
        self.error: Exception | None = None
        """What the caller gets instead of an answer if another call has stopped the run."""
        self.ends_by: float | None = None
        """Time (monotonic) by which the request in flight ends; None while there is none."""
        self.busy = False
        """A request is in flight, or a record is being written."""

    def abandon(self) -> None:
        """Stop waiting for it: it ends now, or with the request in flight."""
        self.abandoned = True
        if not self.busy:
            self.drop()

    def drop(self) -> None:
        """End it now; a request in flight is recorded as lost."""
        if self.task is not None:
            self.task.cancel()


_CURRENT: ContextVar[PendingCall | None] = ContextVar("FLIGHT", default=None)


@contextmanager
def under_way(limit: float | None = None) -> Iterator[None]:
    """Protect a request, or the writing of a record, from being interrupted.

    Args:
        limit: seconds after which the request is given up; None for a record.
    """
    pending = _CURRENT.get()
    if pending is None:
        yield
        return
    pending.busy = True
    pending.ends_by = None if limit is None else time.monotonic() + limit
    try:
        yield
    finally:
        pending.busy, pending.ends_by = False, None


def stop_if_abandoned() -> None:
    """Check, before a further try, that somebody still waits for this call.

    Raises:
        asyncio.CancelledError: nobody does.
    """
    pending = _CURRENT.get()
    if pending is not None and pending.abandoned:
        raise asyncio.CancelledError


class PendingCalls:
    """All calls of a teacher in flight. Each is a task of its own, which outlives a cancelled caller."""

    def __init__(self) -> None:
        self._calls: set[PendingCall] = set()
        self.closed = False
        """Nothing more is sent."""

    async def make(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call; if the caller is cancelled, the request in flight still runs to its end.

        Raises:
            asyncio.CancelledError: the caller was cancelled, or no more calls may be made.
        """
        if self.closed:
            raise asyncio.CancelledError
        pending = PendingCall()
        pending.task = asyncio.create_task(self._run(pending, call))
        self._calls.add(pending)
        pending.task.add_done_callback(lambda task: self._end(pending, task))
        try:
            result: T = await asyncio.shield(pending.task)
        except asyncio.CancelledError:
            pending.abandon()
            if pending.error is not None and not _is_cancelled():
                raise pending.error from None
            raise
        return result

    async def _run(self, pending: PendingCall, call: Callable[[], Awaitable[T]]) -> T:
        _CURRENT.set(pending)
        return await call()

    def _end(self, pending: PendingCall, task: "asyncio.Task[Any]") -> None:
        self._calls.discard(pending)
        if pending.abandoned and not task.cancelled():
            task.exception()  # mark the exception as retrieved: nobody else will

    def abort(self, error: Exception) -> None:
        """Send nothing more; all callers that wait get a copy of this error, which one call has raised."""
        for pending in list(self._calls):
            if pending.task is not asyncio.current_task():
                pending.error = type(error)(*error.args)
                pending.abandon()

    @property
    def under_way(self) -> int:
        """Requests in flight."""
        return sum(pending.ends_by is not None for pending in self._calls)

    @property
    def seconds_left(self) -> float:
        """Seconds until the last request in flight has ended at the latest."""
        ends = [pending.ends_by for pending in self._calls if pending.ends_by is not None]
        return max(0.0, max(ends, default=0.0) - time.monotonic()) if ends else 0.0

    def close(self) -> None:
        """Send nothing more; calls that wait for their turn end now."""
        self.closed = True
        for pending in list(self._calls):
            pending.abandon()

    async def drain(self, hurry: asyncio.Event) -> None:
        """Send nothing more, and wait until every request has ended and every record is stored.

        Args:
            hurry: once set, the requests in flight are given up and recorded as lost.
        """
        self.close()
        hurried = asyncio.create_task(hurry.wait())
        try:
            await self._wait_for_all(hurried)
        except asyncio.CancelledError:
            self._drop()
            await self._wait_for_all(None)
            raise
        finally:
            hurried.cancel()

    async def _wait_for_all(self, hurried: "asyncio.Task[Any] | None") -> None:
        while tasks := [pending.task for pending in self._calls if pending.task is not None]:
            if hurried is not None and hurried.done():
                self._drop()
                hurried = None
            awaited = [*tasks, hurried] if hurried is not None else tasks
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)

    def _drop(self) -> None:
        # writing a record takes milliseconds and is not interrupted
        for pending in list(self._calls):
            if pending.ends_by is not None:
                pending.drop()


def _is_cancelled() -> bool:
    """Whether the current task itself was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def undo_cancellation() -> bool:
    """Undo the cancellation of the current call, so that its record can still be stored.

    Returns:
        Whether this was possible; outside a call the cancellation stands.
    """
    task = asyncio.current_task()
    if task is None or _CURRENT.get() is None:
        return False
    task.uncancel()
    return True
