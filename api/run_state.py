"""What has become of a run: running, done, or stopped on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evokd.graph.setup.run_folder import RunFolder
from evokd.messages import EvokdError
from evokd.review.pending import count_waiting
from evokd.tracing.events import AWAITS_REVIEW
from evokd.viewer.changes import read_last_event

RunStatus = Literal["running", "done", "waiting", "parked", "interrupted", "killed", "created"]
"""`waiting`: for people who review its texts; `killed`: its process ended without a word; `created`: nothing has
happened in its folder yet."""

_SECONDS_A_TEXT = 15
"""Time in which a person reads a text of some lines and decides on it without haste."""
_MANY = 20
"""Texts from which on it is told how long a review will take."""


@dataclass(frozen=True)
class RunState:
    """The state of a run."""

    status: RunStatus
    reason: str = ""
    """Why a run stopped, where that is known."""

    def __str__(self) -> str:
        if self.status == "done" and self.reason:
            return f"done ({self.reason})"
        return {"created": "not begun", "waiting": "waiting for review"}.get(self.status, self.status)

    @property
    def can_resume(self) -> bool:
        """Whether `evokd resume` would go on with it."""
        return self.status in ("waiting", "parked", "interrupted", "killed", "created")


def read_state(
    folder: RunFolder, summary: Mapping[str, Any] | None, events: Sequence[Mapping[str, Any]] = ()
) -> RunState:
    """Read the state of a run.

    Args:
        folder: the run's.
        summary: the content of its `summary.json`; None: it has not ended.
        events: its event log; not looked at if it has ended.
    """
    if folder.is_running:
        return RunState("running")
    if summary is not None:
        return RunState("done", str(summary.get("stop_reason", "")))
    if not events:
        return RunState("created")
    last = events[-1]
    if last.get("event") == "parked":
        return RunState("parked", str(last.get("reason", "")))
    if last.get("event") == AWAITS_REVIEW:
        return RunState("waiting", _tell_waiting(folder))
    batches = _tell_batches(events)
    if last.get("event") == "interrupted":
        return RunState("interrupted", "; ".join(part for part in (str(last.get("reason", "")), batches) if part))
    return RunState("killed", batches)


def _tell_batches(events: Sequence[Mapping[str, Any]]) -> str:
    """Say which batches of calls the server still worked on when they were last looked at; empty where none is open."""
    last_looks = {str(event.get("batch")): event for event in events if event.get("event") == "batch"}
    sizes = [look.get("calls") for look in last_looks.values() if look.get("next_look") is not None]
    if not sizes:
        return ""
    calls = sum(size for size in sizes if isinstance(size, int))  # a log may be damaged
    asked = "1 call" if calls == 1 else f"{calls:,} calls"
    if len(sizes) == 1:
        return f"a batch of {asked} is at the server, resume goes on with it"
    return f"{len(sizes)} batches of {asked} are at the server, resume goes on with them"


def _tell_waiting(folder: RunFolder) -> str:
    """Say how many texts wait for people, and of many how long they will take."""
    try:
        texts, cycle = count_waiting(folder.ledger)
    except EvokdError:  # a damaged ledger; whoever reads it says so
        return ""
    if not texts:
        return "all texts are decided"
    left = f"{texts:,} texts" if texts > 1 else "1 text"
    minutes = round(texts * _SECONDS_A_TEXT / 60)
    pace = f" (about {minutes:,} min at {_SECONDS_A_TEXT} s a text)" if texts >= _MANY else ""
    return f"{left} of cycle {cycle}{pace}"


def read_status(folder: RunFolder) -> RunStatus:
    """Read the status of a run quickly: of its event log, the last event alone is looked at."""
    last = read_last_event(folder.events)
    return read_state(folder, {} if folder.summary.is_file() else None, [last] if last else ()).status
