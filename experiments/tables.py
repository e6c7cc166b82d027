"""Tables of a backtest's report, in Markdown."""

import statistics
from collections.abc import Mapping, Sequence

from evokd.experiments.measures import median_reach, value_at
from evokd.experiments.results import Measured, pair
from evokd.experiments.statistics import Difference, compare

MEASURES = {
    "area_tokens": "area over tokens",
    "area_samples": "area over samples",
    "final": "score at the end",
    "share": "share of full-shot",
}
MARKS = (2_500, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 40_000, 60_000, 80_000, 120_000, 160_000)
"""Tokens at which scores are told."""


def write_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a Markdown table, as lines with an empty one behind."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    return [lines[0], "|" + "---|" * len(head), *lines[1:], ""]


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean and standard deviation over seeds; `-` where there is nothing."""
    if not values:
        return "-"
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{deviation}"


def tell_difference(found: Difference) -> str:
    """Write a difference with its interval, in bold where the interval leaves 0 out."""
    if found.low is None or found.high is None:
        return f"{found.mean:+.3f}"
    told = f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
    return f"**{told}**" if found.sign else told


def tell_reach(found: Sequence[float | None]) -> str:
    """Write what was spent until a score was reached: the median over seeds, and how many got there."""
    if not found:
        return "-"
    median, got = median_reach(found), sum(value is not None for value in found)
    counted = "" if got == len(found) else f" ({got} of {len(found)})"
    return ("not reached" if median is None else f"{median:,.0f}") + counted


def scores_table(measured: Sequence[Measured], columns: Sequence[str]) -> list[str]:
    """Scores per column, of one domain and condition."""
    head = ["column", "n", "start", "end", "full-shot", "share", "area/tokens", "area/samples", "tokens", "samples"]
    rows = []
    for column in columns:
        own = [item for item in measured if item.cell.column == column]
        if not own:
            continue
        full = [item.full for item in own if item.full is not None and item.outcome.ceiling is not None]
        share = [item.share for item in own if item.share is not None]
        tokens = [item.area_tokens for item in own if item.area_tokens is not None]
        rows.append(
            [
                column,
                str(len(own)),
                spread([item.start for item in own]),
                spread([item.final for item in own]),
                spread(full),
                f"{statistics.mean(share):.1%}" if share else "-",
                spread(tokens),
                spread([item.area_samples for item in own]),
                f"{statistics.mean(item.tokens for item in own):,.0f}",
                f"{statistics.mean(item.samples for item in own):,.0f}",
            ]
        )
    return write_table(head, rows)


def tokens_table(measured: Sequence[Measured], columns: Sequence[str]) -> list[str]:
    """Scores when so many tokens were spent, per column, the mean over domains and seeds; nothing where none were."""
    most = max((item.tokens for item in measured), default=0)
    marks = [mark for mark in MARKS if mark <= most]
    if not marks:
        return []
    rows = []
    for column in columns:
        own = [item.outcome.curve("tokens") for item in measured if item.cell.column == column]
        if own:
            rows.append([column, *(f"{statistics.mean(value_at(curve, mark) for curve in own):.3f}" for mark in marks)])
    return write_table(["tokens", *(f"{mark:,}" for mark in marks)], rows)


def reach_table(measured: Sequence[Measured], columns: Sequence[str]) -> list[str]:
    """Samples and tokens until shares of the full-shot score, per column; nothing where there is no full-shot score."""
    shares = sorted({share for item in measured for share in item.reached["samples"]})
    if not shares:
        return []
    units = [(over, share) for over in ("tokens", "samples") for share in shares]
    rows = []
    for column in columns:
        own = [item for item in measured if item.cell.column == column and item.full is not None]
        if own:
            rows.append([column, *(tell_reach([item.reached[over][share] for item in own]) for over, share in units)])
    return write_table(["column", *(f"{over} to {share:.0%}" for over, share in units)], rows)


def difference_table(measured: Sequence[Measured], columns: Sequence[str]) -> list[str]:
    """Paired differences: the first column minus each other one, for every measure, over all cells given."""
    first, others = columns[0], columns[1:]
    rows = []
    for other in others:
        row = [f"{first} - {other}"]
        count = 0
        for value in MEASURES:
            pairs = pair(measured, first, other, value)
            row.append(tell_difference(compare(pairs)) if pairs else "-")
            count = max(count, sum(map(len, pairs.values())))
        if count:
            rows.append([row[0], str(count), *row[1:]])
    return write_table(["difference", "pairs", *MEASURES.values()], rows) if rows else []


def label_table(measured: Sequence[Measured], columns: Sequence[str]) -> list[str]:
    """F1 per label at the end of the budget, per column, and the first column minus each other one."""
    own = {column: [item for item in measured if item.cell.column == column] for column in columns}
    own = {column: items for column, items in own.items() if items}
    labels = list(dict.fromkeys(label for item in measured for label in _labels(item)))
    first, *others = own
    rows = []
    for label in labels:
        means = {column: [_labels(item).get(label, 0.0) for item in items] for column, items in own.items()}
        row = [label, *(spread(values) for values in means.values())]
        for other in others:
            pairs = _pair_label(own[first], own[other], label)
            row.append(tell_difference(compare({"": pairs})) if pairs else "-")
        rows.append(row)
    return write_table(["label", *own, *(f"{first} - {other}" for other in others)], rows)


def _labels(item: Measured) -> Mapping[str, float]:
    found: Mapping[str, float] = item.outcome.points[-1]["labels"]
    return found


def _pair_label(first: Sequence[Measured], second: Sequence[Measured], label: str) -> list[float]:
    known = {item.cell.seed: _labels(item).get(label, 0.0) for item in second}
    return [
        _labels(item).get(label, 0.0) - known[item.cell.seed]
        for item in sorted(first, key=lambda item: item.cell.seed)
        if item.cell.seed in known
    ]
