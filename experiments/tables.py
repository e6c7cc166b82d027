"""Tables of an experiment's report, in Markdown."""

import statistics
from collections.abc import Mapping, Sequence

from evokd.experiments.measures import median_reach, value_at
from evokd.experiments.results import Measured, pair
from evokd.experiments.statistics import Difference, compare_pairs

MEASURES = {
    "area_tokens": "area over tokens",
    "area_samples": "area over samples",
    "final": "score at the end",
    "share": "share of full-shot",
}
MARKS = (2_500, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000, 40_000, 60_000, 80_000, 120_000, 160_000)
"""Tokens spent at which scores are shown."""


def write_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a Markdown table, as lines with an empty one at the end."""
    lines = []
    for row in (head, *rows):
        cells = [cell.replace("|", "\\|") for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return [lines[0], "|" + "---|" * len(head), *lines[1:], ""]


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Mean and standard deviation over seeds; `-` where there are none."""
    if not values:
        return "-"
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{deviation}"


def format_difference(difference: Difference) -> str:
    """Write a difference with its interval, in bold where the interval excludes 0."""
    if difference.low is None or difference.high is None:
        return f"{difference.mean:+.3f}"
    text = f"{difference.mean:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
    return f"**{text}**" if difference.sign else text


def format_reach(spent: Sequence[float | None]) -> str:
    """Write what was spent until a score was reached: the median over seeds, and how many reached it.

    Args:
        spent: tokens or samples per seed; None: the seed never reached the score.
    """
    if not spent:
        return "-"
    median = median_reach(spent)
    count = sum(value is not None for value in spent)
    some = "" if count == len(spent) else f" ({count} of {len(spent)})"
    return ("not reached" if median is None else f"{median:,.0f}") + some


def of_arm(measured: Sequence[Measured], arm: str) -> list[Measured]:
    """The measured runs of one arm, in their order."""
    return [item for item in measured if item.run.arm == arm]


def scores_table(measured: Sequence[Measured], arms: Sequence[str]) -> list[str]:
    """Scores per arm, of one domain and condition."""
    head = ["arm", "n", "start", "end", "full-shot", "share", "area/tokens", "area/samples", "tokens", "samples"]
    rows = [_scores_row(arm, items) for arm in arms if (items := of_arm(measured, arm))]
    return write_table(head, rows)


def _scores_row(arm: str, items: Sequence[Measured]) -> list[str]:
    full = [item.full for item in items if item.full is not None and item.outcome.baseline is not None]
    shares = [item.share for item in items if item.share is not None]
    token_areas = [item.area_tokens for item in items if item.area_tokens is not None]
    return [
        arm,
        str(len(items)),
        spread([item.start for item in items]),
        spread([item.final for item in items]),
        spread(full),
        f"{statistics.mean(shares):.1%}" if shares else "-",
        spread(token_areas),
        spread([item.area_samples for item in items]),
        f"{statistics.mean(item.tokens for item in items):,.0f}",
        f"{statistics.mean(item.samples for item in items):,.0f}",
    ]


def tokens_table(measured: Sequence[Measured], arms: Sequence[str]) -> list[str]:
    """Scores at marks of tokens spent, per arm: means over domains and seeds; no lines where no mark was reached."""
    most = max((item.tokens for item in measured), default=0)
    marks = [mark for mark in MARKS if mark <= most]
    if not marks:
        return []
    rows = []
    for arm in arms:
        curves = [item.outcome.curve("tokens") for item in of_arm(measured, arm)]
        if curves:
            scores = [statistics.mean(value_at(curve, mark) for curve in curves) for mark in marks]
            rows.append([arm, *(f"{score:.3f}" for score in scores)])
    return write_table(["tokens", *(f"{mark:,}" for mark in marks)], rows)


def reach_table(measured: Sequence[Measured], arms: Sequence[str]) -> list[str]:
    """Samples and tokens until shares of the full-shot score, per arm; no lines where there is no full-shot score."""
    shares = sorted({share for item in measured for share in item.reached["samples"]})
    if not shares:
        return []
    goals = [(over, share) for over in ("tokens", "samples") for share in shares]
    rows = []
    for arm in arms:
        items = [item for item in of_arm(measured, arm) if item.full is not None]
        if items:
            spent = [[item.reached[over][share] for item in items] for over, share in goals]
            rows.append([arm, *map(format_reach, spent)])
    return write_table(["arm", *(f"{over} to {share:.0%}" for over, share in goals)], rows)


def difference_table(measured: Sequence[Measured], arms: Sequence[str]) -> list[str]:
    """Paired differences: the first arm minus each other one, for every measure, over all runs given."""
    first, others = arms[0], arms[1:]
    rows = []
    for other in others:
        differences = []
        count = 0
        for value in MEASURES:
            pairs = pair(measured, first, other, value)
            differences.append(format_difference(compare_pairs(pairs)) if pairs else "-")
            count = max(count, sum(map(len, pairs.values())))
        if count:
            rows.append([f"{first} - {other}", str(count), *differences])
    return write_table(["difference", "pairs", *MEASURES.values()], rows) if rows else []


def label_table(measured: Sequence[Measured], arms: Sequence[str]) -> list[str]:
    """F1 per label at the end of the budget, per arm, and the first arm minus each other one."""
    by_arm = {arm: items for arm in arms if (items := of_arm(measured, arm))}
    labels = list(dict.fromkeys(label for item in measured for label in _label_scores(item)))
    first, *others = by_arm
    rows = []
    for label in labels:
        row = [label]
        for items in by_arm.values():
            row.append(spread([_label_scores(item).get(label, 0.0) for item in items]))
        for other in others:
            differences = _label_differences(by_arm[first], by_arm[other], label)
            row.append(format_difference(compare_pairs({"": differences})) if differences else "-")
        rows.append(row)
    return write_table(["label", *by_arm, *(f"{first} - {other}" for other in others)], rows)


def _label_scores(item: Measured) -> Mapping[str, float]:
    scores: Mapping[str, float] = item.outcome.points[-1]["labels"]
    return scores


def _label_differences(first: Sequence[Measured], second: Sequence[Measured], label: str) -> list[float]:
    """F1 of a label, first minus second, per seed that both have, in the order of seeds."""
    by_seed = {item.run.seed: _label_scores(item).get(label, 0.0) for item in second}
    return [
        _label_scores(item).get(label, 0.0) - by_seed[item.run.seed]
        for item in sorted(first, key=lambda item: item.run.seed)
        if item.run.seed in by_seed
    ]
