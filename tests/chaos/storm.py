"""Experiment: faults of every kind at once; the run gets through, takes nothing invalid, and keeps every reply."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.chaos import faults
from tests.chaos.book import Entry
from tests.chaos.judge import find_invalid, find_orphans, name_call, open_ledger
from tests.chaos.killer import Launcher, Life
from tests.chaos.lab import Case, Lab, tell_end
from tests.chaos.remote import Server

NAME = "faults"
RATE = 0.3
PARKS = 12
"""Times that a run is resumed after it has parked, at most."""
MORE = ("--set", "curriculum.quotas.drafts=48", "--set", "curriculum.quotas.lesson=4")
"""Many small lessons: more calls to do something to."""


def run_through(launcher: Launcher, command: Sequence[str], folder: Path) -> list[Life]:
    """Run a command, and resume the run as long as it parks."""
    lives = [launcher(*command)]
    while lives[-1].code == 3 and len(lives) <= PARKS:
        lives.append(launcher("resume", str(folder)))
    return lives


def storm_runs(lab: Lab) -> None:
    """Make runs on a server that does something to three of ten requests."""
    cases = lab.cases(quick=True) + ([] if lab.short else lab.cases(quick=False))
    settings = {"rate": RATE, "latency": 0.02, "spread": 0.8, "slow": 0.5}
    found: list[tuple[Case, str, list[Life], list[Entry]]] = []
    shown: list[str] = []
    with lab.serve(cases, **settings) as server:
        for case in cases:
            launcher = case.launcher(lab.folder / "output" / f"{case.name}-storm")
            try:
                for round_ in range(1 if lab.short or not case.student else 3):
                    tag = f"{case.name}-storm{round_}"
                    server.set(seed=lab.seed + round_)
                    lives = run_through(launcher, case.command(server, tag, lab.folder / "runs", *MORE), _run(lab, tag))
                    entries = server.log(tag)
                    found.append((case, tag, lives, entries))
                    lab.say(f"{tag}: {len(entries)} requests, {_count(entries)} faults; {tell_end(lives[-1])[:60]}")
                    shown += [f"{tag}: {fault}" for fault in _look_at(launcher, _run(lab, tag), entries)]
            finally:
                launcher.close()
        _note_runs(lab, found)
        _note_records(lab, found)
        _note_waits(lab, found, server)
        _note_injections(lab, found, shown)


def _run(lab: Lab, tag: str) -> Path:
    return lab.folder / "runs" / tag


def _count(entries: Sequence[Entry]) -> int:
    return sum(entry.fault is not None for entry in entries)


def _note_runs(lab: Lab, found: Sequence[tuple[Case, str, list[Life], list[Entry]]]) -> None:
    requests = sum(len(entries) for *_, entries in found)
    sent = Counter(entry.fault for *_, entries in found for entry in entries if entry.fault)
    lab.note(NAME, "requests and faults", f"{requests} requests, {sent.total()} faults in {len(found)} runs")
    lab.note(NAME, "faults by kind", ", ".join(f"{name} {count}" for name, count in sorted(sent.items())))
    missing = [kind for kind in faults.KINDS if kind not in sent]
    lab.note(NAME, "every kind of fault was sent", f"{len(faults.KINDS) - len(missing)} kinds", not missing, missing)
    bad = [f"{tag}: {tell_end(lives[-1])}" for _, tag, lives, _ in found if lives[-1].code != 0]
    done = f"{len(found) - len(bad)} of {len(found)}"
    lab.note(NAME, "the run completes (exit 0)", done, not bad, bad)
    parks = {tag: sum(life.code == 3 for life in lives) for _, tag, lives, _ in found}
    lab.note(NAME, "times that a run parked and was resumed", ", ".join(f"{tag} {n}" for tag, n in parks.items()))
    traces = [tag for _, tag, lives, _ in found if any("Traceback" in life.err for life in lives)]
    lab.note(NAME, "no traceback", f"{len(traces)} runs with one", not traces, traces)
    ended = [(case, _run(lab, tag), tag) for case, tag, lives, _ in found if lives[-1].code == 0]
    accepted = sum((folder / "dataset" / "train.jsonl").read_bytes().count(b"\n") for _, folder, _ in ended)
    invalid = [f"{tag}: {fault}" for case, folder, tag in ended for fault in find_invalid(folder, case.domain)]
    lab.note(
        NAME,
        "no invalid sample is accepted (label, spans, control characters, known texts)",
        f"{len(invalid)} of {accepted}",
        not invalid and accepted > 0,
        invalid,
    )
    loose = [f"{tag}: {orphan}" for _, folder, tag in ended for orphan in find_orphans(folder)]
    lab.note(NAME, "nothing in the ledger is orphaned", f"{len(loose)} orphans", not loose, loose)


# ------------------------------------------------------------------------------------- every fault is in the ledger


def unrecorded(entries: Sequence[Entry], rows: Sequence[dict[str, Any]]) -> list[Entry]:
    """Faults of which the ledger has no row of its own with what came.

    Args:
        entries: the server's log of a run.
        rows: the ledger's calls, as {"call", "status", "raw"}; every row stands for one fault at most.
    """
    left: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        left.setdefault(row["call"], []).append(row)
    missing = []
    for entry in entries:
        if entry.fault is None or entry.fault in faults.SLOW:
            continue
        own = left.get(entry.call, [])
        row = next((row for row in own if _tells(row, entry)), None)
        if row is None:
            missing.append(entry)
        else:
            own.remove(row)
    return missing


def _tells(row: dict[str, Any], entry: Entry) -> bool:
    """Whether a row of the ledger tells of this very fault."""
    status, raw = row["status"], row["raw"]
    if entry.fault == "dropped":
        return status == "error" and "chaos-" not in raw
    if entry.fault == "half_body":
        return status == "lost" and bool(raw) and entry.sent.startswith(raw.rstrip("\ufffd"))
    if entry.fault in faults.CONTENT:
        return status in ("ok", "fault", "spent") and (raw == entry.sent or entry.marker in raw)
    return status == "error" and entry.marker in raw


def ledger_calls(folder: Path) -> list[dict[str, Any]]:
    """The calls in a run's ledger: the name that the server gives them, status and raw reply."""
    with open_ledger(folder) as ledger:
        rows = ledger.execute("SELECT request, status, raw FROM calls ORDER BY seq").fetchall()
    return [{"call": name_call(row["request"]), "status": row["status"], "raw": row["raw"]} for row in rows]


