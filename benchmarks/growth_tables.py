"""The tables of `benchmarks.endurance`."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.clocks import Time

NODES = ("analyze", "generate", "label", "curate", "train", "gate", "examine", "decide")
"""Of a cycle, in their order."""
EARLY = 5
"""The cycle that the last one is compared with."""
_AROUND = 5
"""Cycles of which a median is taken."""


@dataclass(frozen=True)
class PlantedRuns:
    """What was measured on runs with so many samples."""

    counts: list[int]
    """Accepted samples, the smallest run first."""
    times: dict[str, dict[int, list[Time]]]
    """Figure -> samples -> time of each repeat."""
    memory: dict[int, int]
    """Samples -> resident memory in bytes, after the last node."""
    ledger: dict[int, int]
    """Samples -> bytes of the ledger."""
    dataset: dict[int, int]
    """Samples -> bytes of train.jsonl."""


@dataclass(frozen=True)
class LongRun:
    """What was measured on a run of many cycles."""

    rows: list[dict[str, float]]
    """Figures of each cycle."""
    nodes: dict[int, dict[str, Time]]
    """Cycle -> time of its nodes."""


def print_cycles(rows: Sequence[Mapping[str, float]], first: int) -> None:
    """Print some cycles of a long run, and how its figures change from cycle to cycle."""
    names = list(rows[0])
    print("| " + " | ".join(names) + " |")
    print("|" + "---|" * len(names))
    shown = [row for row in rows if row["cycle"] in (1, 2, 5) or row["cycle"] % 10 == 0]
    for row in shown:
        print("| " + " | ".join(_figure(row[name]) for name in names) + " |")
    late = [row for row in rows if row["cycle"] >= first]
    print(f"\nCycles {first} to {int(rows[-1]['cycle'])}, least squares:\n")
    print("| figure | mean | slope per cycle | over all these cycles, of the mean |")
    print("|---|---|---|---|")
    for name in ("checkpoint bytes", "memory, MB", "overhead, s", "overhead, CPU s"):
        values = [row[name] for row in late]
        slope = statistics.linear_regression([row["cycle"] for row in late], values).slope
        mean = statistics.mean(values)
        print(f"| {name} | {_figure(mean)} | {slope:+.4f} | {slope * len(late) / mean:+.1%} |")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3f}"


def print_ledgers(planted: PlantedRuns) -> None:
    """Print the best of all repeats: on a machine that does other things as well it is the one least disturbed."""
    small, large = planted.counts[0], planted.counts[-1]
    names = [f"{count:,} samples, CPU ms" for count in planted.counts]
    _print_head(["what", *names, "ratio", f"{small:,}, wall ms", f"{large:,}, wall ms"])
    for name, times in planted.times.items():
        cpu = [min(passed.cpu for passed in times[count]) * 1000 for count in planted.counts]
        wall = [min(passed.wall for passed in times[count]) * 1000 for count in (small, large)]
        _print_row([name, *map(_milliseconds, cpu), _ratio(cpu), *map(_milliseconds, wall)])


def print_growth(planted: PlantedRuns, cycles: Mapping[int, Mapping[str, Time]]) -> None:
    """Print CPU time of every node: an early and the last cycles of a long run, and runs of many samples."""
    last = max(cycles)
    late = range(last - _AROUND + 1, last + 1)
    early = range(EARLY - _AROUND // 2, EARLY + _AROUND // 2 + 1)
    samples = [f"{count:,} samples" for count in planted.counts]
    _print_head(["CPU ms", f"cycle {EARLY}", f"cycle {last}", "ratio", *samples, "ratio"])
    totals: list[list[float]] = []
    for node in NODES:
        cpu = [_median(cycles, node, some) for some in (early, late)]
        cpu += [min(passed.cpu for passed in planted.times[f"- {node}"][count]) * 1000 for count in planted.counts]
        totals.append(cpu)
        _print_growth_row(f"`{node}`", cpu)
    _print_growth_row("a cycle", [sum(column) for column in zip(*totals, strict=True)])
    for name in ("resume, up to the first node", "first cycle after it", "- publish"):
        times = planted.times[name]
        cpu = [min(passed.cpu for passed in times[count]) * 1000 for count in planted.counts]
        _print_row([name.replace("- publish", "`publish`"), "", "", "", *map(_milliseconds, cpu), _ratio(cpu)])


def _print_growth_row(name: str, cpu: Sequence[float]) -> None:
    long, planted = cpu[:2], cpu[2:]
    cells = [*map(_milliseconds, long), _ratio(long), *map(_milliseconds, planted), _ratio(planted)]
    _print_row([name, *cells])


def _median(cycles: Mapping[int, Mapping[str, Time]], node: str, some: Sequence[int]) -> float:
    """Median CPU time of a node in some cycles, in milliseconds."""
    return statistics.median(cycles[cycle][node].cpu for cycle in some if node in cycles.get(cycle, {})) * 1000


def print_sizes(planted: PlantedRuns) -> None:
    """Print what a sample takes on the disk and in memory, as the difference of the smallest and the largest run."""
    small, large = planted.counts[0], planted.counts[-1]
    print()
    _print_head(["", *(f"{count:,} samples" for count in planted.counts), "per sample"])
    for name, sizes in (
        ("ledger, MB", planted.ledger),
        ("`train.jsonl`, MB", planted.dataset),
        ("resident memory at the end, MB", planted.memory),
    ):
        each = (sizes[large] - sizes[small]) / (large - small)
        _print_row([name, *(f"{sizes[count] / 2**20:,.1f}" for count in planted.counts), f"{each:,.0f} bytes"])
    print()


def _milliseconds(value: float) -> str:
    return f"{value:,.1f}"


def _ratio(values: Sequence[float]) -> str:
    return f"{values[-1] / values[0]:.2f}"


def _print_head(names: Sequence[str]) -> None:
    _print_row(names)
    print("|" + "---|" * len(names))


def _print_row(cells: Sequence[str]) -> None:
    print("| " + " | ".join(cells) + " |")
