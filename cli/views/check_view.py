"""The page of `evokd check`: domain, data, teacher and estimate of a planned run, and what was found about them."""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from evokd.cli.markup import literal
from evokd.cli.views.check_more import print_baseline, print_dry_calls, print_suspects
from evokd.cli.views.layout import count, print_table, say, say_heading, tell_cost
from evokd.cli.views.run_sentences import describe_batches, describe_estimate

LONGEST_ROW = 240
"""Characters of a row that are printed."""
_MOST_LABELS = 14
"""Labels of a split whose counts are printed."""
_UNCHECKED = {
    "suspects": "wrong labels (--suspects 10)",
    "baseline": "the score without a teacher (--baseline)",
    "dry_calls": "whether calls succeed (--dry-call, which is paid for)",
}
"""What takes time or money, by its key in the facts."""
_STYLES = {"error": "bold red", "warning": "yellow", "hint": "cyan"}


def print_check(console: Console, facts: Mapping[str, Any]) -> None:
    """Print the facts of a planned run (see `graph.checkup.describe`), then the findings, the heaviest first."""
    for line in _tell_data(facts):
        say(console, line, hang=2)
    print_statistics(console, facts["statistics"])
    for line in _tell_run(facts):
        say(console, line, hang=2)
    inside = f"{facts['folder']}{os.sep}"
    print_dry_calls(console, facts["dry_calls"])
    print_baseline(console, facts["baseline"])
    print_suspects(console, facts["suspects"], inside)
    print_findings(console, facts["findings"], inside)
    left = [told for key, told in _UNCHECKED.items() if facts[key] is None]
    if left:
        say(console, f"[dim]not checked: {', '.join(left)}[/]", hang=2)


def _tell_data(facts: Mapping[str, Any]) -> list[str]:
    data = facts["data"]
    return [
        f"[bold]{literal(facts['domain'])}[/] ({facts['task']}, {facts['metric']}) in {literal(facts['folder'])}",
        f"labels: {literal(', '.join(facts['labels']))}",
        f"data: {data['seeds']:,} seeds, {data['validation']:,} validation, {data['test']:,} test"
        + (f", {data['pool']:,} unlabelled" if data["pool"] else "")
        + (f", {data['corpus']:,} rehearsal texts" if data["corpus"] else ""),
        *(line for file in facts["files"] for line in _tell_file(file)),
        *(f"note: {literal(note)}" for note in facts["remarks"]),
    ]


def _tell_run(facts: Mapping[str, Any]) -> list[str]:
    lines = [
        f"prompts: {literal(', '.join(f'{role} {name}' for role, name in facts['prompts'].items()))}",
        *(f"the domain's own prompt: {literal(prompt)}" for prompt in facts["own_prompts"]),
        *(f"prompt: {literal(finding)}" for finding in facts["prompt_findings"]),
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
    lines += describe_batches(estimate)
    for role, part in estimate["roles"].items():
        tokens = f"{part['input_tokens']:,} read, {part['output_tokens']:,} written"
        lines.append(f"  {role}: {count(part['calls'], 'call')}, {tokens} ({tell_cost(part['cost_usd'])})")
    return lines


def print_statistics(console: Console, statistics: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the figures of the labelled splits: balance of labels, lengths, repeats."""
    for split, figures in statistics.items():
        say(console, f"{split}: {literal(_tell_balance(figures))}", hang=2)
    head = ("texts", "rows", "words", "sub-words", "cut", "repeated", "nearly")
    rows = []
    for split, figures in statistics.items():
        cut = "" if figures["cut"] is None else f"{figures['cut']:,}"
        lengths = [_tell_lengths(figures["words"]), _tell_lengths(figures["sub_words"])]
        repeats = [f"{figures['repeated']:,}", f"{figures['near_repeated']:,}"]
        rows.append((split, f"{figures['rows']:,}", *lengths, cut, *repeats))
    print_table(console, head, rows)
    say(console, "lengths: median, 95th percentile, longest; cut: longer than the student reads at once", 2)


def print_findings(console: Console, findings: Sequence[Mapping[str, Any]], inside: str) -> None:
    """Print findings, each with how to mend it; of files in the domain's folder (`inside`) the names alone."""
    counts = Counter(finding["level"] for finding in findings)
    told = ", ".join(count(number, level) for level, number in counts.items()) or "nothing found"
    say_heading(console, "findings", told)
    for finding in findings:
        style = _STYLES[finding["level"]]
        place = f"{literal(finding['place'].removeprefix(inside))}: " if finding["place"] else ""
        say(console, f"[{style}]{finding['level']}[/] {place}{literal(finding['text'])}", hang=2)
        say(console, f"-> {literal(finding['mend'].replace(inside, ''))}", 2, 3)


def _tell_balance(figures: Mapping[str, Any]) -> str:
    labels = figures["labels"]
    what = "examples" if figures["without_entities"] is None else "entities"
    if len(set(labels.values())) == 1:
        each = next(iter(labels.values()))
        one = "1 example" if what == "examples" else "1 entity"
        return f"{count(figures['rows'], 'row')}, {one if each == 1 else f'{each:,} {what}'} of each label"
    counts = sorted(labels.items(), key=lambda item: -item[1])
    shown = counts if len(counts) <= _MOST_LABELS else [*counts[: _MOST_LABELS - 4], *counts[-4:]]
    left = len(counts) - len(shown)
    told = ", ".join(f"{label} {number:,}" for label, number in shown) + (f" ({left} left out)" if left else "")
    ratio = f"; ratio {figures['ratio']:g}" if figures["ratio"] else ""
    empty = figures["without_entities"] or figures["without_labels"]
    without = f"; {empty:,} texts without any" if empty else ""
    return f"{count(figures['rows'], 'row')}; {what}: {told}{ratio}{without}"


def _tell_lengths(lengths: Mapping[str, int] | None) -> str:
    return "" if lengths is None else f"{lengths['median']:,} / {lengths['p95']:,} / {lengths['longest']:,}"


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