def _note_records(lab: Lab, found: Sequence[tuple[Case, str, list[Life], list[Entry]]]) -> None:
    missing: list[tuple[str, Entry]] = []
    sent: Counter[str] = Counter()
    for _, tag, _, entries in found:
        sent.update(entry.fault for entry in entries if entry.fault and entry.fault not in faults.SLOW)
        missing += [(tag, entry) for entry in unrecorded(entries, ledger_calls(_run(lab, tag)))]
    lacking = Counter(str(entry.fault) for _, entry in missing)
    measured = f"{sent.total() - len(missing)} of {sent.total()}"
    if lacking:
        measured += "; missing: " + ", ".join(f"{name} {count} of {sent[name]}" for name, count in lacking.items())
    evidence = [f"{tag}: request {entry.number}, {entry.fault}, {entry.marker}" for tag, entry in missing]
    lab.note(NAME, "every fault is in the ledger with its raw reply", measured, not missing, evidence)


def _note_waits(lab: Lab, found: Sequence[tuple[Case, str, list[Life], list[Entry]]], server: Server) -> None:
    """How long a call waited that was told to wait."""
    asked = float(server.set()["retry_after"])
    waits = []
    for _, tag, _, entries in found:
        for at, entry in enumerate(entries):
            later = next((other for other in entries[at + 1 :] if other.body == entry.body), None)
            if entry.fault == "rate_limit" and later is not None and entry.ended is not None:
                waits.append((later.arrived - entry.ended, f"{tag}: request {later.number} after {entry.number}"))
    early = [f"{where}: {wait:.2f} s" for wait, where in waits if wait < asked]
    measured = f"{len(waits)} waits, shortest {min(waits)[0]:.2f} s" if waits else "none"
    lab.note(NAME, f"Retry-After ({asked:g} s) is kept to", measured, not early and bool(waits), early)


# ------------------------------------------------------------------------------------------ injections come as data


def _note_injections(
    lab: Lab, found: Sequence[tuple[Case, str, list[Life], list[Entry]]], shown: Sequence[str]
) -> None:
    injected = {text for *_, entries in found for entry in entries for text in entry.injected}
    back = {text for *_, entries in found for entry in entries for text in entry.returned}
    astray = [f"{tag}: request {e.number}: {e.astray}" for _, tag, _, entries in found for e in entries if e.astray]
    measured = f"{len(injected)} texts injected, {len(back)} came back unchanged inside the block, {len(astray)} astray"
    lab.note(NAME, "injected texts stay data in prompts", measured, not astray and bool(back), astray)
    lab.note(NAME, "no control character reaches the terminal", f"{len(shown)} places", not shown, shown)


def _look_at(launcher: Launcher, folder: Path, entries: Sequence[Entry]) -> list[str]:
    """Let `show` tell the run, its weaknesses and the samples with injected texts; find what should not be printed."""
    injected = {text for entry in entries for text in entry.injected}
    with open_ledger(folder) as ledger:
        weaknesses = [row["id"] for row in ledger.execute("SELECT id FROM weaknesses")]
        samples = [row["id"] for row in ledger.execute("SELECT id, text FROM samples") if row["text"] in injected]
        events = (folder / "events.jsonl").read_text(encoding="utf-8").split("\n")
    looks: list[tuple[str, ...]] = [(), ("--cycle", "1")]
    looks += [("--weakness", name) for name in weaknesses[:4]] + [("--sample", name) for name in samples[:8]]
    found = [f"events.jsonl: {char!r}" for line in events for char in _control(line)]
    for look in looks:
        life = launcher("show", str(folder), *look)
        if life.code != 0:
            found.append(f"show {' '.join(look)}: {tell_end(life)}")
        found += [f"show {' '.join(look)}: {char!r}" for char in _control(life.out + life.err)]
    return found


def _control(text: str) -> list[str]:
    """Characters that steer a terminal or turn the direction of what follows."""
    steering = {char for char in text if unicodedata.category(char) == "Cc" and char != "\n"}
    return sorted(steering | {char for char in text if char in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068"})
