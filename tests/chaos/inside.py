"""Experiment: a storm of errors inside answers with status 200; the run waits, and ends as if there had been none."""

import re
from collections import Counter
from collections.abc import Sequence

from tests.chaos.book import Entry
from tests.chaos.judge import find_orphans
from tests.chaos.kills import run_whole
from tests.chaos.lab import Case, Lab, samples, tell_end
from tests.chaos.storm import ledger_calls, unrecorded

NAME = "inside"
STORM = 2.0
"""Seconds of the storm."""
MOST_TRIES = 6
"""Tries of one call in that time: the waits between them double from half a second on."""
_COUNTED = re.compile(r"(\d+) more failed call")
"""How the program tells of failed calls whose error it has told before."""


def report_inside(lab: Lab) -> None:
    """Let a server answer with 200 and an error 429 for a while in the middle of a run of every task."""
    lab.each(lab.cases(quick=True)[:1] if lab.short else lab.cases(quick=True), _report_inside)


def _report_inside(lab: Lab, case: Case) -> None:
    launcher = lab.launcher(case)
    tag = f"{case.name}-inside"
    folder = lab.folder / "runs" / tag
    with lab.serve([case], latency=0.05, spread=0.8) as server:
        whole, _ = run_whole(lab, case, server, launcher, f"{tag}-before")
        half = server.stats(whole.tag)["answers"] // 2
        server.set(down_after=half, down_how="200", down_for=STORM)
        life = launcher(*case.command(server, tag, lab.folder / "runs"))
        server.set(down=None, down_after=None)
        entries = server.log(tag)
    struck = [entry for entry in entries if entry.fault == "down"]
    where = f"{NAME}: {case.name}"
    lab.say(f"{tag}: {len(entries)} requests, {len(struck)} errors inside 200; {tell_end(life)[:90]}")
    same = samples(folder) == samples(whole.folder)
    told = f"exit {life.code}, {len(struck)} errors, accepted set {'the same' if same else 'another'}"
    lab.note(
        where, f"{STORM:g} s of errors inside HTTP 200 cost nothing", told, life.code == 0 and same, [tell_end(life)]
    )
    most = max(count_tries(struck), default=0)
    lab.note(where, f"calls wait meanwhile: {MOST_TRIES} tries each at most", most, 0 < most <= MOST_TRIES)
    said = life.out + life.err
    quoted = sum(entry.marker in said for entry in struck)
    counted = sum(map(int, _COUNTED.findall(said)))
    told = f"{quoted} told, {counted} counted, of {len(struck)}"
    lab.note(
        where, "the server's own words are told, repeats counted", told, quoted + counted == len(struck) > 0 < quoted
    )
    missing = unrecorded(entries, ledger_calls(folder))
    lost = [f"request {entry.number}, {entry.marker}" for entry in missing]
    lab.note(
        where,
        "every error is in the ledger with its raw body",
        f"{len(struck) - len(lost)} of {len(struck)}",
        not lost,
        lost,
    )
    loose = find_orphans(folder)
    lab.note(where, "nothing in the ledger is orphaned", f"{len(loose)} orphans", not loose, loose)


def count_tries(entries: Sequence[Entry]) -> list[int]:
    """How often each call was tried among these requests."""
    return list(Counter(entry.call for entry in entries).values())
