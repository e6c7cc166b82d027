"""Experiment: a run with a budget of tokens; what the server counts stays within it and the calls in flight."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evokd.tracing.summary import read_summary
from tests.chaos.book import Entry
from tests.chaos.killer import Launcher, Life
from tests.chaos.kills import run_whole
from tests.chaos.lab import Case, Lab, dataset, sets, tell_end
from tests.chaos.remote import Server

NAME = "caps"
SHARES = (0.02, 0.15, 0.4, 0.7)
"""Budgets, as shares of what the run takes without one."""
CONCURRENCY = (8, 32)
SENT = 0.1
"""Seconds after the budget is spent within which a call may still arrive at the server: it was sent before."""
SMALL = sets("curriculum.quotas.drafts=48", "curriculum.quotas.lesson=2")
"""Lessons so small that as many are asked for at once as the settings allow."""
FAULTS: dict[str, dict[str, Any]] = {
    "no faults": {"rate": 0.0},
    "20 % dropped or half": {"rate": 0.2, "kinds": ["dropped", "half_body"]},
}


@dataclass(frozen=True)
class Spent:
    """What a run with a budget has spent, in tokens as the server counts them."""

    cap: int
    total: int
    in_flight: int
    """Tokens of the calls in flight when the budget was spent."""

    @property
    def within(self) -> bool:
        """Whether it stayed within the budget and what was in flight."""
        return self.total <= self.cap + self.in_flight


def judge_cap(entries: Sequence[Entry], cap: int) -> Spent:
    """Find when a budget was spent, and what was in flight then."""
    total = 0
    spent_at = None
    for entry in sorted(entries, key=lambda entry: entry.ended or 0.0):
        total += entry.tokens
        if spent_at is None and total >= cap:
            spent_at = entry.ended
    if spent_at is None:
        return Spent(cap, total, 0)
    flying = [e for e in entries if e.arrived <= spent_at + SENT and (e.ended is None or e.ended >= spent_at)]
    return Spent(cap, total, sum(entry.tokens for entry in flying))


def cap_runs(lab: Lab) -> None:
    """Give runs of every task budgets of several sizes, with few and many calls at once, with and without faults."""
    lab.each(lab.cases(quick=True), _cap_case)


def _cap_case(lab: Lab, case: Case) -> None:
    launcher = lab.launcher(case)
    with lab.serve([case], latency=0.3, spread=0.8) as server:
        quiet = Case(case.name, case.domain, (*case.options, *SMALL, *sets("teacher.concurrency=32")), case.student)
        whole, pace = run_whole(lab, quiet, server, launcher, f"{case.name}-free")
        free = server.stats(whole.tag)["tokens"]
        lab.note(NAME, f"{case.name} without a budget", f"{free:,} tokens, {pace.whole:.1f} s")
        budgets = [max(500, int(free * part)) for part in (SHARES[1:3] if lab.short else SHARES)]
        for concurrency in CONCURRENCY[1:] if lab.short else CONCURRENCY:
            for name, faults in FAULTS.items():
                if lab.short and (name == "no faults") != (case.student == "words"):
                    continue
                server.set(**faults)
                found = [_cap_run(lab, case, server, launcher, cap, concurrency, name) for cap in budgets]
                _note(lab, f"{NAME}: {case.name}, {concurrency} at once, {name}", found)


def _cap_run(
    lab: Lab, case: Case, server: Server, launcher: Launcher, cap: int, concurrency: int, faults: str
) -> tuple[Spent, Life, str]:
    tag = f"{case.name}-{cap}-{concurrency}-{faults.replace(' ', '').replace('%', '')}"
    runs = lab.folder / "runs"
    budget = ("--budget-tokens", str(cap), *sets(f"teacher.concurrency={concurrency}"))
    life = launcher(*case.command(server, tag, runs, *SMALL, *budget))
    summary = read_summary(runs / tag / "summary.json")
    reason = str(summary["stop_reason"]) if summary else "none"
    spent = judge_cap(server.log(tag), cap)
    most = server.stats(tag)["most_in_flight"]
    lab.say(f"{tag}: {spent.total} of {cap} spent, {most} at once at most; {tell_end(life)[:60]}")
    samples = dataset(runs / tag).count(b"\n")
    return spent, life, f"{reason}, {samples} samples"


def _note(lab: Lab, name: str, found: Sequence[tuple[Spent, Life, str]]) -> None:
    told = "; ".join(f"{spent.total:,} of {spent.cap:,} (+ {spent.in_flight:,})" for spent, _, _ in found)
    over = [
        f"budget {spent.cap:,}: {spent.total:,} counted, {spent.in_flight:,} of them in flight when it was spent"
        for spent, _, _ in found
        if not spent.within
    ]
    lab.note(name, "counted never exceeds the budget (+ in flight when it was spent)", told, not over, over)
    bad = [f"budget {spent.cap:,}: {tell_end(life)}" for spent, life, _ in found if life.code != 0]
    ends = "; ".join(dict.fromkeys(f"exit {life.code}, {reason}" for _, life, reason in found))
    lab.note(name, "a spent budget is a good end (exit 0)", ends, not bad, bad)
