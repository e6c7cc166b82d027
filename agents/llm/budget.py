"""What a run may spend: asked before every call, told after it. The hard cap behind the budget."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from evokd.messages import EvokdError


class BudgetSpent(EvokdError):
    """A cap is reached: nothing more is sent. The graph ends the cycle, or the run, with what it has."""


@dataclass(frozen=True)
class BudgetLimit:
    """What may be spent, None for as much as there is."""

    tokens: int | None = None
    usd: float | None = None


NO_CAP = BudgetLimit()


@dataclass
class Spent:
    """What was spent, or may be by calls in flight."""

    tokens: int = 0
    usd: float = 0.0

    def add(self, tokens: int, usd: float) -> None:
        """Add to it, or take away."""
        self.tokens += tokens
        self.usd += usd


class BudgetGuard:
    """Holds a run, and each of its cycles, to their caps with calls in flight.

    A call leaves only while what was spent lies below the cap; where the calls in flight may fill the rest, the next
    one waits for them. So a cap is exceeded by less than the last call's own use, as far as estimates are right, and
    never by more than the calls in flight.

    Args:
        run: cap of the run.
        cycle: cap of each cycle.
        read: what was spent before, by cycle number or, for None, in all (tokens, US dollars).
    """

    def __init__(self, run: BudgetLimit, cycle: BudgetLimit, read: Callable[[int | None], tuple[int, float]]) -> None:
        self._caps = {"run": run, "cycle": cycle}
        self._read = read
        self._spent: dict[int | None, Spent] = {}
        self._flying: dict[int | None, Spent] = {}
        self._out = 0
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def admit(self, cycle: int, tokens: int, usd: float) -> AsyncIterator[None]:
        """Let one call go.

        Args:
            cycle: evolution cycle that it belongs to.
            tokens: what it will probably use.
            usd: what it will probably cost, 0 where the price is unknown.

        Raises:
            BudgetSpent: a cap is reached.
        """
        # with nobody in flight there is nobody to wait for: sums of money come back to nothing but nearly
        while self._is_full(cycle) and self._out:
            self._changed.clear()
            await self._changed.wait()
        for _, place, _ in self._places(cycle):
            self._flying.setdefault(place, Spent()).add(tokens, usd)
        self._out += 1
        try:
            yield
        finally:
            self._out -= 1
            for _, place, _ in self._places(cycle):
                self._flying[place].add(-tokens, -usd)
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
        """Note what a call has used."""
        for _, place, _ in self._places(cycle):
            self._of(place).add(tokens, usd)

    def _places(self, cycle: int) -> Iterator[tuple[str, int | None, BudgetLimit]]:
        yield "run", None, self._caps["run"]
        yield "cycle", cycle, self._caps["cycle"]

    def _of(self, place: int | None) -> Spent:
        if place not in self._spent:
            self._spent[place] = Spent(*self._read(place))
        return self._spent[place]

    def _is_full(self, cycle: int) -> bool:
        """Whether the calls in flight may take what is left; raises when nothing is left."""
        full = False
        for name, place, cap in self._places(cycle):
            spent, flying = self._of(place), self._flying.get(place, Spent())
            key = "budget" if name == "run" else "budget.cycle"
            if cap.tokens is not None:
                if spent.tokens >= cap.tokens:
                    raise BudgetSpent(f"{key}.tokens: {spent.tokens:,} of {cap.tokens:,} are used")
                full |= spent.tokens + flying.tokens >= cap.tokens
            if cap.usd is not None:
                if spent.usd >= cap.usd:
                    raise BudgetSpent(f"{key}.usd: {spent.usd:.4f} of {cap.usd:g} are used")
                full |= spent.usd + flying.usd >= cap.usd
        return full
