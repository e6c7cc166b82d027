"""The report of a backtest: report.md for people, report.json with every number in it."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evokd.experiments.chart_data import make_sheets
from evokd.experiments.charts import HINT, KINDS, Sheet, can_draw, draw
from evokd.experiments.driver import Results
from evokd.experiments.results import SHARES, Key, Measured, measure, pair
from evokd.experiments.spec import Experiment
from evokd.experiments.statistics import LEVEL, RESAMPLES, compare
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
    backtest: Experiment, results: Results, out: Path, command: str, shares: Sequence[float] = SHARES
) -> dict[str, Any]:
    """Write `report.json` and `report.md`; returns what is in the first.

    Args:
        backtest: the planned cells.
        results: what they have brought.
        out: the backtest's folder.
        command: how to make it again.
        shares: shares of the full-shot score whose price is asked for.
    """
    measured = measure(results.outcomes, shares)
    columns = [column.name for column in backtest.columns]
    record = {
        "command": command,
        "rehearsal": backtest.rehearsal,
        "setting": describe_setting(backtest),
        "columns": [asdict(column) for column in backtest.columns],
        "notes": [
            clean(note.replace(f"{domain.folder}{os.sep}", f"{domain.file.name}/"))
            for domain in backtest.domains.values()
            for note in domain.notes
        ],
        "cells": [_row(item) for item in measured],
        "missing": [cell.id for cell in backtest.cells if cell.id not in {item.cell.id for item in measured}],
        "full_shot": [{"domain": domain, "seed": seed, **found} for (domain, seed), found in results.ceilings.items()],
        "differences": list(_differences(measured, columns)),
    }
    sheets = _make_sheets(backtest, measured, columns) if can_draw() else {}
    drawn = [sheet for each in sheets.values() for sheet in each]
    names = [f"{sheet.name}{kind}" for sheet in drawn for kind in KINDS]
    record["pictures"] = names
    stale = _read_pictures(out) - set(names)
    write_json(out / "report.json", record)
    for sheet in drawn:
        draw(sheet, out / "pictures")
    for name in stale:
        (out / "pictures" / name).unlink(missing_ok=True)
    text = "\n".join(_pages(backtest, measured, record, columns, sheets))
    write_atomically(out / "report.md", text.rstrip() + "\n")
    return record


def _read_pictures(out: Path) -> set[str]:
    """Names of the pictures of the report that is to be replaced."""
    try:
        names = json.loads((out / "report.json").read_bytes())["pictures"]
        return {Path(name).name for name in names}
    except (OSError, ValueError, KeyError, TypeError):  # no report, or one that nobody can read any more
        return set()


def _make_sheets(backtest: Experiment, measured: Sequence[Measured], columns: Sequence[str]) -> dict[Key, list[Sheet]]:
    """Make the sheets of every domain and condition."""
    return {
        key: list(make_sheets(key, items, columns, tell_condition(backtest, key[1:]), backtest.rehearsal))
        for key, items in by_key(measured).items()
    }


def describe_setting(backtest: Experiment) -> dict[str, Any]:
    """What all cells have in common, and how many rows they were given."""
    settings = backtest.cells[0].settings
    return {
        "shots": settings["rows"]["shots"],
        "validation": settings["rows"]["validation"],
        "validation_rows": {
            domain.file.name: len(domain.validation)
            if settings["rows"]["validation"] is None
            else settings["rows"]["validation"]
            for domain in backtest.domains.values()
        },
        "budget_tokens": settings["budget"]["tokens"],
        "budget_samples": settings["budget"]["samples"],
        "student": settings["student"]["base"],
        "tune": settings["student"]["tune"],
        "teacher": settings["teacher"]["model"],
        "slips": settings["rehearsal"]["slips"],
        "seeds": sorted({cell.seed for cell in backtest.cells}),
    }


def _row(item: Measured) -> dict[str, Any]:
    cell = item.cell
    return {
        "id": cell.id,
        "domain": cell.domain,
        "column": cell.column,
        "preset": cell.preset,
        "seed": cell.seed,
        "typicality": cell.typicality,
        "noise": cell.noise,
        "metric": cell.metric,
        **{key: getattr(item, key) for key in ("start", "final", "full", "share", "area_samples", "area_tokens")},
        "reached": {over: {f"{share:g}": x for share, x in found.items()} for over, found in item.reached.items()},
        "samples": item.samples,
        "tokens": item.tokens,
        "stop_reason": item.outcome.stop_reason,
        "seconds": item.outcome.totals["seconds"],
        "points": list(item.outcome.points),
    }


def by_key(measured: Sequence[Measured]) -> dict[Key, list[Measured]]:
    """Cells by what they are compared within, in their order."""
    groups: dict[Key, list[Measured]] = {}
    for item in measured:
        groups.setdefault(item.outcome.key, []).append(item)
    return groups


def by_condition(measured: Sequence[Measured]) -> dict[tuple[float, float], list[Measured]]:
    """Cells of all domains by typicality and noise."""
    groups: dict[tuple[float, float], list[Measured]] = {}
    for item in measured:
        groups.setdefault(item.cell.condition, []).append(item)
    return groups


def _differences(measured: Sequence[Measured], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The first column minus each other one: per domain and condition, then over all domains."""
    groups: list[tuple[str | None, tuple[float, float], list[Measured]]] = [
        (domain, (typicality, noise), items) for (domain, typicality, noise), items in by_key(measured).items()
    ]
    groups += [(None, condition, items) for condition, items in by_condition(measured).items()]
    for domain, (typicality, noise), items in groups:
        for other in columns[1:]:
            for value in MEASURES:
                pairs = pair(items, columns[0], other, value)
                if pairs:
                    yield {
                        "domain": domain,
                        "typicality": typicality,
                        "noise": noise,
                        "first": columns[0],
                        "second": other,
                        "measure": value,
                        **asdict(compare(pairs)),
                    }


