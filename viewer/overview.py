"""The first page: what was gained, for what, with whom, and whether to trust it."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from evokd.tracing.intervals import measure_intervals, score_answers
from evokd.tracing.queries import count_samples_by, time_nodes
from evokd.tracing.usage import measure_agents
from evokd.viewer.record import RunRecord

_SPLITS = ("test", "validation")
_NEAR = 0.002
"""Scores of the pages and of the run may differ by rounding; above this the interval is of something else."""


def show_overview(record: RunRecord) -> dict[str, Any]:
    """Make the content of the first page."""
    summary, start = record.summary or {}, record.start
    return {
        "run": _describe_run(record),
        "scores": {split: _show_split(record, split) for split in _SPLITS},
        "metric": summary.get("metric") or start.get("metric"),
        "gate_metric": summary.get("gate_metric") or start.get("metric"),
        "stop_reason": summary.get("stop_reason"),
        "refit": summary.get("refit", 0),
        "data": start.get("data", {}),
        "notes": [
            *start.get("notes", []),
            *[f"the domain's own prompt: {name}" for name in start.get("own_prompts", [])],
        ],
        "estimate": start.get("estimate"),
        "totals": _add_up(record, summary),
        "curve": draw_curve(record),
        "roles": [agent.to_json() for agent in measure_agents(record.ledger)],
        "nodes": list_nodes(record),
        "labels": summary.get("labels") or {},
        "states": count_samples_by(record.ledger, "state"),
    }


def _describe_run(record: RunRecord) -> dict[str, Any]:
    summary, start = record.summary or {}, record.start
    known = {**start, **summary}
    return {
        "id": record.place.name,
        "state": record.place.read_state() or ("done" if summary else "not ended"),
        **{
            key: known.get(key)
            for key in ("domain", "task", "preset", "teacher", "rehearsal", "student", "seed", "champion")
        },
        "started": start.get("time"),
        "ended": record.events[-1].get("time") if record.events and summary else None,
        "cycle": record.ledger.last_cycle(),
    }


def _show_split(record: RunRecord, split: str) -> dict[str, Any] | None:
    """Scores of a split at the start and at the end, with intervals where the rows are known."""
    summary = record.summary
    if not summary or not summary["final"].get(split):
        return None
    metric = summary["metric"]
    shown: dict[str, Any] = {
        "start": (summary["start"].get(split) or {}).get(metric),
        "final": summary["final"][split][metric],
        "rows": record.start.get("data", {}).get(split),
        "intervals": None,
    }
    gold = [row["gold"] for row in (record.part(0, f"rows:{split}") or {}).get("rows", [])]
    # the published student was trained on the validation rows as well: their score is the champion's
    last = "refit" if split == "test" and summary.get("refit") else summary.get("champion")
    answers = [record.part(0, f"{split}:{version}") for version in ("c000", last)]
    if not gold or None in answers:
        return shown
    first, final = ([item[0] for item in answer["answers"]] for answer in answers)
    computed = score_answers(metric, gold, final)
    if computed is not None and abs(computed - shown["final"]) < _NEAR:
        shown["intervals"] = measure_intervals(metric, gold, first, final)
    return shown


def _add_up(record: RunRecord, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Totals of the summary; of the ledger while the run goes on."""
    if summary:
        return dict(summary["totals"])
    usage = record.ledger.usage()
    return {
        "samples": record.ledger.count_samples("accepted"),
        **{key: usage[key] for key in ("calls", "input_tokens", "output_tokens", "cost_usd")},
        "tokens_estimated": usage["estimated"],
        "seconds": sum(row["seconds"] for row in time_nodes(record.ledger)),
    }


def draw_curve(record: RunRecord) -> list[dict[str, Any]]:
    """A point per cycle: score of the gate, decision, and samples, tokens, dollars and seconds spent until then."""
    points = []
    sums: dict[str, float] = defaultdict(float)
    priced = True
    samples = _samples_by_cycle(record)
    for cycle in range(record.ledger.last_cycle() + 1):
        seconds = sum(record.node_times.of_cycle(cycle).values())
        usage = record.ledger.usage(cycle)
        priced = priced and (usage["cost_usd"] is not None or not usage["calls"])
        sums["tokens"] += usage["input_tokens"] + usage["output_tokens"]
        sums["cost"] += usage["cost_usd"] or 0.0
        sums["seconds"] += seconds
        sums["samples"] += samples[cycle]["accepted"]
        points.append(
            {
                "cycle": cycle,
                "gate": record.gate(cycle),
                "samples": int(sums["samples"]),
                "tokens": int(sums["tokens"]),
                "cost_usd": sums["cost"] if priced and sums["tokens"] else None,
                "seconds": round(sums["seconds"], 1),
                "calls": usage["calls"],
                "cycle_tokens": usage["input_tokens"] + usage["output_tokens"],
                "cycle_seconds": round(seconds, 1),
                "states": dict(samples[cycle]),
            }
        )
    return points


def _samples_by_cycle(record: RunRecord) -> dict[int, dict[str, int]]:
    counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in count_samples_by(record.ledger, "cycle", "state"):
        counts[row["cycle"]][row["state"]] += row["count"]
    return counts


def list_nodes(record: RunRecord) -> list[dict[str, Any]]:
    """Wall-clock seconds of each node in all, its runs, and the longest of these with its cycle."""
    wall = record.node_times.of_run()
    nodes: dict[str, dict[str, Any]] = {}
    for row in time_nodes(record.ledger):
        name = row["node"]
        node = nodes.setdefault(name, {"node": name, "runs": 0, "seconds": 0.0, "slowest": -1.0, "cycle": None})
        node["runs"] += row["runs"]
        node["seconds"] = wall.get(name, 0.0)
        if row["slowest"] > node["slowest"]:
            node["slowest"], node["cycle"] = row["slowest"], row["cycle"]
    return list(nodes.values())
