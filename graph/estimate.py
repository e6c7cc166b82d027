"""What a run will probably cost: calls, tokens and money, estimated from messages like those it will send."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from evokd.agents.llm.pricing import price, price_by_batch
from evokd.agents.llm.teacher_settings import OPENAI_URL
from evokd.graph.forecast import CallTokens, Forecast
from evokd.graph.setup.plan import Plan
from evokd.prompts.loader import ROLES
from evokd.tracing.events import WallClock
from evokd.tracing.ledger import Ledger

_LEAST_RATE = 0.05
"""Share of drafts that becomes samples, at least, in an estimate after cycles that brought next to nothing."""


@dataclass(frozen=True)
class RoleEstimate:
    """What one role will probably cost."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    """None if the price is unknown."""
    direct_usd: float | None = None
    """The same if all calls were made directly."""
    batch_usd: float | None = None
    """The same if all calls were answered by batch."""


@dataclass(frozen=True)
class Estimate:
    """What a run will probably cost, not counting repeated calls."""

    cycles: int
    roles: Mapping[str, RoleEstimate]
    capped: str | None
    """The budget that will probably end the run before its cycles or samples do."""
    batches: int = 0
    """Batches that are waited for, one after the other."""
    offers_batches: bool = False
    """Whether batches are used, or could be: the address is OpenAI's own."""

    def tell(self) -> dict[str, Any]:
        """Return it as JSON: cycles, capped_by, calls, tokens, cost_usd (null: unknown), and the same per role.

        `batches` counts those that are waited for one after the other; `direct_usd` and `batch_usd` are the costs
        without any and with nothing but batches, null where the address may have none.
        """
        parts = list(self.roles.values())
        asked = [part for part in parts if part.calls]
        offered = self.offers_batches
        return {
            "cycles": self.cycles,
            "capped_by": self.capped,
            "calls": sum(part.calls for part in parts),
            "input_tokens": sum(part.input_tokens for part in parts),
            "output_tokens": sum(part.output_tokens for part in parts),
            "cost_usd": _sum_costs(part.cost_usd for part in asked),
            "batches": self.batches,
            "direct_usd": _sum_costs(part.direct_usd for part in asked) if offered else None,
            "batch_usd": _sum_costs(part.batch_usd for part in asked) if offered else None,
            "roles": {role: _tell_role(part) for role, part in self.roles.items()},
        }


def _tell_role(part: RoleEstimate) -> dict[str, Any]:
    """What is told of a role; what its calls would cost in another way is told of all roles together."""
    return {name: value for name, value in vars(part).items() if name not in ("direct_usd", "batch_usd")}


def _sum_costs(costs: Iterable[float | None]) -> float | None:
    """The sum; None if one of them is unknown, or there is none."""
    listed = list(costs)
    known = [cost for cost in listed if cost is not None]
    return sum(known) if known and len(known) == len(listed) else None


def estimate_draft(plan: Plan) -> tuple[float, float]:
    """Tokens and US dollars that a text will probably cost, from the first cycle's calls (0 dollars: unknown)."""
    forecast = Forecast(plan)
    parts = _price_roles(plan, [(1.0, forecast.cycle(1))]).values()
    drafts = max(1, forecast.drafts(1))
    tokens = sum(part.input_tokens + part.output_tokens for part in parts)
    return tokens / drafts, sum(part.cost_usd or 0.0 for part in parts) / drafts


def estimate_run(plan: Plan) -> Estimate:
    """Estimate what a planned run will cost, without any call."""
    settings = plan.settings
    forecast = Forecast(plan)
    most, capped = float(min(settings.stop.cycles, forecast.last_cycle())), None

    def take(count: float) -> Mapping[str, RoleEstimate]:
        whole, part = int(count), count - int(count)
        calls = [(1.0, forecast.cycle(number)) for number in range(1, whole + 1)]
        return _price_roles(plan, [*calls, (part, forecast.cycle(whole + 1))] if part else calls)

    cycles = most
    for name, cap in (("tokens", settings.budget.tokens), ("usd", settings.budget.usd)):
        if cap is not None and _used(take(cycles), name) > cap:
            cycles, capped = _afford(take, name, cap, cycles), f"budget.{name}"
    batches = sum(_count_batches(plan, forecast.cycle(number)) for number in range(1, math.ceil(cycles) + 1))
    return Estimate(math.ceil(cycles), take(cycles), capped, batches, _offers_batches(plan))


def _count_batches(plan: Plan, calls: CallTokens) -> int:
    """Batches of a cycle that are waited for one after the other: one for each role that is asked."""
    return sum(bool(calls[role]) for role in plan.settings.teacher.batch_roles())


def _offers_batches(plan: Plan) -> bool:
    """Whether it makes sense to tell what batches cost."""
    teacher = plan.settings.teacher
    is_openai = all((teacher.role(role).base_url or OPENAI_URL) == OPENAI_URL for role in ROLES)
    return bool(teacher.batch_roles()) or (plan.has_teacher and not teacher.is_embedded() and is_openai)


