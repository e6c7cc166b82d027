"""The life of a weakness: stored when it is named, measured after every training."""

from collections.abc import Mapping

from agents.messages import Analysis, Weakness
from graph.bench import Bench
from student.evaluate import Scores

FIXED = 0.9
"""F1 of its labels from which a weakness counts as fixed."""
MOVED = 0.02
"""Change of F1 from which a weakness counts as improving or regressed."""


def store_weaknesses(bench: Bench, analysis: Analysis, span: str) -> dict[str, Weakness]:
    """Give the weaknesses of an analysis ids and store them as open; returns id -> weakness, gravest first."""
    named = {f"{span}-w{number}": weakness for number, weakness in enumerate(analysis.weaknesses, start=1)}
    bench.ledger.put_weaknesses(
        (
            {"id": name, "cycle": analysis.cycle, **weakness.model_dump(mode="json"), "state": "open", "effect": None}
            for name, weakness in named.items()
        ),
        instead_of=analysis.cycle,
    )
    return named


def measure_effects(bench: Bench, cycle: int, before: Scores | None, after: Scores | None, promoted: bool) -> None:
    """Measure what the lessons of this cycle did to the labels of its weaknesses, on the gate data.

    The effect is the mean F1 of the weakness's labels after the training minus the one before, -1 to 1; unknown where
    there is no gate data. Effects of a training that was rolled back are kept, the state says so.
    """
    rows = []
    for row in bench.ledger.weaknesses(cycle):
        old = _mean_f1(before, row["labels"])
        new = _mean_f1(after, row["labels"])
        effect = round(new - old, 4) if old is not None and new is not None else None
        rows.append({**row, "effect": effect, "state": _state(effect, new, promoted)})
    bench.ledger.put_weaknesses(rows)


def _mean_f1(scores: Scores | None, labels: list[str]) -> float | None:
    if scores is None:
        return None
    found: Mapping[str, float] = {line.label: line.f1 for line in scores.report}
    known = [found[label] for label in labels if label in found]
    return sum(known) / len(known) if known else None


def _state(effect: float | None, now: float | None, promoted: bool) -> str:
    if not promoted:
        return "rolled_back"
    if effect is None or now is None:
        return "open"
    if now >= FIXED:
        return "fixed"
    if effect >= MOVED:
        return "improving"
    return "regressed" if effect <= -MOVED else "open"
