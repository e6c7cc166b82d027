"""Experiment: the server is down for a while in the middle of a run; the run parks, is resumed, and ends the same."""

import shlex
import time
from pathlib import Path
from typing import Any

from tests.chaos.book import Entry
from tests.chaos.judge import find_orphans, judge_calls, stored_calls
from tests.chaos.killer import Launcher, Life
from tests.chaos.kills import run_whole
from tests.chaos.lab import Case, Lab, samples, sets, tell_end
from tests.chaos.remote import Server

NAME = "outage"
PATIENCE = 4.0
"""Seconds of failures after which a run shall park."""
LATE = 10.0
"""Seconds that it may take longer: a last wait, the end of the student process."""
BLIP = 1.5
"""Seconds of an outage that a run shall sit out."""
SETTING = f"teacher.limits.patience={PATIENCE:g}"


def interrupt_service(lab: Lab) -> None:
    """Take the server away from runs of every task, in two ways and for longer and shorter than they wait."""
    cases = lab.cases(quick=True)[:1] if lab.short else [*lab.cases(quick=True), lab.cases(quick=False)[0]]
    lab.each(cases, _interrupt)


def _interrupt(lab: Lab, case: Case) -> None:
    launcher = lab.launcher(case)
    with lab.serve([case], latency=0.05, spread=0.8) as server:
        whole, _ = run_whole(lab, case, server, launcher, f"{case.name}-before")
        half = server.stats(whole.tag)["answers"] // 2
        # the real student takes its time and has no part in this: it goes through one outage
        for way in ("refuse", "503") if case.student else ("refuse",):
            outage = _Outage(lab, case, server, launcher, way, samples(whole.folder), half)
            outage.park_and_resume()
            if case.student:
                outage.sit_out()


class _Outage:
    """One way to be down, for one case."""

    def __init__(
        self,
        lab: Lab,
        case: Case,
        server: Server,
        launcher: Launcher,
        way: str,
        expected: list[dict[str, Any]],
        half: int,
    ) -> None:
        self._lab, self._case, self._server, self._launcher, self._way = lab, case, server, launcher, way
        self._expected, self._half = expected, half
        self._runs = lab.folder / "runs"

    def _note(self, promise: str, measured: object, kept: bool | None, *evidence: str) -> None:
        self._lab.note(f"{NAME}: {self._case.name}, {self._way}", promise, measured, kept, evidence)

    def _start(self, tag: str, down_for: float | None) -> tuple[Life, bool]:
        """Start a run on a server that goes down half way; says also whether the run knows the setting."""
        known = True
        for options in (sets(SETTING), ()):
            self._server.set(down=None, down_after=self._half, down_how=self._way, down_for=down_for)
            command = self._case.command(self._server, tag, self._runs, *options)
            life = self._launcher(*command)
            if life.code != 2 or "teacher.limits" not in life.err:
                break
            known = False
        self._lab.say(f"{tag}: {tell_end(life)[:110]}")
        return life, known

    def park_and_resume(self) -> None:
        """The server stays away: the run parks; it parks again while nothing has changed; then it goes on."""
        tag = f"{self._case.name}-{self._way}"
        folder = self._runs / tag
        life, known = self._start(tag, None)
        lives, stored = [life], [stored_calls(folder)]
        went = max((entry.answered or 0) for entry in self._server.log(tag))
        if not known:
            self._note(f"patience can be set ({SETTING})", "unknown key", False, life.last_line)
        waited = life.end - went
        in_time = PATIENCE * 0.8 <= waited <= PATIENCE + LATE
        self._note(
            f"the run parks (exit 3) after {PATIENCE:g} s of failures, within {LATE:g} s",
            f"exit {life.code} after {waited:.1f} s",
            life.code == 3 and in_time,
            tell_end(life),
        )
        hint = _resume_command(life, folder)
        one = [line for line in life.err.splitlines() if line.startswith("evokd: ")]
        clear = len(one) == 1 and hint is not None and "Traceback" not in life.err
        self._note("one line with reason and resume command", life.last_line, clear, life.last_line)
        while_down = self._launcher("resume", str(folder))
        lives.append(while_down)
        stored.append(stored_calls(folder))
        self._note("resumed too early it parks again", f"exit {while_down.code}", while_down.code == 3)
        tries = len([entry for entry in self._server.log(tag) if entry.fault == "down"])
        if self._way == "503":
            self._note("requests made while the server was down", tries, None)
        self._server.set(down=None, down_after=None)
        lives.append(self._launcher(*(hint or ["resume", str(folder)])))
        stored.append(stored_calls(folder))
        self._judge_end(folder, self._server.log(tag), lives, stored)

    def sit_out(self) -> None:
        """The server is back before the run loses its patience."""
        tag = f"{self._case.name}-{self._way}-blip"
        life, _ = self._start(tag, BLIP)
        # the server comes up by itself; wait for that, whatever became of the run
        time.sleep(BLIP)
        self._server.set(down=None, down_after=None)
        same = samples(self._runs / tag) == self._expected
        told = f"exit {life.code}, accepted set {'the same' if same else 'another'}"
        self._note(f"{BLIP:g} s without the server are sat out", told, life.code == 0 and same, tell_end(life))

    def _judge_end(self, folder: Path, entries: list[Entry], lives: list[Life], stored: list[set[str]]) -> None:
        end = lives[-1]
        self._note("the resume command ends the run", f"exit {end.code}", end.code == 0, tell_end(end))
        if end.code != 0:
            return
        same = samples(folder) == self._expected
        self._note("the accepted set equals the uninterrupted run's", "the same" if same else "another", same)
        # what the outage cut off was in flight; complete answers alone must not come twice
        calls = judge_calls([entry for entry in entries if entry.answered is not None], lives, stored)
        again = (*calls.stored_again, *calls.too_many, *calls.lost)
        self._note("nothing that was answered is asked again", f"{calls.repeats} repeats", not again, *again)
        loose = find_orphans(folder)
        self._note("nothing in the ledger is orphaned", f"{len(loose)} orphans", not loose, *loose)


def _resume_command(life: Life, folder: Path) -> list[str] | None:
    """The arguments of the resume command that the last line tells."""
    _, sign, told = life.last_line.partition("go on with: ")
    if not sign or "resume" not in told:
        return None
    words = shlex.split(told)
    words = words[words.index("resume") :]
    return words if Path(words[-1]) == folder else None
