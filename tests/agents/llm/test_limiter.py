"""The limiter: how many calls are in flight, and when the next one may leave."""

import asyncio
import itertools
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evokd.agents.llm.limiter
from evokd.agents.llm.limiter import SPACING, Limiter, RateLimiter
from evokd.agents.llm.teacher_settings import LimitSettings
from tests.fake_time import now, run_fast, settle

EPS = 1e-6
FREE = LimitSettings()


def limits(**changes: float) -> LimitSettings:
    return LimitSettings.model_validate(changes)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


# ------------------------------------------------------------------------------------------------- who holds a slot

OPS = st.one_of(
    st.just(("enter", 0)),
    st.tuples(st.sampled_from(["leave", "cancel", "leave and cancel the next"]), st.integers(0, 9)),
    st.tuples(st.sampled_from(["answered", "overloaded"]), st.just(0)),
)


class Crowd:
    """Callers of a limiter, and beside them the same by the rule: first come, first served, never more than allowed."""

    def __init__(self, most: int) -> None:
        self.clock = Clock()
        self.limiter = Limiter(most, FREE, clock=self.clock)
        self.tasks: list[asyncio.Task[None]] = []
        self.doors: list[asyncio.Event] = []
        self.inside: set[int] = set()
        self.holders: set[int] = set()
        self.queue: list[int] = []

    async def _call(self, number: int) -> None:
        async with self.limiter.slot(0):
            self.inside.add(number)
            try:
                await self.doors[number].wait()
            finally:
                self.inside.discard(number)

    async def do(self, op: str, pick: int) -> None:
        self.clock.now += 1.0  # a round later: a refusal always counts
        if op == "enter":
            self.queue.append(len(self.tasks))
            self.doors.append(asyncio.Event())
            self.tasks.append(asyncio.create_task(self._call(len(self.tasks))))
        elif op == "answered":
            self.limiter.answered("labeler", 0.5)
        elif op == "overloaded":
            self.limiter.overloaded(None)
        elif op == "cancel":
            self._cancel(sorted([*self.holders, *self.queue]), pick)
        elif self.holders:
            number = sorted(self.holders)[pick % len(self.holders)]
            self.holders.discard(number)
            self.doors[number].set()
            if op == "leave and cancel the next":
                for _ in range(pick):  # before, while or after the slot is handed over
                    await asyncio.sleep(0)
                self._cancel(self.queue[:1], 0)
        while self.queue and len(self.holders) < int(self.limiter.allowed):
            self.holders.add(self.queue.pop(0))
        await settle()

    def _cancel(self, among: list[int], pick: int) -> None:
        if among:
            number = among[pick % len(among)]
            self.tasks[number].cancel()
            self.holders.discard(number)
            self.queue = [other for other in self.queue if other != number]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.lists(OPS, max_size=40))
def test_slots_go_to_those_who_came_first_and_come_back_from_those_who_are_gone(
    most: int, ops: list[tuple[str, int]]
) -> None:
    async def play() -> None:
        crowd = Crowd(most)
        for op, pick in ops:
            await crowd.do(op, pick)
            assert crowd.inside == crowd.holders
            assert crowd.limiter.in_flight == len(crowd.holders)
            assert 1 <= crowd.limiter.allowed <= most
        while crowd.holders:
            await crowd.do("leave", 0)
            assert crowd.inside == crowd.holders
        assert not crowd.queue, "somebody was never let in"
        assert crowd.limiter.in_flight == 0
        await asyncio.gather(*crowd.tasks, return_exceptions=True)

    with patch.object(evokd.agents.llm.limiter, "SPACING", 0.0), patch.object(evokd.agents.llm.limiter, "_SPREAD", 0.0):
        run_fast(play())


# -------------------------------------------------------------------------------------------- how many slots there are


