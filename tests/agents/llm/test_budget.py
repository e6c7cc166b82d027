"""The budget guard: a cap holds with calls in flight, nobody waits for ever, what is stored costs nothing."""

import asyncio
import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evokd.agents.llm.budget import NO_CAP, BudgetGuard, BudgetLimit, BudgetSpent
from evokd.agents.llm.client import Teacher
from evokd.tracing.ledger import Ledger
from tests.agents.asks import make_ask, make_drafts, make_settings
from tests.agents.conftest import Open
from tests.conftest import MakeScript
from tests.fake_time import run_fast, settle
from tests.scripted import Say

Job = tuple[float, int, int, float]
"""When a call comes, tokens that are expected of it, tokens that it uses, seconds that it takes."""
JOBS = st.lists(
    st.tuples(st.floats(0, 5), st.integers(0, 300), st.integers(0, 300), st.floats(0, 5)), min_size=1, max_size=25
)


def make(run: BudgetLimit = NO_CAP, cycle: BudgetLimit = NO_CAP, before: Sequence[int] = ()) -> BudgetGuard:
    """A budget guard of a run whose cycles from 1 on have used that many tokens, at a thousandth of a dollar each."""

    def read(number: int | None) -> tuple[int, float]:
        tokens = sum(before) if number is None else sum(before[number - 1 : number])
        return tokens, tokens / 1_000

    return BudgetGuard(run, cycle, read)


class Till:
    """Sends jobs through a budget guard as the door does, and counts."""

    def __init__(self, budget: BudgetGuard, cap: float, price: float = 1.0) -> None:
        self.budget, self.cap, self.price = budget, cap, price
        self.used = 0.0
        self.in_flight: dict[int, float] = {}
        self.refused = 0
        self.at_cap: float | None = None
        """What the calls in flight used, the one with which the cap was reached among them."""

    async def play(self, jobs: Sequence[Job], usd: bool = False) -> None:
        await asyncio.gather(*(self._one(number, *job, usd) for number, job in enumerate(jobs)))

    async def _one(self, number: int, comes: float, expected: int, uses: int, takes: float, usd: bool) -> None:
        await asyncio.sleep(comes)
        money = (expected * self.price, uses * self.price) if usd else (0.0, 0.0)
        try:
            async with self.budget.reserve(1, 0 if usd else expected, money[0]):
                assert self.used < self.cap, "sent although the cap was reached"
                self.in_flight[number] = uses * self.price
                await asyncio.sleep(takes)
        except BudgetSpent:
            self.refused += 1
            return
        self.budget.charge(1, 0 if usd else uses, money[1])
        self.used += uses * self.price
        if self.used >= self.cap and self.at_cap is None:
            self.at_cap = sum(self.in_flight.values())
        del self.in_flight[number]


@settings(max_examples=50, deadline=None)
@given(JOBS, st.integers(1, 2_000), st.booleans())
def test_a_cap_is_never_exceeded_by_more_than_what_was_in_flight(jobs: list[Job], cap: int, of_run: bool) -> None:
    caps = (BudgetLimit(cap), NO_CAP) if of_run else (NO_CAP, BudgetLimit(cap))
    till = Till(make(*caps), cap)
    run_fast(till.play(jobs))
    assert till.used <= cap + (till.at_cap or 0)
    assert not till.refused or till.used >= cap, "refused although something was left"
    assert till.refused or till.used == sum(job[2] for job in jobs)


@settings(max_examples=50, deadline=None)
@given(JOBS, st.integers(1, 2_000), st.booleans())
def test_with_exact_estimates_a_cap_is_exceeded_by_less_than_one_call(jobs: list[Job], cap: int, usd: bool) -> None:
    till = Till(make(BudgetLimit(usd=cap) if usd else BudgetLimit(cap)), cap)
    run_fast(till.play([(comes, uses, uses, takes) for comes, _, uses, takes in jobs], usd))
    assert till.used < cap + max(1, *(job[2] for job in jobs))


@settings(max_examples=50, deadline=None)
@given(JOBS, st.floats(1e-6, 2.0), st.sampled_from([0.001, 0.0007, 1 / 3_000]))
def test_the_same_holds_for_money(jobs: list[Job], cap: float, price: float) -> None:
    till = Till(make(BudgetLimit(usd=cap)), cap, price)
    run_fast(till.play(jobs, usd=True))
    assert till.used <= cap + (till.at_cap or 0)
    assert not till.refused or till.used >= cap


def test_sums_of_money_that_do_not_come_out_even_make_nobody_wait_for_ever() -> None:
    async def play() -> None:
        budget = make(BudgetLimit(usd=1.0))
        calls = [budget.reserve(1, 0, usd) for usd in (0.1, 0.2, 0.3)]
        for call in calls:
            await call.__aenter__()
        for call in calls:
            await call.__aexit__(None, None, None)
        assert 0.1 + 0.2 + 0.3 - 0.1 - 0.2 - 0.3 > 0, "what is left in flight is not quite nothing"
        budget.charge(1, 0, math.nextafter(1.0, 0.0))
        assert not budget.is_spent(1)
        async with budget.reserve(1, 0, 0.1):
            pass

    run_fast(play())


