"""The runs of a folder, whatever state they are in."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evokd.api.run_state import read_state
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.setup.run_store import read_store
from evokd.graph.setup.stored_runs import StoredRun, copy_record, find_stored_runs, read_together
from evokd.messages import EvokdError
from evokd.tracing.events import read_events
from evokd.tracing.ledger import open_ledger
from evokd.tracing.summary import read_summary

_BEGINS = ("run_started", "run_resumed")


def list_runs(runs_dir: Path) -> list[dict[str, Any]]:
    """Runs of a folder, oldest first.

    Returns:
        Per run: `run_id`, `state` (in words) and `status` (see `api.run_state.RunStatus`; also `damaged`), `started`
        (UTC, ISO 8601), `domain`, `preset`, `teacher`, `samples`, `tokens`, `cost_usd` (None: unknown), `metric` with
        `start`, `final` and `gain`, and `gate_scores`: the champion's gate metric after every cycle. The gain of a run
        that has not ended is that of the gate metric.
    """
    rows = [read_row(RunFolder(config.parent)) for config in runs_dir.glob("*/config.yaml")]
    return sorted(rows, key=lambda row: (row["started"], row["run_id"]))


def list_stored_runs(store: str) -> tuple[list[dict[str, Any]], int]:
    """Runs of a database, oldest first; also how many there are that are of other database users.

    Args:
        store: `postgresql://...`, or `env` for what the environment variable EVOKD_STORE holds.

    Returns:
        Per run what `list_runs` gives, and `holder`: the process that works on it, and its machine, or None.

    Raises:
        InputError: the address cannot be used, or the server refuses.
    """
    place = read_store(store)
    with read_together(place):
        runs, hidden = find_stored_runs(place)
        rows = [_read_stored_row(run) for run in runs]
    return sorted(rows, key=lambda row: (row["started"], row["run_id"])), hidden


def _read_stored_row(run: StoredRun) -> dict[str, Any]:
    with copy_record(run) as folder:
        row = {**read_row(folder), "holder": run.holder}
    if run.holder is not None:
        row.update(state=f"running: {run.holder}", status="running")
    return row


def read_row(folder: RunFolder) -> dict[str, Any]:
    """The row of one run; see `list_runs`."""
    try:
        summary = read_summary(folder.summary)
        row = _finished(summary, folder) if summary is not None else _unfinished(folder)
    except (EvokdError, KeyError, TypeError):  # also a summary of wrong types: the other runs are listed
        row = {**_unfinished(folder), "state": "damaged (summary.json)", "status": "damaged"}
    if folder.is_running:
        row.update(state="running", status="running")
    return row


def _age(path: Path) -> float:
    """Time of the last change of a file, in seconds; 0 where this user may not read it."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _find_start(folder: RunFolder, event: Mapping[str, Any]) -> str:
    """When a run began, by its first event; else when its configuration was written."""
    time = event.get("time")
    if isinstance(time, str):
        return time
    return datetime.fromtimestamp(_age(folder.config), UTC).isoformat(timespec="milliseconds")


def _read_first_event(folder: RunFolder) -> dict[str, Any]:
    try:
        with folder.events.open(encoding="utf-8", errors="replace") as file:
            event = json.loads(file.readline(1_000_000))
    except (OSError, ValueError):
        return {}
    return event if isinstance(event, dict) else {}


def _finished(summary: dict[str, Any], folder: RunFolder) -> dict[str, Any]:
    metric = summary["metric"]
    split = "test" if summary["final"]["test"] else "validation"
    before, after = summary["start"][split], summary["final"][split]
    start, final = (scores[metric] if scores else None for scores in (before, after))
    totals = summary["totals"]
    return {
        "run_id": folder.run_id,  # of the folder, which may have been renamed: other commands know it by that
        "state": f"done ({summary['stop_reason']})",
        "domain": summary["domain"],
        "preset": summary["preset"],
        "teacher": summary["teacher"],
        "samples": totals["samples"],
        "metric": f"{split} {metric}" if after else "no data to score on",
        "start": start,
        "final": final,
        "status": "done",
        "started": _find_start(folder, _read_first_event(folder)),
        "tokens": totals["input_tokens"] + totals["output_tokens"],
        "cost_usd": totals["cost_usd"],
        "gain": None if start is None or final is None else final - start,
        "gate_scores": _follow_champion([cycle["gate"] for cycle in summary.get("cycles", [])]),
    }


def _follow_champion(gates: Sequence[Mapping[str, Any]]) -> list[float]:
    """The champion's score after every cycle in which the gate measured it."""
    scores = [_read_number(gate, "after" if gate.get("promoted") else "before") for gate in gates]
    return [score for score in scores if score is not None]


def _read_number(event: Mapping[str, Any], key: str) -> float | None:
    """A number of an event; None where the line holds none, since an event log may have been changed or cut."""
    value = event.get(key)
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _unfinished(folder: RunFolder) -> dict[str, Any]:
    events = _read_events(folder.events)
    begun = next((event for event in events if event.get("event") in _BEGINS), {})
    accepted = [_read_number(event, "accepted") for event in events if event.get("event") == "decided"]
    state = read_state(folder, None, events)
    scores = _follow_champion([event for event in events if event.get("event") == "trained"])
    usage = _read_usage(folder)
    return {
        "run_id": folder.run_id,
        "state": str(state) if state.status in ("waiting", "parked", "interrupted") else "not ended",
        **{key: str(begun.get(key, "?")) for key in ("domain", "preset", "teacher")},
        "samples": int(accepted[-1] or 0) if accepted else 0,
        "metric": str(begun.get("metric", "?")),
        "start": None,
        "final": None,
        "status": state.status,
        "started": _find_start(folder, events[0] if events else {}),
        **usage,
        "gain": scores[-1] - scores[0] if len(scores) > 1 else None,
        "gate_scores": scores,
    }


def _read_usage(folder: RunFolder) -> dict[str, Any]:
    try:
        ledger = open_ledger(folder.ledger)
    except (EvokdError, OSError):  # not begun, damaged, or of another user
        return {"tokens": 0, "cost_usd": None}
    try:
        usage = ledger.usage()
    except EvokdError:
        return {"tokens": 0, "cost_usd": None}
    finally:
        ledger.close()
    return {"tokens": usage["input_tokens"] + usage["output_tokens"], "cost_usd": usage["cost_usd"]}


def _read_events(path: Path) -> list[dict[str, Any]]:
    try:
        return [event for event in read_events(path) if isinstance(event, dict)] if path.is_file() else []
    except EvokdError:  # another user's run
        return []