def test_a_refusal_halves_the_slots_once_per_round_of_answers() -> None:
    clock = Clock()
    limiter = Limiter(16, FREE, clock=clock)
    limiter.answered("generator", 2.0)
    found = []
    for clock.now in (10.0, 10.0, 11.9, 12.0, 13.9, 14.0, 16.0, 18.0, 20.0):
        limiter.overloaded(None)
        found.append(limiter.allowed)
    assert found == [8, 8, 8, 4, 4, 2, 1, 1, 1]


def test_slots_come_back_one_per_round_and_never_beyond_what_was_set() -> None:
    limiter = Limiter(8, FREE, clock=Clock())
    limiter.overloaded(None)
    found = [limiter.allowed]
    for _ in range(7):
        for _ in range(int(limiter.allowed)):  # a round
            limiter.answered("labeler", 1.0)
        found.append(limiter.allowed)
    assert found[0] == 4
    assert all(0.7 < after - before <= 1 for before, after in itertools.pairwise(found[:4])), found
    assert found[-1] == 8


def test_answers_that_take_twice_as_long_as_the_best_cost_a_quarter_of_the_slots() -> None:
    clock = Clock()
    limiter = Limiter(16, FREE, clock=clock)
    for _ in range(20):
        limiter.answered("labeler", 1.0)
    assert limiter.allowed == 16
    seen = []
    for _ in range(12):
        clock.now += 0.1
        limiter.answered("labeler", 4.0)
        seen.append(limiter.allowed)
    assert seen[0] == 16, "one slow answer is no slow server"
    assert min(seen) == seen[-1] == 12, "all of a round tell the same story"
    clock.now += 60
    limiter.answered("labeler", 4.0)
    assert limiter.allowed == 9


def test_prompts_that_grow_slowly_are_not_taken_for_a_slow_server() -> None:
    clock = Clock()
    limiter = Limiter(16, FREE, clock=clock)
    seconds = 1.0
    for _ in range(300):
        clock.now += 10
        seconds *= 1.015
        limiter.answered("generator", seconds)
        assert limiter.allowed == 16
    assert seconds > 50


def test_a_role_is_measured_by_its_own_answers() -> None:
    clock = Clock()
    limiter = Limiter(16, FREE, clock=clock)
    for _ in range(20):
        clock.now += 10
        limiter.answered("labeler", 0.1)
        limiter.answered("analyst", 30.0)
    assert limiter.allowed == 16


# ------------------------------------------------------------------------------------------------- when calls leave


async def depart(limiter: Limiter, calls: list[tuple[float, int, float]]) -> list[tuple[float, int]]:
    """Let calls (arrival, tokens, seconds that it takes) through; returns when each left, in order, and its tokens."""
    left: list[tuple[float, int]] = []

    async def one(arrival: float, tokens: int, takes: float) -> None:
        await asyncio.sleep(arrival)
        async with limiter.slot(tokens):
            left.append((now(), tokens))
            await asyncio.sleep(takes)

    await asyncio.gather(*(one(*call) for call in calls))
    return left


CALLS = st.lists(st.tuples(st.floats(0, 90), st.integers(1, 900), st.floats(0, 20)), min_size=1, max_size=40)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 50), CALLS)
def test_no_minute_has_more_calls_than_allowed(
    most: int, per_minute: int, calls: list[tuple[float, int, float]]
) -> None:
    async def play() -> None:
        left = await depart(Limiter(most, limits(requests_per_minute=per_minute), clock=now), calls)
        assert len(left) == len(calls)
        for at, _ in left:
            assert sum(at <= other < at + 60 - EPS for other, _ in left) <= per_minute

    run_fast(play())


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(100, 2_000), CALLS)
def test_no_minute_has_more_tokens_than_allowed_and_one_call(
    most: int, per_minute: int, calls: list[tuple[float, int, float]]
) -> None:
    async def play() -> None:
        left = await depart(Limiter(most, limits(tokens_per_minute=per_minute), clock=now), calls)
        assert len(left) == len(calls)
        for at, _ in left:
            window = [tokens for other, tokens in left if at <= other < at + 60 - EPS]
            assert sum(window[:-1]) <= per_minute

    run_fast(play())


