"""The budget of a run: every call reserves its share before it is sent, and is charged when it is done."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from evokd.messages import EvokdError


class BudgetSpent(EvokdError):
    """A cap is reached, so nothing more is sent. The graph ends the cycle, or the run, with what it has."""


@dataclass(frozen=True)
class BudgetLimit:
    """What may be spent; None for no limit."""

    tokens: int | None = None
    usd: float | None = None


NO_CAP = BudgetLimit()


class TryReservation(Protocol):
    """Makes the context of one try, which reserves its share of the budget; entering it raises when nothing is left."""

    def __call__(self, *, by_batch: bool = False) -> AbstractAsyncContextManager[None]:
        """Reserve the price of a direct try, or of one by batch."""


@dataclass
class Spent:
    """What was spent, or is reserved for calls in flight."""

    tokens: int = 0
    usd: float = 0.0

    def add(self, tokens: int, usd: float) -> None:
        """Add an amount; a negative one takes away."""
        self.tokens += tokens
        self.usd += usd


class BudgetGuard:
    """Keeps a run, and each of its cycles, within their caps while calls are in flight.

    A call is sent only while the amount spent is below the cap. If the calls in flight may use up the rest, the next
    call waits for them. If the estimates are right, the overrun is less than the use of the last call; it is never more
    than the use of the calls in flight.

    Args:
        run: cap of the run.
        cycle: cap of each cycle.
        read_spent: what was spent before, by cycle number or, for None, in all (tokens, US dollars).
    """

    def __init__(
        self, run: BudgetLimit, cycle: BudgetLimit, read_spent: Callable[[int | None], tuple[int, float]]
    ) -> None:
        self._caps = {"run": run, "cycle": cycle}
        self._read_spent = read_spent
        self._spent: dict[int | None, Spent] = {}
        self._reserved: dict[int | None, Spent] = {}
        self._in_flight = 0
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def reserve(self, cycle: int, tokens: int, usd: float) -> AsyncIterator[None]:
        """Reserve what one call will use, until the block ends; waits while the calls in flight may use up the rest.

        Args:
            cycle: evolution cycle that it belongs to.
            tokens: what it will probably use.
            usd: what it will probably cost, 0 where the price is unknown.

        Raises:
            BudgetSpent: a cap is reached.
        """
        # do not wait without calls in flight: float sums may not return to exactly 0
        while self._is_full(cycle) and self._in_flight:
            self._changed.clear()
            await self._changed.wait()
        for _, scope, _ in self._scopes(cycle):
            self._reserved.setdefault(scope, Spent()).add(tokens, usd)
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1
            for _, scope, _ in self._scopes(cycle):
                self._reserved[scope].add(-tokens, -usd)
            self._changed.set()

    @property
    def counts_money(self) -> bool:
        """Whether a cap in money is set."""
        return any(cap.usd is not None for cap in self._caps.values())

    def is_spent(self, cycle: int) -> bool:
        """Whether a cap that holds for this cycle is reached."""
        try:
            self._is_full(cycle)
        except BudgetSpent:
            return True
        return False

    def charge(self, cycle: int, tokens: int, usd: float) -> None:
        """Add what a call has used."""
        for _, scope, _ in self._scopes(cycle):
            self._of(scope).add(tokens, usd)

    def _scopes(self, cycle: int) -> Iterator[tuple[str, int | None, BudgetLimit]]:
        yield "run", None, self._caps["run"]
        yield "cycle", cycle, self._caps["cycle"]

    def _of(self, scope: int | None) -> Spent:
        if scope not in self._spent:
            self._spent[scope] = Spent(*self._read_spent(scope))
        return self._spent[scope]

    def _is_full(self, cycle: int) -> bool:
        """Whether the calls in flight may use up what is left; raises when nothing is left."""
        full = False
        for name, scope, cap in self._scopes(cycle):
            spent, reserved = self._of(scope), self._reserved.get(scope, Spent())
            key = "budget" if name == "run" else "budget.cycle"
            if cap.tokens is not None:
                if spent.tokens >= cap.tokens:
                    raise BudgetSpent(f"{key}.tokens: {spent.tokens:,} of {cap.tokens:,} are used")
                full |= spent.tokens + reserved.tokens >= cap.tokens
            if cap.usd is not None:
                if spent.usd >= cap.usd:
                    raise BudgetSpent(f"{key}.usd: {spent.usd:.4f} of {cap.usd:g} are used")
                full |= spent.usd + reserved.usd >= cap.usd
        return full
