"""The ledger of weaknesses: what was named, on which evidence, what was spent on it, and what came of it."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from evokd.tracing.queries import Spent, count_samples_by, spent_by_span
from evokd.tracing.rows import without_probe
from evokd.viewer.record import RunRecord

_NOTHING = Spent(tokens=0, seconds=0.0, cost_usd=0.0)
"""Of a lesson without calls."""


def list_weaknesses(record: RunRecord) -> list[dict[str, Any]]:
    """All weaknesses in order, with lessons, texts by state, and the tokens and seconds that their lessons took."""
    lessons = defaultdict(list)
    for outline in record.ledger.all_lessons():
        lessons[outline["weakness"]].append(outline["id"])
    texts: dict[str, dict[str, int]] = defaultdict(dict)
    for row in count_samples_by(record.ledger, "weakness", "state"):
        texts[row["weakness"]][row["state"]] = row["count"]
    spent = spent_by_span(record.ledger)
    return [
        {
            **without_probe(weakness),
            "lessons": lessons[weakness["id"]],
            "texts": texts[weakness["id"]],
            "spent": _add([spent.get(lesson, _NOTHING) for lesson in lessons[weakness["id"]]]),
        }
        for weakness in record.ledger.weaknesses()
    ]


def _add(rows: Sequence[Spent]) -> dict[str, float | None]:
    prices = [row["cost_usd"] for row in rows]
    return {
        "tokens": sum(row["tokens"] for row in rows),
        "seconds": sum(row["seconds"] for row in rows),
        "cost_usd": None if None in prices or not prices else sum(price or 0.0 for price in prices),
    }
