"""What the runs of an experiment achieved, measured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from evokd.experiments.measures import area, reach
from evokd.experiments.spec import ExperimentRun

SHARES = (0.8, 0.9, 0.95)
"""Shares of the full-shot score; reports say what it costs to reach each."""
Key = tuple[str, float, float]
"""Domain, typicality, noise: only runs with the same key are compared."""


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    run: ExperimentRun
    points: Sequence[Mapping[str, Any]]
    """See `experiments.learning_curve.Point`."""
    baseline: Mapping[str, Any] | None
    """Scores of the full-data baseline of its domain and seed, where there is one."""
    totals: Mapping[str, Any]
    stop_reason: str

    @property
    def key(self) -> Key:
        """Only runs with the same key are compared."""
        return (self.run.domain, self.run.typicality, self.run.noise)

    def curve(self, over: str) -> list[tuple[float, float]]:
        """The learning curve over `samples` or `tokens`."""
        return [(point[over], point["test"][self.run.metric]) for point in self.points]


@dataclass(frozen=True)
class Measured:
    """The measures of a run; scores are 0 to 1."""

    outcome: Outcome
    start: float
    final: float
    area_samples: float
    area_tokens: float | None
    """Up to the tokens of the cheapest run it is compared with; None where no run used any."""
    full: float | None
    """Score of the full-data baseline; for a seed without one, the mean of the domain's other baselines."""
    share: float | None
    reached: Mapping[str, Mapping[float, float | None]]
    """`samples` and `tokens` -> share of full-shot -> what was spent until then, None: not reached."""
    samples: int
    tokens: int

    @property
    def run(self) -> ExperimentRun:
        """The run."""
        return self.outcome.run


def measure(outcomes: Iterable[Outcome], shares: Sequence[float] = SHARES) -> list[Measured]:
    """Measure finished runs.

    The area over tokens goes up to what the cheapest run of the same key has used. A seed without a baseline is
    compared with the mean of the domain's other baselines.
    """
    outcomes = list(outcomes)
    with_teacher = [outcome for outcome in outcomes if outcome.points[-1]["tokens"]]
    fewest_tokens = _fewest(with_teacher, "tokens")
    fewest_samples = _fewest(outcomes, "samples")
    baselines = _mean_baselines(outcomes)
    measured = []
    for outcome in outcomes:
        budget = outcome.run.settings["budget"]["samples"]
        sample_limit = budget or fewest_samples[outcome.key]
        token_limit = fewest_tokens.get(outcome.key)
        mean_baseline = baselines.get(outcome.run.domain)
        measured.append(_measure(outcome, token_limit, sample_limit, mean_baseline, shares))
    return measured


def _fewest(outcomes: Sequence[Outcome], over: str) -> dict[Key, float]:
    """Key -> `samples` or `tokens` of the run that used fewest."""
    fewest: dict[Key, float] = {}
    for outcome in outcomes:
        used = outcome.points[-1][over]
        fewest[outcome.key] = min(used, fewest.get(outcome.key, used))
    return fewest


def _mean_baselines(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Domain -> mean score of its full-data baselines."""
    scores: dict[str, list[float]] = {}
    for outcome in outcomes:
        if outcome.baseline:
            scores.setdefault(outcome.run.domain, []).append(outcome.baseline["test"][outcome.run.metric])
    return {domain: mean(values) for domain, values in scores.items()}


def _measure(
    outcome: Outcome,
    token_limit: float | None,
    sample_limit: float,
    mean_baseline: float | None,
    shares: Sequence[float],
) -> Measured:
    """Measure one run.

    Args:
        outcome: the run.
        token_limit: where the area over tokens ends; None: no tokens were used.
        sample_limit: where the area over samples ends; 0: no samples were accepted.
        mean_baseline: stands in where the run's seed has no baseline.
        shares: shares of the full-shot score to find the cost of.
    """
    metric = outcome.run.metric
    curves = {over: outcome.curve(over) for over in ("samples", "tokens")}
    full = outcome.baseline["test"][metric] if outcome.baseline else mean_baseline
    final = curves["samples"][-1][1]
    goals = {share: share * full for share in shares} if full is not None else {}
    reached = {}
    for over, points in curves.items():
        reached[over] = {share: reach(points, goal) for share, goal in goals.items()}
    return Measured(
        outcome=outcome,
        start=curves["samples"][0][1],
        final=final,
        area_samples=area(curves["samples"], sample_limit) if sample_limit else final,
        area_tokens=area(curves["tokens"], token_limit) if token_limit else None,
        full=full,
        share=final / full if full else None,
        reached=reached,
        samples=outcome.points[-1]["samples"],
        tokens=outcome.points[-1]["tokens"],
    )


def pair(measured: Sequence[Measured], first: str, second: str, value: str) -> dict[str, list[float]]:
    """Differences first minus second over the runs that both arms have, per domain in the order of seeds.

    Args:
        measured: runs of one condition.
        first: name of an arm.
        second: name of the other.
        value: which field of `Measured`; pairs in which it is None are left out.
    """
    first_values = _by_domain_and_seed(measured, first, value)
    second_values = _by_domain_and_seed(measured, second, value)
    differences: dict[str, list[float]] = {}
    for domain, seed in sorted(first_values.keys() & second_values.keys()):
        difference = first_values[domain, seed] - second_values[domain, seed]
        differences.setdefault(domain, []).append(difference)
    return differences


def _by_domain_and_seed(measured: Sequence[Measured], arm: str, value: str) -> dict[tuple[str, int], float]:
    values = {}
    for item in measured:
        number = getattr(item, value)
        if item.run.arm == arm and number is not None:
            values[item.run.domain, item.run.seed] = number
    return values
