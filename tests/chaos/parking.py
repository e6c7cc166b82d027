"""Experiment: runs are parked while replies are in flight; what was answered is in the ledger, nothing comes twice."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.chaos.book import Entry
from tests.chaos.judge import find_orphans, name_call, open_ledger
from tests.chaos.killer import Launcher
from tests.chaos.kills import run_whole
from tests.chaos.lab import Case, Lab, samples, tell_end
from tests.chaos.remote import Server

NAME = "parking"
PROMISE = "replies in flight when a run is parked: all in the ledger, with their tokens, and none asked for again"
LATENCY = 0.3
"""Seconds until an answer: several are in flight at any time."""


def park_runs(lab: Lab) -> None:
    """Take the key away from runs of every task in the middle of them, and resume them."""
    lab.each(lab.cases(quick=True), _park)


def _park(lab: Lab, case: Case) -> None:
    launcher = lab.launcher(case)
    with lab.serve([case], latency=LATENCY, spread=0.8) as server:
        whole, _ = run_whole(lab, case, server, launcher, f"{case.name}-unparked")
        half = server.stats(whole.tag)["answers"] // 2
        expected = samples(whole.folder)
        numbers = (half,) if lab.short else (half - 2, half, half + 2)
        tried = sum(_refuse_one(lab, case, server, launcher, number, expected) > 0 for number in numbers)
        lab.note(f"{NAME}: {case.name}", "replies were in flight", f"{tried} times of {len(numbers)}", tried > 0)


def _refuse_one(
    lab: Lab, case: Case, server: Server, launcher: Launcher, number: int, expected: list[dict[str, Any]]
) -> int:
    """Park a run at this request and resume it; returns how many replies were in flight."""
    tag = f"{case.name}-parked-{number}"
    folder = lab.folder / "runs" / tag
    server.set(revoke_at=number)
    parked = launcher(*case.command(server, tag, lab.folder / "runs"))
    entries = server.log(tag)
    faults = [f"parked: {tell_end(parked)}"] if parked.code != 3 else []
    faults += find_missing(folder, entries)
    server.set(revoke_at=None)
    resumed = launcher("resume", str(folder))
    entries = server.log(tag)
    faults += [f"resumed: {tell_end(resumed)}"] if resumed.code else []
    faults += [*find_missing(folder, entries), *find_repeated(entries)]
    if not resumed.code:
        faults += find_orphans(folder)
        faults += [] if samples(folder) == expected else ["the accepted set is another one"]
    flying = count_in_flight(entries)
    told = f"{flying} in flight, {len(faults)} faults"
    lab.note(f"{NAME}: {case.name}, request {number}", PROMISE, told, not faults, faults)
    return flying


def count_in_flight(entries: Sequence[Entry]) -> int:
    """Requests that were answered after the one that was refused."""
    refused = min((entry.done for entry in entries if entry.fault == "revoked" and entry.done), default=None)
    if refused is None:
        return 0
    return sum(entry.arrived < refused < entry.answered for entry in entries if entry.answered is not None)


def find_missing(folder: Path, entries: Sequence[Entry]) -> list[str]:
    """Answers of which the ledger has no row with the same tokens, and what its totals have too much or too little."""
    with open_ledger(folder) as ledger:
        rows = ledger.execute(
            "SELECT request, input_tokens + output_tokens AS tokens FROM calls WHERE status != 'error'"
        )
        kept = Counter((name_call(row["request"]), row["tokens"]) for row in rows)
    sent = Counter((entry.call, entry.tokens) for entry in entries if entry.answered is not None)
    missing = [f"answered, not in the ledger: {call}, {tokens} tokens" for call, tokens in (sent - kept).elements()]
    return missing + [
        f"in the ledger, not answered: {call}, {tokens} tokens" for call, tokens in (kept - sent).elements()
    ]


def find_repeated(entries: Sequence[Entry]) -> list[str]:
    """Requests that came again although they had been answered."""
    answered = Counter(entry.body for entry in entries if entry.answered is not None)
    return [f"answered {count} times: {body}" for body, count in answered.items() if count > 1]
