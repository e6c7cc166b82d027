"""The cycles: a line each, and all that was said and done in one."""

from typing import Any

from evokd.tracing.queries import count_samples_by, list_messages, outline_calls
from evokd.tracing.rows import without_probe
from evokd.viewer.overview import draw_curve
from evokd.viewer.record import RunRecord

_PARTS = ("kinds", "labels", "curation", "review", "training", "refit", "decision")


def list_cycles(record: RunRecord) -> list[dict[str, Any]]:
    """A line per cycle: the point of the curve, what was planned, the weaknesses named, what was trained."""
    weaknesses: dict[int, list[dict[str, Any]]] = {}
    for weakness in record.ledger.weaknesses():
        named = {"id": weakness["id"], "name": weakness["name"], "state": weakness["state"]}
        weaknesses.setdefault(weakness["cycle"], []).append(named)
    reasons: dict[int, dict[str, int]] = {}
    for row in count_samples_by(record.ledger, "cycle", "state", "reason"):
        if row["state"] in ("rejected", "tombstoned"):
            reasons.setdefault(row["cycle"], {})[str(row["reason"])] = row["count"]
    return [
        {
            **point,
            "weaknesses": weaknesses.get(point["cycle"], []),
            "reasons": reasons.get(point["cycle"], {}),
            "training": record.part(point["cycle"], "training"),
            "kinds": record.part(point["cycle"], "kinds"),
        }
        for point in draw_curve(record)
    ]


def show_cycle(record: RunRecord, cycle: int) -> dict[str, Any] | None:
    """All of a cycle: messages, lessons, outlines of calls, weaknesses, records, events; None: no such cycle."""
    if not 0 <= cycle <= record.ledger.last_cycle():
        return None
    return {
        "cycle": cycle,
        "messages": [_shorten(dict(row)) for row in list_messages(record.ledger, cycle)],
        "lessons": [
            dict(lesson) | {"plan": _shorten_plan(dict(lesson["plan"]))} for lesson in record.ledger.lessons(cycle)
        ],
        "counts": [row for row in count_samples_by(record.ledger, "cycle", "lesson", "state") if row["cycle"] == cycle],
        "calls": outline_calls(record.ledger, cycle),
        "weaknesses": [without_probe(row) for row in record.ledger.weaknesses(cycle)],
        "records": {name: record.part(cycle, name) for name in _PARTS} | {"gate": record.gate(cycle)},
        "times": record.node_times.of_cycle(cycle),
        "events": [event for event in record.events if event.get("cycle") == cycle and event["event"] in _TOLD],
    }


_TOLD = {
    "training_fault",
    "budget_spent",
    "profile",
    "labels_measured",
    "waiting",
    "reviewed",
    "parked",
    "interrupted",
    "changed",
}
_IN_PLAN = {"id", "mode", "weakness", "quotas", "variety"}


def _shorten_plan(plan: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in plan.items() if key in _IN_PLAN}


def _shorten(row: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a message what the page shows elsewhere: meanings of labels, texts of drafts and verdicts."""
    body = dict(row["body"])
    body.pop("labels", None)
    for key in ("drafts", "verdicts"):
        if key in body:
            body[key] = len(body[key])
    if row["kind"] == "label_plan":
        body["texts"] = len(body.get("texts") or [])
    return {**row, "body": body}
