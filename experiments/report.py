"""The report of an experiment: report.md for people, report.json with every number in it."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evokd.experiments.chart_data import make_chart_data
from evokd.experiments.charts import HINT, KINDS, ChartData, can_draw, draw
from evokd.experiments.driver import Results
from evokd.experiments.results import SHARES, Key, Measured, measure, pair
from evokd.experiments.spec import Experiment
from evokd.experiments.statistics import LEVEL, RESAMPLES, compare_pairs
from evokd.experiments.tables import MEASURES, difference_table, label_table, reach_table, scores_table, tokens_table
from evokd.messages.escape import clean
from evokd.messages.files import write_atomically
from evokd.tracing.files import write_json

NOTICES = {
    "rehearsal": "The teacher was the rehearsal teacher: no language model was called. Its texts and labels come from"
    " each domain's labelled corpus.",
    "recorded": "The teacher was a recorded language model: its texts and labels were given earlier and are handed out"
    " again, what the Analyst says is computed.",
}


def write_report(
    experiment: Experiment, results: Results, out: Path, command: str, shares: Sequence[float] = SHARES
) -> dict[str, Any]:
    """Write `report.json` and `report.md`; returns what is in the first.

    Args:
        experiment: the planned runs.
        results: what they have brought.
        out: the experiment's folder.
        command: how to make it again.
        shares: shares of the full-shot score to find the cost of.
    """
    measured = measure(results.outcomes, shares)
    arms = [arm.name for arm in experiment.arms]
    charts = _make_charts(experiment, measured, arms) if can_draw() else {}
    drawn = [chart for group in charts.values() for chart in group]
    record = _make_record(experiment, results, measured, command)
    record["pictures"] = [f"{chart.name}{kind}" for chart in drawn for kind in KINDS]
    stale = _read_pictures(out) - set(record["pictures"])
    write_json(out / "report.json", record)
    for chart in drawn:
        draw(chart, out / "pictures")
    for name in stale:
        (out / "pictures" / name).unlink(missing_ok=True)
    text = "\n".join(_pages(experiment, measured, record, charts))
    write_atomically(out / "report.md", text.rstrip() + "\n")
    return record


def _make_record(
    experiment: Experiment, results: Results, measured: Sequence[Measured], command: str
) -> dict[str, Any]:
    """Make the content of `report.json`.

    Its keys stay as they are, since scripts read them: `cells` are runs, `columns` and `column` are arms.
    """
    done = {item.run.id for item in measured}
    full_shot = []
    for (domain, seed), baseline in results.baselines.items():
        full_shot.append({"domain": domain, "seed": seed, **baseline})
    return {
        "command": command,
        "rehearsal": experiment.rehearsal,
        "setting": describe_setting(experiment),
        "columns": [asdict(arm) for arm in experiment.arms],
        "notes": list(_data_notes(experiment)),
        "cells": [_run_record(item) for item in measured],
        "missing": [run.id for run in experiment.runs if run.id not in done],
        "full_shot": full_shot,
        "differences": list(_differences(measured, [arm.name for arm in experiment.arms])),
    }


def _data_notes(experiment: Experiment) -> Iterator[str]:
    """What is odd about the data, with the names of domains in place of the paths of their folders."""
    for domain in experiment.domains.values():
        for note in domain.notes:
            yield clean(note.replace(f"{domain.folder}{os.sep}", f"{domain.file.name}/"))


def _read_pictures(out: Path) -> set[str]:
    """Names of the pictures of the report that is to be replaced."""
    try:
        names = json.loads((out / "report.json").read_bytes())["pictures"]
        return {Path(name).name for name in names}
    except (OSError, ValueError, KeyError, TypeError):  # no report, or a damaged one
        return set()


def _make_charts(
    experiment: Experiment, measured: Sequence[Measured], arms: Sequence[str]
) -> dict[Key, list[ChartData]]:
    """Make the chart data of every domain and condition."""
    charts = {}
    for key, items in by_key(measured).items():
        condition = describe_condition(experiment, key[1:])
        charts[key] = list(make_chart_data(key, items, arms, condition, experiment.rehearsal))
    return charts


def describe_setting(experiment: Experiment) -> dict[str, Any]:
    """What all runs have in common, and how many rows they were given."""
    settings = experiment.runs[0].settings
    limit = settings["rows"]["validation"]
    validation_rows = {}
    for domain in experiment.domains.values():
        validation_rows[domain.file.name] = len(domain.validation) if limit is None else limit
    return {
        "shots": settings["rows"]["shots"],
        "validation": limit,
        "validation_rows": validation_rows,
        "budget_tokens": settings["budget"]["tokens"],
        "budget_samples": settings["budget"]["samples"],
        "student": settings["student"]["base"],
        "tune": settings["student"]["tune"],
        "teacher": settings["teacher"]["model"],
        "slips": settings["rehearsal"]["slips"],
        "seeds": sorted({run.seed for run in experiment.runs}),
    }


def _run_record(item: Measured) -> dict[str, Any]:
    run = item.run
    reached = {}
    for over, spent in item.reached.items():
        reached[over] = {f"{share:g}": amount for share, amount in spent.items()}
    return {
        "id": run.id,
        "domain": run.domain,
        "column": run.arm,
        "preset": run.preset,
        "seed": run.seed,
        "typicality": run.typicality,
        "noise": run.noise,
        "metric": run.metric,
        "start": item.start,
        "final": item.final,
        "full": item.full,
        "share": item.share,
        "area_samples": item.area_samples,
        "area_tokens": item.area_tokens,
        "reached": reached,
        "samples": item.samples,
        "tokens": item.tokens,
        "stop_reason": item.outcome.stop_reason,
        "seconds": item.outcome.totals["seconds"],
        "points": list(item.outcome.points),
    }


def by_key(measured: Sequence[Measured]) -> dict[Key, list[Measured]]:
    """Runs by domain and condition, in their order."""
    groups: dict[Key, list[Measured]] = {}
    for item in measured:
        groups.setdefault(item.outcome.key, []).append(item)
    return groups


def by_condition(measured: Sequence[Measured]) -> dict[tuple[float, float], list[Measured]]:
    """Runs of all domains by condition."""
    groups: dict[tuple[float, float], list[Measured]] = {}
    for item in measured:
        groups.setdefault(item.run.condition, []).append(item)
    return groups


def _differences(measured: Sequence[Measured], arms: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The first arm minus each other one: per domain and condition, then over all domains."""
    for (domain, typicality, noise), items in by_key(measured).items():
        scope = {"domain": domain, "typicality": typicality, "noise": noise}
        yield from _group_differences(scope, items, arms)
    for (typicality, noise), items in by_condition(measured).items():
        scope = {"domain": None, "typicality": typicality, "noise": noise}
        yield from _group_differences(scope, items, arms)


