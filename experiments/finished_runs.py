"""Finished runs side by side: read from their folders, in tables of what can be compared at all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evokd.experiments.differences import (
    compare_prompts,
    describe_differences,
    describe_prompts,
    find_differences,
    name_by_difference,
    name_loops,
)
from evokd.experiments.measures import area
from evokd.experiments.run_setup import RunSetup, list_scored_files, read_setup
from evokd.experiments.spec import digest_parts
from evokd.experiments.statistics import compare_pairs
from evokd.experiments.tables import format_difference, spread, write_table
from evokd.graph.setup.run_folder import RunFolder, read_config
from evokd.messages import InputError
from evokd.messages.escape import clean
from evokd.tracing.summary import read_summary

SPLITS = ("validation", "test")
UNITS = ("samples", "tokens")


@dataclass(frozen=True)
class Finished:
    """A run that has ended."""

    name: str
    summary: Mapping[str, Any]
    comparison_key: str
    """Digest of domain, scored data, metrics and validation rows: runs with the same one stand in one table."""
    setup: RunSetup
    """What it was made with: runs in which it is the same are repetitions of one loop."""

    @property
    def gate(self) -> str:
        """The gate metric and its data, in words; empty where it was never measured."""
        if not self.curve("samples"):
            return ""
        has_validation = self.summary["start"]["validation"] is not None
        source = "validation data" if has_validation else "generated samples that were set aside"
        return f"{self.summary['gate_metric']} on {source}"

    def curve(self, over: str) -> list[tuple[float, float]]:
        """The champion's gate metric after every cycle in which it was measured, over `samples` or `tokens`."""
        points: list[tuple[float, float]] = []
        spent = 0
        for cycle in self.summary["cycles"]:
            tokens = cycle["input_tokens"] + cycle["output_tokens"]
            spent += cycle["accepted"] if over == "samples" else tokens
            score = cycle["gate"]["after" if cycle["gate"]["promoted"] else "before"]
            if score is not None:
                points.append((spent, score))
        return points

    def score(self, when: str, split: str) -> float | None:
        """The headline metric at the `start` or at the `final` end, on a split."""
        scores = self.summary[when][split]
        return None if scores is None else float(scores[self.summary["metric"]])

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return int(self.summary["totals"]["input_tokens"] + self.summary["totals"]["output_tokens"])


def read_finished(folders: Sequence[RunFolder]) -> list[Finished]:
    """Read finished runs.

    Raises:
        InputError: a run has not ended, or is named twice.
    """
    runs: list[Finished] = []
    paths: set[Path] = set()
    for folder in folders:
        if folder.path in paths:
            raise InputError(f"the run {folder.path} is named twice; name every run once")
        paths.add(folder.path)
        summary = read_summary(folder.summary)
        if summary is None:
            raise InputError(f"{folder.path}: the run has not ended; go on with: evokd resume {folder.path}")
        config = read_config(folder)
        name = clean(folder.run_id, 100)
        runs.append(Finished(name, summary, _comparison_key(config, summary), read_setup(folder, config)))
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise InputError("two of the runs have the same id; rename the folder of one")
    return runs