def test_a_call_waits_for_those_in_flight_where_they_may_take_the_rest() -> None:
    async def play() -> None:
        budget = make(BudgetLimit(100))
        order: list[str] = []

        async def one(name: str, done: asyncio.Event, uses: int) -> None:
            async with budget.reserve(1, 100, 0.0):
                order.append(name)
                await done.wait()
            budget.charge(1, uses, 0.0)

        doors = [asyncio.Event() for _ in range(3)]
        calls = [asyncio.create_task(one(name, door, 40)) for name, door in zip("abc", doors, strict=True)]
        await settle()
        assert order == ["a"]
        calls[1].cancel()
        await settle()
        assert order == ["a"], "who left was not in flight"
        doors[0].set()
        await settle()
        assert order == ["a", "c"]
        doors[2].set()
        await asyncio.gather(*calls, return_exceptions=True)

    run_fast(play())


def test_a_call_that_failed_or_was_cancelled_holds_nothing_back() -> None:
    async def play() -> None:
        budget = make(BudgetLimit(100))
        with pytest.raises(ValueError, match="lost"):
            async with budget.reserve(1, 100, 0.0):
                raise ValueError("lost")
        async with budget.reserve(1, 100, 0.0):
            pass

    run_fast(play())


CAPS: dict[str, tuple[BudgetLimit, BudgetLimit, str]] = {
    "tokens of the run": (BudgetLimit(1_500), NO_CAP, r"budget\.tokens: 1,500 of 1,500 are used"),
    "money of the run": (BudgetLimit(usd=1.5), NO_CAP, r"budget\.usd: 1\.5000 of 1\.5 are used"),
    "tokens of the cycle": (NO_CAP, BudgetLimit(500), r"budget\.cycle\.tokens: 500 of 500 are used"),
    "money of the cycle": (NO_CAP, BudgetLimit(usd=0.5), r"budget\.cycle\.usd: 0\.5000 of 0\.5 are used"),
}


@pytest.mark.parametrize(("run", "cycle", "told"), CAPS.values(), ids=CAPS)
async def test_what_was_spent_before_counts_and_the_cap_is_named(
    run: BudgetLimit, cycle: BudgetLimit, told: str
) -> None:
    budget = make(run, cycle, before=[1_000, 500])
    assert budget.is_spent(2)
    with pytest.raises(BudgetSpent, match=told):
        async with budget.reserve(2, 1, 0.0):
            pass


async def test_a_spent_cycle_leaves_the_next_one_its_own() -> None:
    budget = make(BudgetLimit(2_000), BudgetLimit(600))
    for cycle in (1, 2, 3):
        assert not budget.is_spent(cycle)
        async with budget.reserve(cycle, 600, 0.0):
            pass
        budget.charge(cycle, 600, 0.0)
        assert budget.is_spent(cycle)
    budget.charge(4, 200, 0.0)
    assert budget.is_spent(4), "the run's own cap"


# -------------------------------------------------------------------------------------------------------- at the door


async def test_a_stored_reply_costs_nothing_and_is_given_when_all_is_spent(
    ledger: Ledger, scripted: MakeScript
) -> None:
    good = Say(make_drafts("the app crashes"), usage=(70, 30))
    first = Teacher(make_settings(), ledger, transport=scripted([good]), run=BudgetLimit(100))
    answer = await first.ask(make_ask())
    assert first.is_spent(1)
    with pytest.raises(BudgetSpent, match=r"budget\.tokens: 100 of 100"):
        await first.ask(make_ask(seed=8))
    second = Teacher(make_settings(), ledger, transport=scripted([]), run=BudgetLimit(100))
    assert await second.ask(make_ask()) == answer
    with pytest.raises(BudgetSpent):
        await second.ask(make_ask(seed=8))
    assert ledger.spent(None) == (100, 0.0)
    for teacher in (first, second):
        await teacher.close()


async def test_a_cap_that_is_reached_between_re_asks_keeps_what_came(ledger: Ledger, scripted: MakeScript) -> None:
    half = {"drafts": [*make_drafts("sound")["drafts"], {"text": "no more"}]}
    teacher = Teacher(make_settings(), ledger, transport=scripted([half]), run=BudgetLimit(1))
    answer = await teacher.ask(make_ask())
    await teacher.close()
    assert [draft.text for draft in answer.reply.drafts] == ["sound"]
    assert "drafts.1.difficulty" in answer.faults[0]
    assert "budget.tokens" in answer.faults[-1]
    assert answer.call_id == ledger.calls()[0].id


async def test_a_cap_that_is_reached_by_a_useless_reply_is_told(ledger: Ledger, scripted: MakeScript) -> None:
    teacher = Teacher(make_settings(), ledger, transport=scripted(["I am sorry."]), cycle=BudgetLimit(1))
    with pytest.raises(BudgetSpent, match=r"budget\.cycle\.tokens"):
        await teacher.ask(make_ask())
    await teacher.close()


async def test_money_is_counted_at_the_users_price(ledger: Ledger, scripted: MakeScript) -> None:
    settings = make_settings(prices={"input": 1.0, "output": 10.0})
    good = [Say(make_drafts(f"text {n}"), usage=(1_000, 100)) for n in range(3)]
    teacher = Teacher(settings, ledger, transport=scripted(good), run=BudgetLimit(usd=0.005))
    for seed in range(3):  # 0.002 dollars each
        await teacher.ask(make_ask(seed=seed))
    with pytest.raises(BudgetSpent, match=r"budget\.usd: 0\.0060 of 0\.005"):
        await teacher.ask(make_ask(seed=9))
    await teacher.close()


async def test_without_a_cap_nothing_is_refused(door: Open) -> None:
    teacher, _ = door([Say(make_drafts("a"), usage=(10**9, 10**9)), make_drafts("b")])
    await teacher.ask(make_ask(seed=1))
    assert not teacher.is_spent(1)
    await teacher.ask(make_ask(seed=2))
