"""The ledger of weaknesses: what was named, on which evidence, what was spent on it, and what came of it."""

from collections import defaultdict
from typing import Any

from evokd.tracing.queries import count_samples_by, outline_calls
from evokd.viewer.cycles import without_probe
from evokd.viewer.record import RunRecord


def list_weaknesses(record: RunRecord) -> list[dict[str, Any]]:
    """All weaknesses in order, with lessons, texts by state, and the tokens and seconds that their lessons took."""
    lessons = defaultdict(list)
    for outline in record.ledger.all_lessons():
        lessons[outline["weakness"]].append(outline["id"])
    texts: dict[str, dict[str, int]] = defaultdict(dict)
    for row in count_samples_by(record.ledger, "weakness", "state"):
        texts[row["weakness"]][row["state"]] = row["count"]
    spent = _spent_by_span(record)
    return [
        {
            **without_probe(dict(weakness)),
            "lessons": lessons[weakness["id"]],
            "texts": texts[weakness["id"]],
            "spent": _add([spent[lesson] for lesson in lessons[weakness["id"]]]),
        }
        for weakness in record.ledger.weaknesses()
    ]


def _spent_by_span(record: RunRecord) -> dict[str, dict[str, float | None]]:
    spent: dict[str, dict[str, float | None]] = defaultdict(lambda: {"tokens": 0, "cost_usd": 0.0, "seconds": 0.0})
    for call in outline_calls(record.ledger):
        if call["status"] == "error":
            continue
        row = spent[call["span"]]
        row["tokens"] = (row["tokens"] or 0) + call["input_tokens"] + call["output_tokens"]
        row["seconds"] = (row["seconds"] or 0) + call["seconds"]
        known = row["cost_usd"] is not None and call["cost_usd"] is not None
        row["cost_usd"] = (row["cost_usd"] or 0.0) + (call["cost_usd"] or 0.0) if known else None
    return spent


def _add(rows: list[dict[str, float | None]]) -> dict[str, float | None]:
    prices = [row["cost_usd"] for row in rows]
    return {
        "tokens": sum(row["tokens"] or 0 for row in rows),
        "seconds": sum(row["seconds"] or 0 for row in rows),
        "cost_usd": None if None in prices or not prices else sum(price or 0.0 for price in prices),
    }
