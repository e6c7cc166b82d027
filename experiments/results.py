"""What the cells of a backtest have brought, measured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from evokd.experiments.measures import area, reach
from evokd.experiments.spec import ExperimentRun

SHARES = (0.8, 0.9, 0.95)
"""Shares of the full-shot score whose price is asked for."""
Key = tuple[str, float, float]
"""Domain, typicality, noise: what is compared lies within one of these."""


@dataclass(frozen=True)
class Outcome:
    """A finished cell."""

    cell: ExperimentRun
    points: Sequence[Mapping[str, Any]]
    """See `experiments.learning_curve.Point`."""
    ceiling: Mapping[str, Any] | None
    """The full-shot student of its domain and seed, where there is one."""
    totals: Mapping[str, Any]
    stop_reason: str

    @property
    def key(self) -> Key:
        """What it is compared within."""
        return (self.cell.domain, self.cell.typicality, self.cell.noise)

    def curve(self, over: str) -> list[tuple[float, float]]:
        """The learning curve over `samples` or `tokens`."""
        return [(point[over], point["test"][self.cell.metric]) for point in self.points]


@dataclass(frozen=True)
class Measured:
    """What a cell amounts to; scores are 0 to 1."""

    outcome: Outcome
    start: float
    final: float
    area_samples: float
    area_tokens: float | None
    """Up to the tokens of the cheapest cell it is compared with; None where no cell used any."""
    full: float | None
    """Score of the full-shot student; of a seed without one, the mean of the domain's others."""
    share: float | None
    reached: Mapping[str, Mapping[float, float | None]]
    """`samples` and `tokens` -> share of full-shot -> what was spent until then, None: not reached."""
    samples: int
    tokens: int

    @property
    def cell(self) -> ExperimentRun:
        """The cell."""
        return self.outcome.cell


def measure(outcomes: Iterable[Outcome], shares: Sequence[float] = SHARES) -> list[Measured]:
    """Measure finished cells.

    The area over tokens goes up to what the cheapest cell of the same key has used; a seed without a full-shot student
    is held to the mean of the domain's others.
    """
    outcomes = list(outcomes)
    limits: dict[Key, float] = {}
    samples: dict[Key, float] = {}
    for outcome in outcomes:
        last = outcome.points[-1]["samples"]
        samples[outcome.key] = min(last, samples.get(outcome.key, last))
        used = outcome.points[-1]["tokens"]
        if used:
            limits[outcome.key] = min(used, limits.get(outcome.key, used))
    full: dict[str, list[float]] = {}
    for outcome in outcomes:
        if outcome.ceiling:
            full.setdefault(outcome.cell.domain, []).append(outcome.ceiling["test"][outcome.cell.metric])
    others = {domain: mean(scores) for domain, scores in full.items()}
    return [
        _measure(
            outcome,
            (limits.get(outcome.key), outcome.cell.settings["budget"]["samples"] or samples[outcome.key]),
            others.get(outcome.cell.domain),
            shares,
        )
        for outcome in outcomes
    ]


def _measure(
    outcome: Outcome, limits: tuple[float | None, float], others: float | None, shares: Sequence[float]
) -> Measured:
    """Measure a cell, its areas up to so many tokens (None: none were used) and samples."""
    token_limit, budget = limits
    metric = outcome.cell.metric
    by = {over: outcome.curve(over) for over in ("samples", "tokens")}
    full = outcome.ceiling["test"][metric] if outcome.ceiling else others
    final = by["samples"][-1][1]
    goals = {share: share * full for share in shares} if full is not None else {}
    return Measured(
        outcome=outcome,
        start=by["samples"][0][1],
        final=final,
        area_samples=area(by["samples"], budget) if budget else final,
        area_tokens=area(by["tokens"], token_limit) if token_limit else None,
        full=full,
        share=final / full if full else None,
        reached={over: {share: reach(points, goal) for share, goal in goals.items()} for over, points in by.items()},
        samples=outcome.points[-1]["samples"],
        tokens=outcome.points[-1]["tokens"],
    )


def pair(measured: Sequence[Measured], first: str, second: str, value: str) -> dict[str, list[float]]:
    """Differences first minus second over the cells that both columns have, per domain in the order of seeds.

    Args:
        measured: cells of one condition.
        first: name of a column.
        second: name of the other.
        value: which field of `Measured`; pairs in which it is None are left out.
    """
    sides: list[dict[tuple[str, int], float]] = [
        {
            (item.cell.domain, item.cell.seed): found
            for item in measured
            if item.cell.column == column and (found := getattr(item, value)) is not None
        }
        for column in (first, second)
    ]
    differences: dict[str, list[float]] = {}
    for domain, seed in sorted(sides[0].keys() & sides[1].keys()):
        found = sides[0][domain, seed] - sides[1][domain, seed]
        differences.setdefault(domain, []).append(found)
    return differences
