"""The page of `evokd check`: domain, data, teacher and estimate of a planned run."""

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from evokd.cli.markup import literal, paint
from evokd.cli.views.run_sentences import describe_estimate

LONGEST_ROW = 240
"""Characters of a row that are printed."""


def print_check(console: Console, facts: Mapping[str, Any]) -> None:
    """Print the facts of a planned run (see `graph.check.describe_domain`), one per line."""
    for line in _tell(facts):
        console.print(paint(line), highlight=False, soft_wrap=True)


def _tell(facts: Mapping[str, Any]) -> list[str]:
    data = facts["data"]
    lines = [
        f"[bold]{literal(facts['domain'])}[/] ({facts['task']}, {facts['metric']}) in {literal(facts['folder'])}",
        f"labels: {literal(', '.join(facts['labels']))}",
        f"data: {data['seeds']} seeds, {data['validation']} validation, {data['test']} test"
        + (f", {data['pool']} unlabelled" if data["pool"] else "")
        + (f", {data['corpus']} rehearsal texts" if data["corpus"] else ""),
        *(line for file in facts["files"] for line in _tell_file(file)),
        *(f"note: {literal(note)}" for note in facts["notes"]),
        *(f"advice: {literal(advice)}" for advice in facts["advice"]),
        f"prompts: {literal(', '.join(f'{role} {name}' for role, name in facts['prompts'].items()))}",
        *(f"the domain's own prompt: {literal(prompt)}" for prompt in facts["own_prompts"]),
        f"student: {literal(facts['student'])}; preset {facts['preset']}",
    ]
    for teacher in facts["teacher"]:
        where = f" at {literal(teacher['address'])}" if teacher["address"] else ""
        roles = "" if len(facts["teacher"]) == 1 else f" for {', '.join(teacher['roles'])}"
        lines.append(f"teacher{roles}: {literal(teacher['model'])}{where}: {literal(teacher['state'])}")
    limits = [f"{key} {value}" for key, value in _flatten(facts["budget"], "budget") if value is not None]
    limits += [f"stop.{key} {value}" for key, value in facts["stop"].items() if value is not None]
    lines.append(f"ends at: {', '.join(limits)}")
    estimate = facts["estimate"]
    lines.append(f"[bold]{describe_estimate(estimate)}[/]")
    for role, part in estimate["roles"].items():
        cost = "price unknown" if part["cost_usd"] is None else f"{part['cost_usd']:.4f} USD"
        tokens = f"{part['input_tokens']:,} read, {part['output_tokens']:,} written"
        lines.append(f"  {role}: {part['calls']} calls, {tokens} ({cost})")
    return lines


def _tell_file(file: Mapping[str, Any]) -> list[str]:
    """Describe how a data file was read, with its first rows."""
    lines = [f"{file['split']}: {literal(file['path'])}: {literal(file['told'])}"]
    for row in file["first"]:
        lines.append(f"  {literal(_shorten(json.dumps(row, ensure_ascii=False)))}")
    return lines


def _shorten(row: str) -> str:
    """Leave out the middle of a long row: the answer is at its end."""
    half = LONGEST_ROW // 2
    return row if len(row) <= LONGEST_ROW else f"{row[:half]} ... {row[-half:]}"


def _flatten(tree: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in tree.items():
        path = f"{prefix}.{key}"
        flat += _flatten(value, path) if isinstance(value, Mapping) else [(path, value)]
    return flat