class RestEstimate:
    """Estimates what is still to come of a run: its forecast, corrected by what the cycles so far took.

    Args:
        plan: the plan of the run.
        ledger: its ledger.
        events: its event log, for the time that it took.
    """

    def __init__(self, plan: Plan, ledger: Ledger, events: Path) -> None:
        self._plan = plan
        self._ledger = ledger
        self._clock = WallClock(events)

    @cached_property
    def _forecast(self) -> Forecast:
        return Forecast(self._plan)

    def after(self, cycle: int, accepted: int) -> dict[str, Any]:
        """Estimate what follows a cycle.

        Args:
            cycle: the last cycle that is done, from 1.
            accepted: samples so far.

        Returns:
            calls, input_tokens, output_tokens, cost_usd (None: unknown) and wall-clock seconds.
        """
        ahead = self._list_ahead(cycle, accepted)
        expected = _price_roles(self._plan, [(1.0, self._forecast.cycle(done)) for done in range(1, cycle + 1)])
        coming = _price_roles(self._plan, [(part, self._forecast.cycle(number)) for part, number in ahead])
        roles = {role: self._correct(role, expected[role], coming[role]) for role in ROLES}
        share = self._share_affordable(roles)
        told = Estimate(len(ahead), roles, None).tell()
        cost = told["cost_usd"]
        return {
            **{key: round(told[key] * share) for key in ("calls", "input_tokens", "output_tokens")},
            "cost_usd": cost and round(cost * share, 6),
            "seconds": round(self._time(cycle, sum(part for part, _ in ahead) * share), 1),
        }

    def _list_ahead(self, cycle: int, accepted: int) -> list[tuple[float, int]]:
        """The cycles that will probably follow: the fraction of each, and the cycle of the forecast that it is like."""
        forecast, most = self._forecast, self._plan.settings.stop.cycles
        planned = min(most, forecast.last_cycle())
        budget = self._plan.settings.budget.samples
        if budget is None:
            return [(1.0, number) for number in range(cycle + 1, planned + 1)]
        drafts = sum(forecast.drafts(min(done, planned)) for done in range(1, cycle + 1))
        rate = max(_LEAST_RATE, accepted / max(1, drafts))
        ahead, wanted = [], budget - float(accepted)
        for number in range(cycle + 1, most + 1):
            like = min(number, planned)
            brings = max(1.0, forecast.drafts(like) * rate)
            if wanted <= budget * 0.01:
                break
            ahead.append((min(1.0, wanted / brings), like))
            wanted -= brings
        return ahead

    def _correct(self, role: str, expected: RoleEstimate, coming: RoleEstimate) -> RoleEstimate:
        """Scale what is to come of a role by what its calls so far took against the forecast."""
        taken = self._ledger.usage(role=role)
        calls = _scale(coming.calls, taken["calls"], expected.calls)
        read = _scale(coming.input_tokens, taken["input_tokens"], expected.input_tokens)
        written = _scale(coming.output_tokens, taken["output_tokens"], expected.output_tokens)
        return RoleEstimate(calls, read, written, *_price(self._plan, role, read, written))

    def _share_affordable(self, roles: Mapping[str, RoleEstimate]) -> float:
        """The share of what is to come that the budget pays for."""
        tokens, usd = self._ledger.spent(None)
        budget, share = self._plan.settings.budget, 1.0
        for name, cap, spent in (("tokens", budget.tokens, tokens), ("usd", budget.usd, usd)):
            needed = _used(roles, name)
            if cap is not None and needed > 0:
                share = min(share, max(0.0, cap - spent) / needed)
        return share

    def _time(self, cycle: int, ahead: float) -> float:
        """Seconds of so many cycles like those so far, and of the last training."""
        seconds = max(0.0, self._clock.measure() - sum(self._ledger.times(0).values())) / cycle * ahead
        refits = self._plan.settings.publish.refit and bool(self._plan.domain.validation)
        return seconds + (self._ledger.times(cycle).get("train", 0.0) if refits else 0.0)


def _scale(coming: int, taken: int, expected: int) -> int:
    return round(coming * taken / expected) if taken and expected else coming


def _used(roles: Mapping[str, RoleEstimate], what: str) -> float:
    if what == "tokens":
        return sum(part.input_tokens + part.output_tokens for part in roles.values())
    return sum(part.cost_usd or 0.0 for part in roles.values())


def _afford(take: Callable[[float], Mapping[str, RoleEstimate]], what: str, cap: float, most: float) -> float:
    """Find how many cycles a cap pays for, including fractions."""
    least = 0.0
    for _ in range(40):
        middle = (least + most) / 2
        least, most = (middle, most) if _used(take(middle), what) <= cap else (least, middle)
    return least


def _price_roles(plan: Plan, cycles: Sequence[tuple[float, CallTokens]]) -> dict[str, RoleEstimate]:
    """Add up the calls of cycles, each with the fraction of its calls that is made."""
    estimates = {}
    for role in ROLES:
        read, written = (
            math.ceil(sum(part * pair[side] for part, calls in cycles for pair in calls[role])) for side in (0, 1)
        )
        count = math.ceil(sum(part * len(calls[role]) for part, calls in cycles))
        estimates[role] = RoleEstimate(count, read, written, *_price(plan, role, read, written))
    return estimates


def _price(plan: Plan, role: str, read: int, written: int) -> tuple[float | None, float | None, float | None]:
    """US dollars for tokens of a role: as it is asked, directly, by batch; None where its price is unknown."""
    if plan.settings.teacher.is_embedded():
        return None, None, None
    settings = plan.settings.teacher.role(role)
    priced = (settings.prices, settings.model or "", settings.base_url or OPENAI_URL, (read, written))
    direct = price(*priced)[0]
    by_batch = price_by_batch(*priced, plan.settings.teacher.batch_discount)[0]
    return (by_batch if settings.batch else direct), direct, by_batch
