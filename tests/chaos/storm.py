"""Experiment: faults of every kind at once; the run gets through, takes nothing invalid, and keeps every reply."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos import faults
from tests.chaos.book import Entry
from tests.chaos.judge import GRACE, find_invalid, find_orphans, name_call, open_ledger
from tests.chaos.killer import Launcher, Life
from tests.chaos.lab import Case, Lab, dataset, tell_end
from tests.chaos.remote import Server

NAME = "faults"
RATE = 0.3
ASKED = 1.0
"""Seconds that a `rate_limit` asks to wait."""
ROUNDS = {True: (1, 2), False: (3, 8)}
"""Short or not -> runs of each quick case, at least, and at most until every kind of fault was sent."""
PARKS = 12
"""Times that a run is resumed after it has parked, at most."""
MORE = tuple(
    part
    for setting in ("quotas.drafts=60", "quotas.lesson=3", "labels=labeler")  # every text goes to the Labeler
    for part in ("--set", f"curriculum.{setting}")
)
"""Many small lessons: more calls to do something to."""


@dataclass(frozen=True)
class Told:
    """A run through a storm."""

    case: Case
    tag: str
    folder: Path
    lives: list[Life]
    entries: list[Entry]
    shown: list[str]
    """What `show` should not have printed."""

    @property
    def finished(self) -> bool:
        """Whether it came to its end."""
        return self.lives[-1].code == 0


def run_through(launcher: Callable[..., Life], command: Sequence[str], folder: Path, parks: bool = True) -> list[Life]:
    """Run a command, and resume the run as long as it parks."""
    lives = [launcher(*command)]
    while parks and lives[-1].code == 3 and len(lives) <= PARKS:
        lives.append(launcher("resume", str(folder)))
    return lives


def storm_runs(lab: Lab) -> None:
    """Make runs on a server that does something to three of ten requests."""
    quick, real = lab.cases(quick=True), [] if lab.short else lab.cases(quick=False)
    least, most = ROUNDS[lab.short]
    found = _storm_cases(lab, quick, range(least)) + _storm_cases(lab, real, range(1))
    for number in range(least, most):
        if _unsent(found):
            found += _storm_cases(lab, quick, [number])
    _note_runs(lab, found)
    _note_records(lab, found)
    _note_waits(lab, found)
    _note_injections(lab, found)


def _storm_cases(lab: Lab, cases: Sequence[Case], numbers: Sequence[int]) -> list[Told]:
    """Make a run of every case under every number, which is also the seed of its faults."""

    def work(part: Lab, case: Case) -> list[Told]:
        with part.serve([case], rate=RATE, latency=0.02, spread=0.8, slow=0.5, retry_after=ASKED) as server:
            return [_storm(part, case, server, number) for number in numbers]

    return [told for part in lab.each(cases, work) for told in part]


def _storm(lab: Lab, case: Case, server: Server, number: int) -> Told:
    tag, launcher = f"{case.name}-storm{number}", lab.launcher(case)
    folder = lab.folder / "runs" / tag
    server.set(seed=lab.seed + number)
    lives = run_through(launcher, case.command(server, tag, lab.folder / "runs", *MORE), folder)
    entries = server.log(tag)
    count = sum(entry.fault is not None for entry in entries)
    lab.say(f"{tag}: {len(entries)} requests, {count} faults; exits {', '.join(str(life.code) for life in lives)}")
    return Told(case, tag, folder, lives, entries, look_at(launcher, folder, entries))


def _unsent(found: Sequence[Told]) -> list[str]:
    """Kinds of fault that no run has met yet."""
    sent = {entry.fault for told in found for entry in told.entries}
    return [kind for kind in faults.KINDS if kind not in sent]


def _note_runs(lab: Lab, found: Sequence[Told]) -> None:
    sent = Counter(entry.fault for told in found for entry in told.entries if entry.fault)
    requests = sum(len(told.entries) for told in found)
    lab.note(NAME, "requests and faults", f"{requests} requests, {sent.total()} faults in {len(found)} runs")
    lab.note(NAME, "faults by kind", ", ".join(f"{name} {count}" for name, count in sorted(sent.items())))
    unsent = _unsent(found)
    kinds = f"{len(faults.KINDS) - len(unsent)} of {len(faults.KINDS)} kinds"
    # the few runs of the short form need not meet them all
    lab.note(NAME, "every kind of fault was sent", kinds, None if lab.short and unsent else not unsent, unsent)
    bad = [f"{told.tag}: {tell_end(told.lives[-1])}" for told in found if not told.finished]
    lab.note(NAME, "the run completes (exit 0)", f"{len(found) - len(bad)} of {len(found)}", not bad, bad)
    parks = {told.tag: sum(life.code == 3 for life in told.lives) for told in found}
    lab.note(NAME, "times that a run parked and was resumed", ", ".join(f"{tag} {n}" for tag, n in parks.items()))
    traces = [told.tag for told in found if any("Traceback" in life.err for life in told.lives)]
    lab.note(NAME, "no traceback", f"{len(traces)} runs with one", not traces, traces)
    ended = [told for told in found if told.finished]
    accepted = sum(dataset(told.folder).count(b"\n") for told in ended)
    invalid = [f"{told.tag}: {fault}" for told in ended for fault in find_invalid(told.folder, told.case.domain)]
    promise = "no invalid sample is accepted (label, spans, control characters, known texts)"
    lab.note(NAME, promise, f"{len(invalid)} of {accepted}", not invalid and accepted > 0, invalid)
    loose = [f"{told.tag}: {orphan}" for told in ended for orphan in find_orphans(told.folder)]
    lab.note(NAME, "nothing in the ledger is orphaned", f"{len(loose)} orphans", not loose, loose)


# ------------------------------------------------------------------------------------- every fault is in the ledger


def unrecorded(entries: Sequence[Entry], rows: Sequence[dict[str, Any]], ends: Sequence[float] = ()) -> list[Entry]:
    """Faults of which the ledger has no row of its own with what came.

    Args:
        entries: the server's log of a run.
        rows: the ledger's calls, as {"call", "status", "raw"}; every row stands for one fault at most.
        ends: when the run's processes parked; what was sent right before may not have reached them.
    """
    left: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        left.setdefault(row["call"], []).append(row)
    missing: list[Entry] = []
    for entry in entries:
        if entry.fault is None or entry.fault in faults.SLOW or entry.done is None:
            continue
        if any(end - GRACE < entry.done <= end for end in ends):
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
        return status == "lost" and bool(raw) and "chaos-" not in raw
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


def _note_records(lab: Lab, found: Sequence[Told]) -> None:
    missing: list[tuple[str, Entry]] = []
    sent: Counter[str] = Counter()
    for told in found:
        parked = [life.end for life in told.lives if life.code == 3]
        sent.update(entry.fault for entry in told.entries if entry.fault and entry.fault not in faults.SLOW)
        missing += [(told.tag, entry) for entry in unrecorded(told.entries, ledger_calls(told.folder), parked)]
    lacking = Counter(str(entry.fault) for _, entry in missing)
    measured = f"{sent.total() - len(missing)} of {sent.total()}"
    if lacking:
        measured += "; missing: " + ", ".join(f"{name} {count} of {sent[name]}" for name, count in lacking.items())
    evidence = [f"{tag}: request {entry.number}, {entry.fault}, {entry.marker}" for tag, entry in missing]
    lab.note(NAME, "every fault is in the ledger with its raw reply", measured, not missing, evidence)


def _note_waits(lab: Lab, found: Sequence[Told]) -> None:
    """How long a call waited that was told to wait."""
    waits = []
    for told in found:
        for at, entry in enumerate(told.entries):
            later = next((other for other in told.entries[at + 1 :] if other.body == entry.body), None)
            if entry.fault == "rate_limit" and later is not None and entry.ended is not None:
                waits.append((later.arrived - entry.ended, f"{told.tag}: request {later.number} after {entry.number}"))
    early = [f"{where}: {wait:.2f} s" for wait, where in waits if wait < ASKED]
    measured = f"{len(waits)} waits" + (f", the shortest {min(waits)[0]:.2f} s" if waits else "")
    lab.note(NAME, f"Retry-After ({ASKED:g} s) is kept to", measured, not early if waits else None, early)


# ------------------------------------------------------------------------------------------ injections come as data


def _note_injections(lab: Lab, found: Sequence[Told]) -> None:
    injected = {text for told in found for entry in told.entries for text in entry.injected}
    back = {text for told in found for entry in told.entries for text in entry.returned}
    astray = [
        f"{told.tag}: request {entry.number}: {entry.astray}"
        for told in found
        for entry in told.entries
        if entry.astray
    ]
    measured = f"{len(injected)} texts injected, {len(back)} came back unchanged inside the block, {len(astray)} astray"
    kept = not astray if back or not injected else False
    lab.note(NAME, "injected texts stay data in prompts", measured, kept, astray)
    shown = [f"{told.tag}: {fault}" for told in found for fault in told.shown]
    lab.note(NAME, "no control character reaches the terminal", f"{len(shown)} places", not shown, shown)


def look_at(launcher: Launcher, folder: Path, entries: Sequence[Entry]) -> list[str]:
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
