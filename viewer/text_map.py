"""The map of texts: each a point, near where similar texts are."""

from collections.abc import Iterator
from typing import Any

from evokd.tracing.queries import find_samples
from evokd.viewer.record import RunRecord

MOST_POINTS = 5000
"""Points that are shown; of more, every second, third, ... one."""
_CUT = 200


def show_map(record: RunRecord) -> dict[str, Any]:
    """The points of the map.

    Returns:
        `points`: id, x, y, cycle (0: a text of the user's that is no sample), origin (`seed`, `validation`, `pool`,
        `real` or `written`), label (of an entity text: None), state, and the beginning of the text; `left_out`: how
        many there are besides.
    """
    points = [*_list_own(record), *_list_samples(record)]
    step = -(-len(points) // MOST_POINTS) or 1
    shown = points[::step]
    return {"points": shown, "left_out": len(points) - len(shown)}


def _list_own(record: RunRecord) -> Iterator[dict[str, Any]]:
    """The user's own texts, which cycle 0 has put on the map."""
    stored = record.part(0, "map") or {}
    labels = {
        f"{name}:{row['id']}": row["gold"]
        for split, name in (("seeds", "seed"), ("validation", "validation"))
        for row in (record.part(0, f"rows:{split}") or {}).get("rows", [])
    }
    texts = stored.get("texts") or [""] * len(stored.get("ids", []))
    for name, (x, y), text in zip(stored.get("ids", []), stored.get("points", []), texts, strict=False):
        label = labels.get(name)
        yield {
            "id": name,
            "x": x,
            "y": y,
            "cycle": 0,
            "origin": name.split(":", 1)[0],
            "label": label if isinstance(label, str) else None,
            "state": "",
            "text": text[:_CUT],
        }


def _list_samples(record: RunRecord) -> Iterator[dict[str, Any]]:
    for cycle in range(1, record.ledger.last_cycle() + 1):
        stored = record.part(cycle, "map")
        if not stored:
            continue
        samples = {row["id"]: row for row in find_samples(record.ledger, {"cycle": cycle})["rows"]}
        for name, (x, y) in zip(stored["ids"], stored["points"], strict=False):
            row = samples.get(name)
            if row is not None:
                yield {
                    "id": name,
                    "x": x,
                    "y": y,
                    "cycle": cycle,
                    "origin": "real" if row["source"] is not None else "written",
                    "label": row["label"] if isinstance(row["label"], str) else None,
                    "state": row["state"],
                    "text": row["text"][:_CUT],
                }
