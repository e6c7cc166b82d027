"""What a run will probably cost: calls, tokens and money, estimated from messages like those it will send."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evokd.agents.llm.pricing import price
from evokd.agents.llm.teacher_settings import OPENAI_URL
from evokd.graph.forecast import CallTokens, Forecast
from evokd.graph.setup.plan import Plan
from evokd.prompts.loader import ROLES


@dataclass(frozen=True)
class RoleEstimate:
    """What one role will probably cost."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    """None if the price is unknown."""


@dataclass(frozen=True)
class Estimate:
    """What a run will probably cost, not counting repeated calls."""

    cycles: int
    roles: Mapping[str, RoleEstimate]
    capped: str | None
    """The budget that will probably end the run before its cycles or samples do."""

    def tell(self) -> dict[str, Any]:
        """Return it as JSON: cycles, capped_by, calls, tokens, cost_usd (null: unknown), and the same per role."""
        parts = list(self.roles.values())
        costs = [part.cost_usd for part in parts if part.calls]
        return {
            "cycles": self.cycles,
            "capped_by": self.capped,
            "calls": sum(part.calls for part in parts),
            "input_tokens": sum(part.input_tokens for part in parts),
            "output_tokens": sum(part.output_tokens for part in parts),
            "cost_usd": None if None in costs or not costs else sum(cost for cost in costs if cost is not None),
            "roles": {role: vars(part) for role, part in self.roles.items()},
        }


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
    return Estimate(math.ceil(cycles), take(cycles), capped)


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
        role_settings = plan.settings.teacher.role(role)
        cost = None
        if not plan.settings.teacher.is_embedded():
            cost = price(
                role_settings.prices, role_settings.model or "", role_settings.base_url or OPENAI_URL, (read, written)
            )[0]
        count = math.ceil(sum(part * len(calls[role]) for part, calls in cycles))
        estimates[role] = RoleEstimate(count, read, written, cost)
    return estimates
