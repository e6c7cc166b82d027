"""The map of texts: each a point, near where similar texts are."""

from collections.abc import Iterator, Sequence
from typing import Any

from evokd.messages import SET_SEPARATOR, is_label_set, list_labels
from evokd.tracing.queries import outline_samples
from evokd.viewer.record import RunRecord

MOST_POINTS = 3000
"""Points that are shown; of more, every second, third, ... one."""
_CUT = 200


def show_map(record: RunRecord) -> dict[str, Any]:
    """The points of the map.

    Returns:
        `points`: id, x, y, cycle (0: a text of the user's that is no sample), origin (`seed`, `validation`, `pool`,
        `real` or `written`), label (of an entity text: None), state, and the beginning of the text; `left_out`: how
        many there are besides.
    """
    own = list(_list_own(record))
    samples = [(cycle, *point) for cycle, stored in _list_stored(record) for point in _list_points(stored)]
    total = len(own) + len(samples)
    step = -(-total // MOST_POINTS) or 1
    # a map of many texts is thinned before they are read
    shown = [*own[::step], *_describe_samples(record, samples[-len(own) % step :: step])]
    return {"points": shown, "left_out": total - len(shown)}


def _list_stored(record: RunRecord) -> Iterator[tuple[int, dict[str, Any]]]:
    for cycle in range(1, record.ledger.last_cycle() + 1):
        stored = record.part(cycle, "map")
        if stored:
            yield cycle, stored


def _list_points(stored: dict[str, Any]) -> Iterator[tuple[str, float, float]]:
    for name, (x, y) in zip(stored["ids"], stored["points"], strict=False):
        yield name, x, y


def _list_own(record: RunRecord) -> Iterator[dict[str, Any]]:
    """The user's own texts, which cycle 0 has put on the map."""
    stored = record.part(0, "map") or {}
    labels = {
        f"{name}:{row['id']}": row["gold"]
        for split, name in (("seeds", "seed"), ("validation", "validation"))
        for row in (record.part(0, f"rows:{split}") or {}).get("rows", [])
    }
    texts = stored.get("texts") or [""] * len(stored.get("ids", []))
    for (name, x, y), text in zip(_list_points({"ids": [], "points": [], **stored}), texts, strict=False):
        label = labels.get(name)
        yield {
            "id": name,
            "x": x,
            "y": y,
            "cycle": 0,
            "origin": name.split(":", 1)[0],
            "label": _name(label),
            "state": "",
            "text": text[:_CUT],
        }


def _describe_samples(record: RunRecord, points: Sequence[tuple[int, str, float, float]]) -> Iterator[dict[str, Any]]:
    """Say of samples on the map what they are; one that the record does not hold is left out."""
    samples = outline_samples(record.ledger, [name for _, name, _, _ in points], _CUT)
    for cycle, name, x, y in points:
        row = samples.get(name)
        if row is not None:
            yield {
                "id": name,
                "x": x,
                "y": y,
                "cycle": cycle,
                "origin": "real" if row["source"] is not None else "written",
                "label": _name(row["label"]),
                "state": row["state"],
                "text": row["text"],
            }


def _name(answer: Any) -> str | None:
    """Name what a point is coloured by: the label, or the set of labels; None for entities."""
    if isinstance(answer, str):
        return answer
    return SET_SEPARATOR.join(list_labels(answer)) if is_label_set(answer) else None