def _pages(
    backtest: Experiment,
    measured: Sequence[Measured],
    record: Mapping[str, Any],
    columns: Sequence[str],
    sheets: Mapping[Key, Sequence[Sheet]],
) -> Iterator[str]:
    yield "# Backtest\n"
    yield from _head(backtest, record)
    conditions = by_condition(measured)
    if len(columns) > 1 and len(backtest.domains) > 1:
        yield "## Over all domains\n"
        for condition, items in conditions.items():
            yield f"### {tell_condition(backtest, condition)}\n"
            yield from tokens_table(items, columns)
            yield from difference_table(items, columns)
    for (domain, typicality, noise), items in by_key(measured).items():
        told = tell_condition(backtest, (typicality, noise))
        yield f"## {domain}: {told}\n"
        yield f"Scores are {items[0].cell.metric} on test data, mean ± standard deviation over seeds.\n"
        for sheet in sheets.get((domain, typicality, noise), ()):
            yield f"![{sheet.name}](pictures/{sheet.name}.svg)\n"
        yield from scores_table(items, columns)
        yield from tokens_table(items, columns)
        yield from reach_table(items, columns)
        yield from difference_table(items, columns)
        yield from [f"F1 per label at the end of the budget ({domain}, {told}):\n", *label_table(items, columns)]


def tell_condition(backtest: Experiment, condition: tuple[float, float]) -> str:
    """Name a condition, and the labelled data that the loop was given."""
    setting = describe_setting(backtest)
    shots = "the domain's seeds" if setting["shots"] is None else f"{_count(setting['shots'], 'shot')} per label"
    rows = {None: "all validation rows", 0: "no validation rows"}
    validation = rows.get(setting["validation"], _count(setting["validation"], "validation row"))
    slips = f", slips {setting['slips']:g}" if setting["slips"] else ""
    teacher = f", typicality {condition[0]:g}, noise {condition[1]:g}{slips}" if backtest.rehearsal else ""
    return f"{shots}, {validation}{teacher}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _head(backtest: Experiment, record: Mapping[str, Any]) -> Iterator[str]:
    setting = record["setting"]
    if setting["teacher"] in NOTICES:
        yield f"**{NOTICES[setting['teacher']]}**\n"
    yield f"- Command: `{record['command']}`"
    yield f"- Student: {setting['student']}, tune {setting['tune']}; teacher: {setting['teacher']}"
    budget = [f"{setting[f'budget_{unit}']:,} {unit}" for unit in ("tokens", "samples") if setting[f"budget_{unit}"]]
    yield f"- Budget: {', '.join(budget)}; seeds: {', '.join(map(str, setting['seeds']))}"
    for note in record["notes"]:
        yield f"- Note: {note}"
    for column in record["columns"]:
        under = f" under {', '.join(column['changes'])}" if column["changes"] else ""
        yield f"- Column {column['name']}: preset {column['preset']}{under}"
    if not can_draw():
        yield f"- No pictures: {HINT}"
    if record["missing"]:
        yield f"- **{len(record['missing'])} of {len(backtest.cells)} cells are missing**; their pairs are left out."
    yield (
        f"\nDifferences are paired by domain and seed, with {LEVEL:.0%} percentile intervals of {RESAMPLES:,} bootstrap"
        " resamples over seeds; bold where the interval leaves 0 out. How to read the tables: docs/bench.md.\n"
    )
