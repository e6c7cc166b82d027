"""When the nodes and the calls of a run worked, and side by side with what."""

from datetime import datetime
from typing import Any

from evokd.viewer.record import RunRecord


def draw_timeline(record: RunRecord) -> list[dict[str, Any]]:
    """Nodes and calls in order of their end: kind, name, cycle, start and end in seconds since the run began, id."""
    began = None
    spans = []
    for event in record.events:
        time = _read_time(event.get("time"))
        if time is None:
            continue
        began = began if began is not None else time
        end = round(time - began, 3)
        if event.get("event") in ("node_finished", "call"):
            spans.append(_to_span(event, end))
    return spans


def _to_span(event: dict[str, Any], end: float) -> dict[str, Any]:
    is_call = event["event"] == "call"
    return {
        "kind": "call" if is_call else "node",
        "name": event.get("role") if is_call else event.get("node"),
        "cycle": event.get("cycle"),
        "start": round(max(0.0, end - float(event.get("seconds") or 0.0)), 3),
        "end": end,
        **({"id": event.get("id"), "status": event.get("status")} if is_call else {}),
    }


def _read_time(text: Any) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return None
