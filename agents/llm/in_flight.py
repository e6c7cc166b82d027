"""Calls under way: each comes to its own end, whatever becomes of the one who asked, so that no paid reply is lost."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

STOPPED = "left under way when the run was stopped"
"""What is told of a call whose reply nobody waited for to the end."""


class PendingCall:
    """One call, from its first try to its record."""

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None
        self.left = False
        """Nobody waits for the answer any more: what is under way may end, nothing new is sent."""
        self.why: Exception | None = None
        """What the asker is told instead of an answer, where the run was stopped by another call."""
        self.ends_by: float | None = None
        """Time (monotonic) by which the request that is under way has an end; None while none is."""
        self.busy = False
        """A request is under way, or a record on its way to the disk."""

    def leave(self) -> None:
        """Wait for it no longer: it ends now, or when what is under way has ended."""
        self.left = True
        if not self.busy:
            self.drop()

    def drop(self) -> None:
        """End it now. A request that is under way is recorded as lost."""
        if self.task is not None:
            self.task.cancel()


_FLIGHT: ContextVar[PendingCall | None] = ContextVar("FLIGHT", default=None)


@contextmanager
def under_way(limit: float | None = None) -> Iterator[None]:
    """Mark what must not be broken off: a request, with the seconds after which it is given up, or a record."""
    flight = _FLIGHT.get()
    if flight is None:
        yield
        return
    flight.busy = True
    flight.ends_by = None if limit is None else time.monotonic() + limit
    try:
        yield
    finally:
        flight.busy, flight.ends_by = False, None


def go_on() -> None:
    """Come here before a further try.

    Raises:
        asyncio.CancelledError: nobody waits for this call any more.
    """
    flight = _FLIGHT.get()
    if flight is not None and flight.left:
        raise asyncio.CancelledError


class PendingCalls:
    """All calls of a teacher that are under way. Each is a task of its own: who asked may go, the call stays."""

    def __init__(self) -> None:
        self._flights: set[PendingCall] = set()
        self.closed = False
        """Nothing more is sent."""

    async def make(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call; if the one who asks is cancelled, what is under way still comes to its end.

        Raises:
            asyncio.CancelledError: the asker was cancelled, or the calls are over.
        """
        if self.closed:
            raise asyncio.CancelledError
        flight = PendingCall()
        flight.task = asyncio.create_task(self._fly(flight, call))
        self._flights.add(flight)
        flight.task.add_done_callback(lambda task: self._end(flight, task))
        try:
            found: T = await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            flight.leave()
            if flight.why is not None and not _is_cancelled():
                raise flight.why from None
            raise
        return found

    async def _fly(self, flight: PendingCall, call: Callable[[], Awaitable[T]]) -> T:
        _FLIGHT.set(flight)
        return await call()

    def _end(self, flight: PendingCall, task: "asyncio.Task[Any]") -> None:
        self._flights.discard(flight)
        if flight.left and not task.cancelled():
            task.exception()  # nobody is there to be told

    def ground(self, why: Exception) -> None:
        """Send nothing more, for the reason that one call has found: the others that wait are told the same."""
        for flight in list(self._flights):
            if flight.task is not asyncio.current_task():
                flight.why = type(why)(*why.args)
                flight.leave()

    @property
    def under_way(self) -> int:
        """Requests that are under way."""
        return sum(flight.ends_by is not None for flight in self._flights)

    @property
    def seconds_left(self) -> float:
        """Seconds after which the last request that is under way has an end."""
        ends = [flight.ends_by for flight in self._flights if flight.ends_by is not None]
        return max(0.0, max(ends, default=0.0) - time.monotonic()) if ends else 0.0

    def close(self) -> None:
        """Send nothing more: calls that wait for their turn end now."""
        self.closed = True
        for flight in list(self._flights):
            flight.leave()

    async def land(self, hurry: asyncio.Event) -> None:
        """Send nothing more, and wait until every request has its end and every record is stored.

        Args:
            hurry: once set, the requests that are under way are given up and recorded as lost.
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
        while tasks := [flight.task for flight in self._flights if flight.task is not None]:
            if hurried is not None and hurried.done():
                self._drop()
                hurried = None
            awaited = [*tasks, hurried] if hurried is not None else tasks
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)

    def _drop(self) -> None:
        # a record on its way to the disk needs milliseconds, and is not broken off
        for flight in list(self._flights):
            if flight.ends_by is not None:
                flight.drop()


def _is_cancelled() -> bool:
    """Whether the running task itself is to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def take_back() -> bool:
    """Take back that the running call was cancelled, so that its record can still be stored.

    Returns:
        Whether it was; code that is no such call has to obey.
    """
    task = asyncio.current_task()
    if task is None or _FLIGHT.get() is None:
        return False
    task.uncancel()
    return True
