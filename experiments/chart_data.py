"""Which pictures a backtest gets: for each domain and condition the scores over samples and over tokens."""

import statistics
from collections.abc import Iterator, Sequence

from evokd.experiments.charts import Sheet
from evokd.experiments.results import Key, Measured

UNITS = {"tokens": "tokens read and written by the teacher", "samples": "accepted samples"}


def make_sheets(
    key: Key, measured: Sequence[Measured], columns: Sequence[str], told: str, rehearsal: bool
) -> Iterator[Sheet]:
    """Make the sheets of one domain and condition.

    Args:
        key: domain, typicality, noise.
        measured: its cells.
        columns: in the order of the legend.
        told: the condition in words.
        rehearsal: whether no language model was called.
    """
    domain, typicality, noise = key
    full = [item.full for item in measured if item.full is not None]
    budget = measured[0].cell.settings["budget"]["samples"]
    most_samples = budget or max(item.samples for item in measured)
    limits = {"samples": float(most_samples), "tokens": float(max(item.tokens for item in measured))}
    most = max(sum(item.cell.column == column for item in measured) for column in columns)
    spread = f"line: mean of {most} seeds, band: lowest to highest" if most > 1 else "one seed"
    origin = "rehearsal teacher, no language model was called" if rehearsal else "language model as teacher"
    for over, unit in UNITS.items():
        if not limits[over]:
            continue
        yield Sheet(
            name=f"{domain}-t{typicality:g}-n{noise:g}-{over}",
            title=f"{domain}: {measured[0].cell.metric} over {over}",
            subtitle=[told, f"{spread}; {origin}"],
            x=unit,
            y=f"{measured[0].cell.metric} on test data (0 to 1)",
            limit=limits[over],
            curves={
                column: [item.outcome.curve(over) for item in measured if item.cell.column == column]
                for column in columns
                if any(item.cell.column == column for item in measured)
            },
            line=statistics.mean(full) if full else None,
        )