def _group_differences(
    scope: Mapping[str, Any], items: Sequence[Measured], arms: Sequence[str]
) -> Iterator[dict[str, Any]]:
    first, *others = arms
    for other in others:
        for value in MEASURES:
            pairs = pair(items, first, other, value)
            if pairs:
                yield {**scope, "first": first, "second": other, "measure": value, **asdict(compare_pairs(pairs))}


def _pages(
    experiment: Experiment,
    measured: Sequence[Measured],
    record: Mapping[str, Any],
    charts: Mapping[Key, Sequence[ChartData]],
) -> Iterator[str]:
    arms = [arm.name for arm in experiment.arms]
    yield "# Experiment\n"
    yield from _head(experiment, record)
    if len(arms) > 1 and len(experiment.domains) > 1:
        yield "## Over all domains\n"
        for condition, items in by_condition(measured).items():
            yield f"### {describe_condition(experiment, condition)}\n"
            yield from tokens_table(items, arms)
            yield from difference_table(items, arms)
    for key, items in by_key(measured).items():
        domain, setting = key[0], describe_condition(experiment, key[1:])
        yield f"## {domain}: {setting}\n"
        yield f"Scores are {items[0].run.metric} on test data, mean ± standard deviation over seeds.\n"
        for chart in charts.get(key, ()):
            yield f"![{chart.name}](pictures/{chart.name}.svg)\n"
        yield from scores_table(items, arms)
        yield from tokens_table(items, arms)
        yield from reach_table(items, arms)
        yield from difference_table(items, arms)
        yield f"F1 per label at the end of the budget ({domain}, {setting}):\n"
        yield from label_table(items, arms)


def describe_condition(experiment: Experiment, condition: tuple[float, float]) -> str:
    """Name a condition, and the labelled data that the loop was given."""
    setting = describe_setting(experiment)
    typicality, noise = condition
    shots = "the domain's seeds" if setting["shots"] is None else f"{_count(setting['shots'], 'shot')} per label"
    rows = {None: "all validation rows", 0: "no validation rows"}
    validation = rows.get(setting["validation"], _count(setting["validation"], "validation row"))
    slips = f", slips {setting['slips']:g}" if setting["slips"] else ""
    teacher = f", typicality {typicality:g}, noise {noise:g}{slips}" if experiment.rehearsal else ""
    return f"{shots}, {validation}{teacher}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _head(experiment: Experiment, record: Mapping[str, Any]) -> Iterator[str]:
    setting = record["setting"]
    if setting["teacher"] in NOTICES:
        yield f"**{NOTICES[setting['teacher']]}**\n"
    yield f"- Command: `{record['command']}`"
    yield f"- Student: {setting['student']}, tune {setting['tune']}; teacher: {setting['teacher']}"
    budget = [f"{setting[f'budget_{unit}']:,} {unit}" for unit in ("tokens", "samples") if setting[f"budget_{unit}"]]
    yield f"- Budget: {', '.join(budget)}; seeds: {', '.join(map(str, setting['seeds']))}"
    for note in record["notes"]:
        yield f"- Note: {note}"
    for arm in record["columns"]:
        under = f" under {', '.join(arm['changes'])}" if arm["changes"] else ""
        yield f"- Arm {arm['name']}: preset {arm['preset']}{under}"
    if not can_draw():
        yield f"- No pictures: {HINT}"
    if record["missing"]:
        yield f"- **{len(record['missing'])} of {len(experiment.runs)} runs are missing**; their pairs are left out."
    yield (
        f"\nDifferences are paired by domain and seed, with {LEVEL:.0%} percentile intervals of {RESAMPLES:,} bootstrap"
        " resamples over seeds; bold where the interval leaves 0 out. How to read the tables: docs/bench.md.\n"
    )
