"""When the nodes and the calls of a run worked, and side by side with what."""

from typing import Any

from evokd.tracing.queries import outline_calls
from evokd.viewer.record import RunRecord


def draw_timeline(record: RunRecord) -> list[dict[str, Any]]:
    """Nodes and calls in order of their end: kind, name, cycle, start and end in seconds since the run began, id."""
    timeline = record.timeline
    if timeline is None:
        return []

    def since(time: int) -> float:
        return round(max(0, time - timeline.start) / 1e9, 3)

    spans: list[dict[str, Any]] = [
        {"kind": "node", "name": node.node, "cycle": node.cycle, "start": since(node.start), "end": since(node.end)}
        for node in timeline.nodes
    ]
    for call in outline_calls(record.ledger):
        end = timeline.calls.get(call["id"])
        if end is not None:
            start = since(end - round(call["seconds"] * 1e9))
            place = {"kind": "call", "name": call["role"], "cycle": call["cycle"], "start": start, "end": since(end)}
            spans.append({**place, "id": call["id"], "status": call["status"]})
    return sorted(spans, key=lambda span: float(span["end"]))
