"""The runs of a folder, whatever state they are in."""

from pathlib import Path
from typing import Any

from evokd.messages import EvokdError
from evokd.tracing.events import read_events
from evokd.tracing.summary import read_summary


def list_runs(runs_dir: Path) -> list[dict[str, Any]]:
    """Runs of a folder, oldest first: run_id, state, domain, preset, teacher, metric, start, final, samples."""
    rows = []
    for config in sorted(runs_dir.glob("*/config.yaml"), key=_age):
        folder = config.parent
        try:
            summary = read_summary(folder / "summary.json")
            row = _finished(summary, folder.name) if summary is not None else _unfinished(folder)
        except (EvokdError, KeyError, TypeError):  # also a summary of wrong types: the other runs are listed
            row = {**_unfinished(folder), "state": "damaged (summary.json)"}
        rows.append(row)
    return rows


def _age(path: Path) -> float:
    """Time of the last change of a file, in seconds; 0 where this user may not read it."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _finished(summary: dict[str, Any], name: str) -> dict[str, Any]:
    metric = summary["metric"]
    split = "test" if summary["final"]["test"] else "validation"
    before, after = summary["start"][split], summary["final"][split]
    scored = f"{split} {metric}" if after else "no data to score on"
    return {
        "run_id": name,  # of the folder, which may have been renamed: other commands know it by that
        "state": f"done ({summary['stop_reason']})",
        "domain": summary["domain"],
        "preset": summary["preset"],
        "teacher": summary["teacher"],
        "samples": summary["totals"]["samples"],
        "metric": scored,
        "start": before[metric] if before else None,
        "final": after[metric] if after else None,
    }


def _unfinished(folder: Path) -> dict[str, Any]:
    events = _read_events(folder / "events.jsonl")
    begun = next((event for event in events if event["event"] in ("run_started", "run_resumed")), {})
    last = events[-1]["event"] if events else "created"
    accepted = [event["accepted"] for event in events if event["event"] == "decided"]
    return {
        "run_id": folder.name,
        "state": {"parked": "parked", "interrupted": "interrupted"}.get(last, "not ended"),
        "domain": begun.get("domain", "?"),
        "preset": begun.get("preset", "?"),
        "teacher": begun.get("teacher", "?"),
        "samples": accepted[-1] if accepted else 0,
        "metric": begun.get("metric", "?"),
        "start": None,
        "final": None,
    }


def _read_events(path: Path) -> list[dict[str, Any]]:
    try:
        return read_events(path) if path.is_file() else []
    except OSError:  # another user's run
        return []
