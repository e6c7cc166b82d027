"""Finished runs side by side: read from their folders, in tables of what can be compared at all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evokd.experiments.measures import area
from evokd.experiments.spec import digest
from evokd.experiments.statistics import compare
from evokd.experiments.tables import spread, tell_difference, write_table
from evokd.graph.setup.resume_check import PLACES, flatten
from evokd.graph.setup.run_folder import RunFolder, read_config
from evokd.graph.setup.run_settings import is_free
from evokd.messages import InputError
from evokd.messages.escape import clean
from evokd.tracing.summary import read_summary

SPLITS = ("validation", "test")
MOST_TOLD = 20
"""Differences of settings that are told."""


@dataclass(frozen=True)
class Finished:
    """A run that has ended."""

    name: str
    summary: Mapping[str, Any]
    kin: str
    """Digest of domain, data, metrics and validation rows: runs with the same one stand in one table."""
    settings: Mapping[str, Any]
    """Dotted key -> value, without the seed and what changes no sample."""

    @property
    def gate(self) -> str:
        """Where the gate metric comes from, in words; empty where it was never measured."""
        if not self.curve("samples"):
            return ""
        has = self.summary["start"]["validation"] is not None
        source = "validation data" if has else "generated samples that were set aside"
        return f"{self.summary['gate_metric']} on {source}"

    def curve(self, over: str) -> list[tuple[float, float]]:
        """The champion's gate metric after every cycle in which it was measured, over `samples` or `tokens`."""
        points: list[tuple[float, float]] = []
        spent = 0
        for cycle in self.summary["cycles"]:
            used = cycle["input_tokens"] + cycle["output_tokens"]
            spent += cycle["accepted"] if over == "samples" else used
            score = cycle["gate"]["after" if cycle["gate"]["promoted"] else "before"]
            if score is not None:
                points.append((spent, score))
        return points

    def score(self, when: str, split: str) -> float | None:
        """The headline metric at the `start` or at the `final` end, on a split."""
        found = self.summary[when][split]
        return None if found is None else float(found[self.summary["metric"]])

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return int(self.summary["totals"]["input_tokens"] + self.summary["totals"]["output_tokens"])


def read_finished(folders: Sequence[RunFolder]) -> list[Finished]:
    """Read finished runs.

    Raises:
        InputError: a run has not ended, or is named twice.
    """
    found: list[Finished] = []
    paths: set[Path] = set()
    for folder in folders:
        if folder.path in paths:
            raise InputError(f"the run {folder.path} is named twice; name every run once")
        paths.add(folder.path)
        summary = read_summary(folder.summary)
        if summary is None:
            raise InputError(f"{folder.path}: the run has not ended; go on with: evokd resume {folder.path}")
        record = read_config(folder)
        settings = {
            key: value
            for key, value in flatten(record["settings"]).items()
            if key not in ("seed", *PLACES) and (not is_free(key) or key.startswith(("budget.", "stop.")))
        }
        if record.get("base"):  # wherever it lay
            settings["student.base"] = f"{Path(settings['student.base']).name} ({record['base'][:12]})"
        found.append(Finished(clean(folder.run_id, 100), summary, _kin(record, summary), settings))
    names = [run.name for run in found]
    if len(set(names)) < len(names):
        raise InputError("two of the runs have the same id; rename the folder of one")
    return found


