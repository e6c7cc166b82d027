"""What the charts of an experiment show: for each domain and condition the scores over samples and over tokens."""

import statistics
from collections.abc import Iterator, Sequence

from evokd.experiments.charts import ChartData
from evokd.experiments.results import Key, Measured
from evokd.experiments.tables import of_arm

UNITS = {"tokens": "tokens read and written by the teacher", "samples": "accepted samples"}


def make_chart_data(
    key: Key, measured: Sequence[Measured], arms: Sequence[str], condition: str, rehearsal: bool
) -> Iterator[ChartData]:
    """Make the chart data of one domain and condition.

    Args:
        key: domain, typicality, noise.
        measured: its runs.
        arms: in the order of the legend.
        condition: in words.
        rehearsal: whether no language model was called.
    """
    domain, typicality, noise = key
    metric = measured[0].run.metric
    full = [item.full for item in measured if item.full is not None]
    by_arm = {arm: items for arm in arms if (items := of_arm(measured, arm))}
    most_seeds = max(map(len, by_arm.values()))
    spread = f"line: mean of {most_seeds} seeds, band: lowest to highest" if most_seeds > 1 else "one seed"
    origin = "rehearsal teacher, no language model was called" if rehearsal else "language model as teacher"
    for over, limit in _axis_limits(measured).items():
        if limit:
            yield ChartData(
                name=f"{domain}-t{typicality:g}-n{noise:g}-{over}",
                title=f"{domain}: {metric} over {over}",
                subtitle=[condition, f"{spread}; {origin}"],
                x=UNITS[over],
                y=f"{metric} on test data (0 to 1)",
                limit=limit,
                curves={arm: [item.outcome.curve(over) for item in items] for arm, items in by_arm.items()},
                line=statistics.mean(full) if full else None,
            )


def _axis_limits(measured: Sequence[Measured]) -> dict[str, float]:
    """Unit -> where its axis ends: the budget of samples if there is one, else the most that a run used."""
    budget = measured[0].run.settings["budget"]["samples"]
    return {
        "tokens": float(max(item.tokens for item in measured)),
        "samples": float(budget or max(item.samples for item in measured)),
    }
