"""The page of `evokd eval`: metrics, a line per label, the confusion matrix."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from evokd.cli.markup import literal
from evokd.cli.views.layout import count, measure_table, print_table, say, say_heading

_REPORT = ("label", "precision", "recall", "f1", "rows")
_MOST = 10
"""Confusions that are listed where the matrix is too wide."""


def show_evaluation(console: Console, facts: Mapping[str, Any]) -> None:
    """Print how good a student is on a file (see `api.students.Student.evaluate`)."""
    for note in facts["notes"]:
        say(console, f"[yellow]note: {literal(note)}[/]")
    metric, interval = facts["metric"], facts["interval"]
    say_heading(console, f"{metric} {facts['metrics'][metric]:.3f}", count(facts["rows"], "row"))
    if interval is not None:
        say(console, f"95 % interval of {metric}: {interval['low']:.3f} to {interval['high']:.3f}")
    others = [f"{name} {value:.3f}" for name, value in facts["metrics"].items() if name != metric]
    say(console, literal(", ".join(others)))
    error = facts["calibration_error"]
    say(console, f"confidences are off by {error:.1%} on average (expected calibration error)")
    rows = [
        [literal(line["label"]), *(f"{line[key]:.3f}" for key in ("precision", "recall", "f1")), f"{line['support']:,}"]
        for line in facts["report"]
    ]
    print_table(console, _REPORT, rows)
    if "decisions" in facts:
        _show_decisions(console, facts)
    if "matrix" in facts:
        _show_matrix(console, facts)


def _show_decisions(console: Console, facts: Mapping[str, Any]) -> None:
    """Print how each label was decided, where a text has any number of them: there is no confusion matrix."""
    say_heading(
        console, "decisions", "texts in which the label was rightly or wrongly given, missed, or rightly left out"
    )
    keys = ("tp", "fp", "fn", "tn")
    rows = [[literal(line["label"]), *(f"{line[key]:,}" for key in keys)] for line in facts["decisions"]]
    print_table(console, ("label", "right", "wrong", "missed", "left out"), rows)


def _show_matrix(console: Console, facts: Mapping[str, Any]) -> None:
    """Print the matrix, its columns numbered as its rows; the most frequent confusions where it is too wide."""
    labels, matrix = facts["labels"], facts["matrix"]
    head = ["right \\ answered", *(str(number) for number in range(1, len(labels) + 1))]
    rows = [
        [f"{number} {literal(label)}", *(f"{count:,}" if count else "." for count in counts)]
        for number, (label, counts) in enumerate(zip(labels, matrix, strict=True), start=1)
    ]
    if measure_table(head, rows) + 2 <= console.width:
        say_heading(console, "confusion matrix", "a row per right label, a column per answer")
        print_table(console, head, rows)
    elif facts["confusions"]:
        say_heading(console, "confusions", "the most frequent")
        for item in facts["confusions"][:_MOST]:
            say(console, f"{item['count']} x {literal(item['gold'])} taken for {literal(item['predicted'])}", 2)