def _kin(record: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    rows = record["settings"].get("rows", {}).get("validation")
    has = summary["start"]["validation"] is not None
    return digest(
        {
            "domain": summary["domain"],
            "data": sorted(record["data"].values()),  # names of files outside the domain tell where they lay
            "metrics": [summary["metric"], summary["gate_metric"]],
            "validation": rows if has else 0,
        }
    )


def group(runs: Sequence[Finished]) -> list[list[Finished]]:
    """Put runs that can be compared together, in the order in which they were named."""
    groups: dict[str, list[Finished]] = {}
    for run in runs:
        groups.setdefault(run.kin, []).append(run)
    return list(groups.values())


def name_loops(runs: Sequence[Finished]) -> list[str]:
    """Name what each run ran: its preset, with a letter where runs of that preset have other settings."""
    kinds: dict[str, list[str]] = {}
    digests = [digest(run.settings) for run in runs]
    for run, found in zip(runs, digests, strict=True):
        known = kinds.setdefault(run.summary["preset"], [])
        known += [found] if found not in known else []
    names = []
    for run, found in zip(runs, digests, strict=True):
        known = kinds[run.summary["preset"]]
        letter = f" ({_letter(known.index(found))})" if len(known) > 1 else ""
        names.append(run.summary["preset"] + letter)
    return names


def _letter(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else str(number + 1)


def tell_settings(runs: Sequence[Finished]) -> list[str]:
    """Lines that tell which settings the runs of one preset differ in."""
    lines = []
    loops = name_loops(runs)
    for preset in dict.fromkeys(run.summary["preset"] for run in runs):
        own = {loop: run for loop, run in zip(loops, runs, strict=True) if run.summary["preset"] == preset}
        keys = [key for run in own.values() for key in run.settings]
        for key in dict.fromkeys(keys) if len(own) > 1 else ():
            values = {loop: run.settings.get(key) for loop, run in own.items()}
            if len({str(value) for value in values.values()}) > 1:
                told = ", ".join(f"{clean(str(value), 60)} in {loop}" for loop, value in values.items())
                lines.append(f"- {key}: {told}")
    rest = len(lines) - MOST_TOLD
    return [*lines[:MOST_TOLD], *([f"- and {rest} more"] if rest > 0 else [])]


def measure_group(runs: Sequence[Finished]) -> list[dict[str, Any]]:
    """Figures of runs that stand in one table; areas go up to what the cheapest of them has spent."""
    limits = {over: _end_of_all(runs, over) for over in ("samples", "tokens")}
    rows = []
    for run, loop in zip(runs, name_loops(runs), strict=True):
        totals = run.summary["totals"]
        areas = {
            f"gate_area_{over}": area(curve, limits[over])
            if limits[over] and (curve := run.curve(over)) and not curve[0][0]
            else None
            for over in limits
        }
        rows.append(
            {
                "run": run.name,
                "preset": run.summary["preset"],
                "loop": loop,
                "seed": run.summary["seed"],
                "rehearsal": run.summary["rehearsal"],
                "teacher": run.summary["teacher"],
                "student": run.summary["student"],
                "start": {split: run.score("start", split) for split in SPLITS},
                "final": {split: run.score("final", split) for split in SPLITS},
                "stop_reason": run.summary["stop_reason"],
                "samples": totals["samples"],
                "calls": totals["calls"],
                "tokens": run.tokens,
                "cost_usd": totals["cost_usd"],
                **areas,
                "gate": {over: [list(point) for point in run.curve(over)] for over in limits},
            }
        )
    return rows


def tell_gate(runs: Sequence[Finished]) -> str:
    """Say what the gates of runs that stand in one table have measured, and in how many of them."""
    found = [run.gate for run in runs if run.gate]
    some = "" if len(found) == len(runs) else f" in {len(found)} of {len(runs)} runs"
    return f"{found[0]}{some}" if found else "nothing"


def _end_of_all(runs: Sequence[Finished], over: str) -> int:
    """Where the shortest curve ends, 0 where one has no points."""
    return min(int(curve[-1][0]) if (curve := run.curve(over)) else 0 for run in runs)


def runs_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line per run: scores, what it took, why it stopped."""
    splits = [split for split in SPLITS if any(row["final"][split] is not None for row in rows)]
    head = ["run", "loop", "seed", *(f"{split} start -> end" for split in splits)]
    head += ["gate area/samples", "gate area/tokens", "samples", "calls", "tokens", "USD", "stopped by"]
    lines = []
    for row in rows:
        scores = [_arrow(row["start"][split], row["final"][split]) for split in splits]
        areas = [_number(row[f"gate_area_{over}"]) for over in ("samples", "tokens")]
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

    Nothing where no loop has several runs. A seed that a loop has more than once is left out of the pairs.
    """
    loops = list(dict.fromkeys(row["loop"] for row in rows))
    split = "test" if all(row["final"]["test"] is not None for row in rows) else "validation"
    if len(loops) == len(rows) or any(row["final"][split] is None for row in rows):
        return []
    by_seed = {loop: _by_seed([row for row in rows if row["loop"] == loop], split) for loop in loops}
    lines = []
    for loop in loops:
        own = [row["final"][split] for row in rows if row["loop"] == loop]
        seeds = sorted(by_seed[loops[0]].keys() & by_seed[loop].keys())
        pairs = [by_seed[loops[0]][seed] - by_seed[loop][seed] for seed in seeds]
        told = tell_difference(compare({"": pairs})) if pairs and loop != loops[0] else "-"
        lines.append([loop, str(len(own)), spread(own), told, str(len(pairs)) if loop != loops[0] else "-"])
    return write_table(["loop", "n", f"{split} at the end", f"{loops[0]} minus it", "pairs"], lines)


def _by_seed(rows: Sequence[Mapping[str, Any]], split: str) -> dict[int, float]:
    seeds = [row["seed"] for row in rows]
    return {row["seed"]: row["final"][split] for row in rows if seeds.count(row["seed"]) == 1}


def pages(groups: Sequence[Sequence[Finished]], tables: Sequence[Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """The comparison in Markdown."""
    for runs, rows in zip(groups, tables, strict=True):
        first = runs[0]
        yield f"## {first.summary['domain']}: {first.summary['metric']}; the gate measured {tell_gate(runs)}\n"
        if any(run.summary["rehearsal"] for run in runs):
            yield "Rehearsal teacher: no language model was called in these runs, or in some of them.\n"
        yield from runs_table(rows)
        limits = [f"{_end_of_all(runs, over):,} {over}" for over in ("samples", "tokens")]
        if any(row["gate_area_samples"] is not None for row in rows) and len(rows) > 1:
            yield f"Areas go up to what the cheapest run of the table has spent: {' and '.join(limits)}.\n"
        told = tell_settings(runs)
        if told:
            yield from ["Settings that differ between runs of one preset:\n", *told, ""]
        yield from loops_table(rows)
