"""When the next call to an endpoint may leave: slots that adapt to the server, a pace per minute, pauses."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from evokd.agents.llm.teacher_settings import LimitSettings

Gate = Callable[[], AbstractAsyncContextManager[None]]
"""Entered around every try; raises where nothing more may be spent."""
SPACING = 0.004
"""Seconds between the first calls, at least: a burst would come back as a burst, and again each time."""
_SPREAD = 0.5
"""Share of an answer's usual time over which the first calls are spread."""
_SHRINK = 0.5
"""What is left of the slots when the server says that it is too much."""
_SLOW = 0.75
"""What is left of them when its answers take twice as long as they did."""
_RISEN = 2.0
_NOTICED = 1.0
"""Seconds that answers must have become slower by: less may be this process being busy itself."""
_MEMORY = 0.2
"""Weight of the newest answer in the usual time of a role's answers."""
_FORGET = 1.02
"""What the best time of a role grows by with each answer, so that longer prompts are not taken for a slow server."""


class RateLimiter:
    """So many units a minute, evenly: no minute, wherever it begins, holds more than one call too much."""

    def __init__(self, per_minute: float | None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self.free_at = 0.0
        """Time from which the next unit may go."""

    def take(self, now: float, units: float) -> None:
        """Book units at a time that is not before `free_at`; a negative number gives units back."""
        self.free_at = max(self.free_at, now if units > 0 else 0.0) + units * self._gap


class Limiter:
    """Lets calls to one endpoint go, for all roles together.

    At most `most` calls are in flight. On 429 and the like the number is halved; when a role's answers take twice as
    long as its best ones, it falls by a quarter; while the server keeps up it grows by one per round of answers.

    Args:
        most: calls in flight at most.
        limits: requests and tokens per minute.
        clock: seconds, monotonic.
    """

    def __init__(self, most: int, limits: LimitSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self.allowed = float(most)
        """Calls that may be in flight at present; the whole part counts."""
        self.flying = 0
        self._clock = clock
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._requests = RateLimiter(limits.requests_per_minute)
        self._tokens = RateLimiter(limits.tokens_per_minute)
        self._held_until = 0.0
        self._departed = 0
        self._next_departure = 0.0
        self._shrunk_at = float("-inf")
        self._usual: dict[str, float] = {}
        self._best: dict[str, float] = {}

    @asynccontextmanager
    async def slot(self, tokens: int, gate: Gate = nullcontext) -> AsyncIterator[None]:
        """Hold one of the slots; entered when the call may leave.

        Args:
            tokens: what the call will probably read and write; see `settle`.
            gate: entered before the call takes its turn by the pace: where it raises, no turn is taken or waited for.
        """
        await self._enter()
        try:
            async with gate():
                await self._depart(tokens)
                yield
        finally:
            self._leave()

    def settle(self, booked: int, used: int) -> None:
        """Correct the pace of tokens when it is known what a call has used."""
        self._tokens.take(self._clock(), used - booked)

    def answered(self, role: str, seconds: float) -> None:
        """Learn from an answer: grow, or shrink where answers take ever longer."""
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
        """Learn from a refusal for too much work.

        Args:
            wait: seconds that the server asks to be left alone, None if it does not say.
        """
        self._shrink(_SHRINK, max(self._usual.values(), default=1.0))
        if wait is not None:
            self._held_until = max(self._held_until, self._clock() + wait)
            self._departed = 0

    def _shrink(self, share: float, pause: float) -> None:
        # once per round of answers: all calls of a round tell the same story
        if self._clock() - self._shrunk_at >= pause:
            self._shrunk_at = self._clock()
            self.allowed = max(1.0, self.allowed * share)

    async def _enter(self) -> None:
        if not self._waiting and self.flying < int(self.allowed):
            self.flying += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        self.flying -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self.flying < int(self.allowed):
            turn = self._waiting.popleft()
            if not turn.done():
                self.flying += 1
                turn.set_result(None)

    async def _depart(self, tokens: int) -> None:
        while True:
            at = self._book(tokens)
            if (left := at - self._clock()) > 0:
                await asyncio.sleep(left)
            if self._held_until <= max(at, self._clock()):
                return
            # a pause began meanwhile: a new turn after it, or all that sit it out would leave together

    def _book(self, tokens: int) -> float:
        at = max(self._clock(), self._held_until, self._requests.free_at, self._tokens.free_at)
        if self._departed < self.most:
            at = max(at, self._next_departure)
            self._departed += 1
        self._next_departure = at + max(SPACING, _SPREAD * min(self._usual.values(), default=0.0) / self.most)
        self._requests.take(at, 1)
        self._tokens.take(at, tokens)
        return at
