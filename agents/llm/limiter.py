"""When the next call to an endpoint may start: slots that adapt to the server, quotas per minute, pauses."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Protocol

from evokd.agents.llm.teacher_settings import LimitSettings

Reservation = Callable[[], AbstractAsyncContextManager[None]]
"""Makes the context of one direct try, which reserves its share of the budget; entering it raises when nothing is
left."""
SPACING = 0.004
"""Least seconds between the first calls: the answers to a burst arrive as a burst, and so on."""
_SPREAD = 0.5
"""Fraction of the usual response time over which the first calls are spread."""
_SHRINK = 0.5
"""Factor for the slots when the server is overloaded."""
_SLOW = 0.75
"""Factor for the slots when responses have become slow."""
_RISEN = 2.0
"""Ratio of the usual to the best response time from which responses count as slow."""
_NOTICED = 1.0
"""Seconds by which responses must have slowed down; less may be due to this process."""
_MEMORY = 0.2
"""Weight of the newest response in the moving average of a role's response times."""
_FORGET = 1.02
"""Growth of a role's best response time with each response, so that longer prompts do not look like a slow server."""


class CallLimiter(Protocol):
    """Limits the calls to one address: `Limiter` those of this process, `SharedLimiter` those of several."""

    def slot(self, tokens: int, reserve: Reservation = nullcontext) -> AbstractAsyncContextManager[None]:
        """Hold one of the slots; see `Limiter.slot`."""

    def settle(self, booked: int, used: int) -> None:
        """Correct the quota of tokens once the use of a call is known."""

    def answered(self, role: str, seconds: float) -> None:
        """Learn from a response."""

    def overloaded(self, wait: float | None) -> None:
        """Learn that the server is overloaded; `wait`: seconds that it asks to wait."""


class RateLimiter:
    """Spaces calls evenly to keep a quota per minute; any window of 60 s exceeds the quota by at most one call."""

    def __init__(self, per_minute: float | None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self.free_at = 0.0
        """Time from which the next unit may start."""

    def tighten(self, per_minute: float | None) -> None:
        """Keep to a quota as well, if it is smaller."""
        if per_minute:
            self._gap = max(self._gap, 60.0 / per_minute)

    def take(self, now: float, units: float) -> None:
        """Use up units at a time not before `free_at`; a negative number gives units back."""
        self.free_at = max(self.free_at, now if units > 0 else 0.0) + units * self._gap


class Limiter:
    """Limits the calls in flight to one address, for all roles together, and their rate.

    There are at most `most` slots. On 429 and similar statuses their number is halved; when a role's responses take
    twice as long as its best ones, it falls by a quarter; otherwise it grows by one per round of responses.

    Args:
        most: maximum number of calls in flight.
        limits: requests and tokens per minute.
        clock: seconds, monotonic.
    """

    def __init__(self, most: int, limits: LimitSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self.allowed = float(most)
        """Slots at present; only the integer part counts."""
        self.in_flight = 0
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._requests = RateLimiter(limits.requests_per_minute)
        self._tokens = RateLimiter(limits.tokens_per_minute)
        self._paused_until = 0.0
        self._ramp_calls = 0
        self._next_start = 0.0
        self._shrunk_at = float("-inf")
        self._usual: dict[str, float] = {}
        self._best: dict[str, float] = {}

    @asynccontextmanager
    async def slot(self, tokens: int, reserve: Reservation = nullcontext) -> AsyncIterator[None]:
        """Hold one of the slots; the block is entered when the call may start.

        Args:
            tokens: expected input and output tokens of the call; see `settle`.
            reserve: its context is entered before the quotas are used: if it raises, the call uses up none.
        """
        await self._take_slot()
        try:
            async with reserve():
                await self._wait_for_pace(tokens)
                yield
        finally:
            self._free_slot()

    def settle(self, booked: int, used: int) -> None:
        """Correct the quota of tokens once the use of a call is known."""
        self._tokens.take(self._clock(), used - booked)

    def answered(self, role: str, seconds: float) -> None:
        """Learn from a response: add slots, or remove some if responses have become slow."""
        usual = self._usual.get(role, seconds)
        usual += _MEMORY * (seconds - usual)
        best = min(self._best.get(role, usual) * _FORGET, usual)
        self._usual[role], self._best[role] = usual, best
        if usual > _RISEN * best and usual - best > _NOTICED:
            self._shrink(_SLOW, usual)
        else:
            self.allowed = min(self.most, self.allowed + 1.0 / self.allowed)
            self._wake()

    def overloaded(self, wait: float | None) -> None:
        """Learn that the server is overloaded.

        Args:
            wait: seconds that the server asks to wait; None if it does not say.
        """
        self._shrink(_SHRINK, max(self._usual.values(), default=1.0))
        if wait is not None:
            self._paused_until = max(self._paused_until, self._clock() + wait)
            self._ramp_calls = 0

    def tighten(self, most: int, limits: LimitSettings) -> None:
        """Keep to other limits as well, where they are smaller: runs that call the same address may have their own."""
        self.most = min(self.most, most)
        self.allowed = min(self.allowed, float(self.most))
        self._requests.tighten(limits.requests_per_minute)
        self._tokens.tighten(limits.tokens_per_minute)

    def _shrink(self, share: float, pause: float) -> None:
        # once per round of responses: all calls of a round saw the same overload
        if self._clock() - self._shrunk_at >= pause:
            self._shrunk_at = self._clock()
            self.allowed = max(1.0, self.allowed * share)

    async def _take_slot(self) -> None:
        if not self._waiting and self.in_flight < int(self.allowed):
            self.in_flight += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free_slot()
            raise

    def _free_slot(self) -> None:
        self.in_flight -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self.in_flight < int(self.allowed):
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)

    async def _wait_for_pace(self, tokens: int) -> None:
        while True:
            at = self._schedule(tokens)
            if (left := at - self._clock()) > 0:
                await asyncio.sleep(left)
            if self._paused_until <= max(at, self._clock()):
                return
            # a pause began meanwhile: schedule the call anew, or all waiting calls would start together

    def _schedule(self, tokens: int) -> float:
        at = max(self._clock(), self._paused_until, self._requests.free_at, self._tokens.free_at)
        if self._ramp_calls < self.most:
            at = max(at, self._next_start)
            self._ramp_calls += 1
        self._next_start = at + max(SPACING, _SPREAD * min(self._usual.values(), default=0.0) / self.most)
        self._requests.take(at, 1)
        self._tokens.take(at, tokens)
        return at