def test_a_pace_is_even_and_the_first_call_leaves_at_once() -> None:
    async def play() -> list[tuple[float, int]]:
        return await depart(Limiter(8, limits(requests_per_minute=20), clock=now), [(0, 1, 0)] * 4)

    assert [at for at, _ in run_fast(play())] == pytest.approx([0, 3, 6, 9])


@pytest.mark.parametrize(("used", "next_at"), [(100, 6.0), (1_000, 60.0), (2_000, 120.0)])
def test_what_a_call_has_really_used_corrects_the_pace(used: int, next_at: float) -> None:
    async def play() -> float:
        limiter = Limiter(2, limits(tokens_per_minute=1_000), clock=now)
        async with limiter.slot(1_000):
            limiter.settle(1_000, used)
        async with limiter.slot(1_000):
            return now()

    assert run_fast(play()) == pytest.approx(next_at)


def test_tokens_given_back_long_after_are_no_credit() -> None:
    pace = RateLimiter(60)
    pace.take(0.0, 10)
    pace.take(500.0, -10)
    pace.take(500.0, 1)
    assert pace.free_at == 501.0


def test_the_first_calls_leave_one_after_the_other() -> None:
    async def play() -> list[tuple[float, int]]:
        limiter = Limiter(4, FREE, clock=now)
        first = await depart(limiter, [(0, 1, 1)] * 4)
        return first + await depart(limiter, [(0, 1, 0)] * 4)

    times = [at for at, _ in run_fast(play())]
    assert times[:4] == pytest.approx([0, SPACING, 2 * SPACING, 3 * SPACING])
    assert len(set(times[4:])) == 1, "those that follow are spread by the answers before them"


# ------------------------------------------------------------------------------------------------------------- holds


@pytest.mark.parametrize("pace", [None, 60.0], ids=["no pace", "one a second"])
def test_a_hold_stops_everybody_and_they_do_not_leave_in_a_burst(pace: float | None) -> None:
    async def play() -> list[float]:
        limiter = Limiter(6, LimitSettings(requests_per_minute=pace), clock=now)
        limiter.overloaded(30.0)
        limiter.allowed = 6.0
        waiting = depart(limiter, [(0, 1, 1)] * 3)  # there before
        late = depart(limiter, [(12, 1, 1)] * 3)
        return sorted(at for left in await asyncio.gather(waiting, late) for at, _ in left)

    times = run_fast(play())
    apart = 1.0 if pace else SPACING
    assert times[0] == pytest.approx(30.0)
    assert all(after - before >= apart - EPS for before, after in itertools.pairwise(times)), times
    assert times[-1] == pytest.approx(30.0 + 5 * apart)


def test_a_hold_reaches_those_who_already_wait_for_their_turn() -> None:
    async def play() -> list[float]:
        limiter = Limiter(6, limits(requests_per_minute=6), clock=now)
        calls = asyncio.ensure_future(depart(limiter, [(0, 1, 0)] * 4))
        await asyncio.sleep(5)
        limiter.overloaded(100.0)
        limiter.overloaded(1.0)  # a shorter one does not end the longer one
        return [at for at, _ in await calls]

    times = run_fast(play())
    assert times[0] == 0
    assert times[1] == pytest.approx(105)
    assert all(after - before >= 10 - EPS for before, after in itertools.pairwise(times)), times


def test_a_call_that_is_cancelled_while_it_waits_gives_its_slot_back() -> None:
    async def play() -> None:
        limiter = Limiter(1, limits(requests_per_minute=1), clock=now)
        async with limiter.slot(1):
            pass
        waiting = asyncio.ensure_future(depart(limiter, [(0, 1, 0)]))
        await settle()
        assert limiter.in_flight == 1
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert limiter.in_flight == 0

    run_fast(play())