def _comparison_key(config: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    has_validation = summary["start"]["validation"] is not None
    rows = config["settings"].get("rows", {}).get("validation")
    return digest_parts(
        {
            "domain": summary["domain"],
            # names of files outside the domain depend on their folder
            "data": sorted(config["data"][name] for name in list_scored_files(config)),
            "metrics": [summary["metric"], summary["gate_metric"]],
            "validation": rows if has_validation else 0,
        }
    )


def group(runs: Sequence[Finished]) -> list[list[Finished]]:
    """Put runs that can be compared together, in the order in which they were named."""
    groups: dict[str, list[Finished]] = {}
    for run in runs:
        groups.setdefault(run.comparison_key, []).append(run)
    return list(groups.values())


def measure_group(runs: Sequence[Finished]) -> list[dict[str, Any]]:
    """Figures of runs that stand in one table; areas go up to what the cheapest of them has spent."""
    limits = {over: _shortest_end(runs, over) for over in UNITS}
    setups, presets = [run.setup for run in runs], [run.summary["preset"] for run in runs]
    differences = find_differences(presets, setups)
    return [
        {**_measure_run(run, limits), "loop": loop, "differs": differences[loop]}
        for run, loop in zip(runs, name_loops(presets, setups), strict=True)
    ]


def _measure_run(run: Finished, limits: Mapping[str, int]) -> dict[str, Any]:
    summary = run.summary
    return {
        "run": run.name,
        "preset": summary["preset"],
        "seed": summary["seed"],
        "rehearsal": summary["rehearsal"],
        "teacher": summary["teacher"],
        "student": summary["student"],
        "start": {split: run.score("start", split) for split in SPLITS},
        "final": {split: run.score("final", split) for split in SPLITS},
        "stop_reason": summary["stop_reason"],
        "samples": summary["totals"]["samples"],
        "calls": summary["totals"]["calls"],
        "tokens": run.tokens,
        "cost_usd": summary["totals"]["cost_usd"],
        **{f"gate_area_{over}": _gate_area(run, over, limit) for over, limit in limits.items()},
        "gate": {over: [list(point) for point in run.curve(over)] for over in limits},
    }


def _gate_area(run: Finished, over: str, limit: int) -> float | None:
    """Area of the gate metric up to a limit; None where the gate did not measure from the start."""
    curve = run.curve(over)
    starts_at_zero = bool(curve) and curve[0][0] == 0
    return area(curve, limit) if limit and starts_at_zero else None


def describe_gate(runs: Sequence[Finished]) -> str:
    """Say what the gates of runs that stand in one table have measured, and in how many of them."""
    gates = [run.gate for run in runs if run.gate]
    some = "" if len(gates) == len(runs) else f" in {len(gates)} of {len(runs)} runs"
    return f"{gates[0]}{some}" if gates else "nothing"


def _shortest_end(runs: Sequence[Finished], over: str) -> int:
    """Where the shortest curve ends; 0 where one has no points."""
    curves = [run.curve(over) for run in runs]
    return min(int(curve[-1][0]) if curve else 0 for curve in curves)


def runs_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line per run: scores, what it took, why it stopped."""
    splits = [split for split in SPLITS if any(row["final"][split] is not None for row in rows)]
    head = ["run", "loop", "seed", *(f"{split} start -> end" for split in splits)]
    head += ["gate area/samples", "gate area/tokens", "samples", "calls", "tokens", "USD", "stopped by"]
    lines = []
    for row in rows:
        scores = [_arrow(row["start"][split], row["final"][split]) for split in splits]
        areas = [_number(row[f"gate_area_{over}"]) for over in UNITS]
        spent = [f"{row[key]:,}" for key in ("samples", "calls", "tokens")]
        cost = "unknown" if row["cost_usd"] is None else f"{row['cost_usd']:.4f}"
        lines.append([row["run"], row["loop"], str(row["seed"]), *scores, *areas, *spent, cost, row["stop_reason"]])
    return write_table(head, lines)


def _arrow(start: float | None, end: float | None) -> str:
    return f"{_number(start)} -> {_number(end)}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def loops_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Scores at the end per loop, and the first loop minus each other one, paired by seed.

    No lines where no loop has several runs. A seed that a loop has more than once is left out of the pairs.
    """
    by_loop: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_loop.setdefault(row["loop"], []).append(row)
    split = "test" if all(row["final"]["test"] is not None for row in rows) else "validation"
    if len(by_loop) == len(rows) or any(row["final"][split] is None for row in rows):
        return []
    reference, *_ = by_loop
    reference_scores = _by_seed(by_loop[reference], split)
    lines = []
    for loop, loop_rows in by_loop.items():
        scores = _by_seed(loop_rows, split)
        pairs = [reference_scores[seed] - scores[seed] for seed in sorted(reference_scores.keys() & scores.keys())]
        difference = format_difference(compare_pairs({"": pairs})) if pairs and loop != reference else "-"
        count = str(len(pairs)) if loop != reference else "-"
        end = spread([row["final"][split] for row in loop_rows])
        name = name_by_difference(loop, loop_rows[0]["differs"])
        lines.append([name, str(len(loop_rows)), end, difference, count])
    return write_table(["loop", "n", f"{split} at the end", f"{reference} minus it", "pairs"], lines)


def _by_seed(rows: Sequence[Mapping[str, Any]], split: str) -> dict[int, float]:
    seeds = [row["seed"] for row in rows]
    return {row["seed"]: row["final"][split] for row in rows if seeds.count(row["seed"]) == 1}


def pages(groups: Sequence[Sequence[Finished]], tables: Sequence[Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """The comparison in Markdown."""
    for runs, rows in zip(groups, tables, strict=True):
        first = runs[0]
        yield f"## {first.summary['domain']}: {first.summary['metric']}; the gate measured {describe_gate(runs)}\n"
        if any(run.summary["rehearsal"] for run in runs):
            yield "Rehearsal teacher: no language model was called in these runs, or in some of them.\n"
        yield from runs_table(rows)
        if any(row["gate_area_samples"] is not None for row in rows) and len(rows) > 1:
            limits = [f"{_shortest_end(runs, over):,} {over}" for over in UNITS]
            yield f"Areas go up to what the cheapest run of the table has spent: {' and '.join(limits)}.\n"
        differences = describe_differences({row["loop"]: row["differs"] for row in rows})
        if differences:
            yield from ["What differs between runs of one preset:\n", *differences, ""]
        yield from describe_prompts(find_prompt_differences(runs, rows))
        yield from loops_table(rows)


def find_prompt_differences(runs: Sequence[Finished], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The prompts in which the loops of a table differ; see `differences.compare_prompts`."""
    return compare_prompts([row["loop"] for row in rows], [run.setup for run in runs])
