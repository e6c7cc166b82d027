"""What all experiments share: the runs that they make, where these lie, and the table that they fill."""

import json
import random
import re
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.chaos.killer import Forks, Launcher, Life, Processes
from tests.chaos.remote import ROOT, Server
from tests.graph.toy import write_domain, write_reports

ResultT = TypeVar("ResultT")
AT_ONCE = 2
"""Cases that are worked on at a time."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    experiment: str
    promise: str
    measured: str
    kept: bool | None
    """None: told, not promised."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A domain with the options of a run on it.

    Attributes:
        name: of the domain; also the model's name, which tells the server which corpus to answer from.
        student: a name in `tests.graph.toy.STUDENTS` for forked processes; empty for real ones and the real student.
    """

    name: str
    domain: Path
    options: tuple[str, ...]
    student: str = ""

    def command(self, server: Server, tag: str, runs: Path, *more: str) -> list[str]:
        """The command that starts a run of this case, counted by the server under its tag."""
        where = ["--teacher", self.name, "--base-url", server.url(tag), "--runs-dir", str(runs), "--run-id", tag]
        return ["run", str(self.domain), *self.options, *where, *more]


def sets(*assignments: str) -> tuple[str, ...]:
    """`--set` options."""
    return tuple(part for assignment in assignments for part in ("--set", assignment))


_LESSONS = ("curriculum.quotas.drafts=32", "curriculum.quotas.lesson=5", "teacher.concurrency=4")


def real_cases() -> list[Case]:
    """The shipped domains with the real student: its output layer alone, and a few steps of full training."""
    options = ("--cycles", "2", "--device", "cpu", "--seed", "1", *sets(*_LESSONS))
    shipped = ROOT / "domains"
    head = (*options, *sets("student.tune=head"))
    full = (*options, *sets("student.tune=full", "student.steps=6", "student.min_epochs=0.1"))
    return [
        Case("support_tickets", shipped / "support_tickets", head),
        Case("field_reports", shipped / "field_reports", full),
    ]


def quick_cases(folder: Path) -> list[Case]:
    """Small cuts of the shipped domains with students that count words."""
    options = ("--cycles", "2", "--device", "cpu", "--seed", "1", *sets(*_LESSONS, "gate.tolerance=1"))
    return [
        Case("toy", write_domain(folder / "toy"), options, "words"),
        Case("reports", write_reports(folder / "reports"), options, "tagger"),
    ]


@dataclass
class Lab:
    """Where experiments are made.

    Attributes:
        folder: everything that is written lies in it.
        short: whether forked processes with word students will do.
        kills: how many kills the first experiment makes.
    """

    folder: Path
    seed: int = 0
    short: bool = False
    kills: int = 50
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = time.monotonic()
        self._quick = quick_cases(self.folder / "domains")
        self._launchers: dict[tuple[str, int], Launcher] = {}
        for case in self._quick:
            self.launcher(case)  # takes some seconds to load everything, while the first server starts

    def cases(self, quick: bool | None = None) -> list[Case]:
        """One case per task: quick ones where asked for, or where everything is to be short."""
        return self._quick if (self.short if quick is None else quick) else real_cases()

    def launcher(self, case: Case, number: int = 1) -> Launcher:
        """What runs a case, the same for all experiments; another number gives one that works at the same time."""
        if (case.name, number) not in self._launchers:
            folder = self.folder / "output" / f"{case.name}-{number}"
            made = Forks(folder, case.student) if case.student else Processes(folder)
            self._launchers[case.name, number] = made
        return self._launchers[case.name, number]

    def each(self, cases: Sequence[Case], work: Callable[["Lab", Case], ResultT]) -> list[ResultT]:
        """Work on several cases, two at a time; their lines come into the table in the order of the cases."""
        parts = [copy(self) for _ in cases]
        for part in parts:
            part.rows = []
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                return list(pool.map(work, parts, cases))
        finally:
            for part in parts:
                self.rows += part.rows

    def close(self) -> None:
        """End what runs the cases."""
        for launcher in self._launchers.values():
            launcher.close()

    def serve(self, cases: Sequence[Case], **settings: Any) -> Server:
        """A server for these cases."""
        corpora = {case.name: case.domain / "corpus.jsonl" for case in cases}
        return Server(corpora, **{"seed": self.seed, **settings})

    def chance(self, *place: object) -> random.Random:
        """Random numbers that belong to a place."""
        return random.Random("/".join(str(part) for part in (self.seed, *place)))

    def note(
        self, experiment: str, promise: str, measured: object, kept: bool | None = None, evidence: Sequence[str] = ()
    ) -> None:
        """Put a line into the table."""
        self.rows.append(Row(experiment, promise, str(measured), kept, tuple(evidence)))

    def say(self, text: str) -> None:
        """Tell how far it is, on standard error."""
        sys.stderr.write(f"[{time.monotonic() - self.began:6.1f} s] {text}\n")
        sys.stderr.flush()


Experiment = Callable[[Lab], None]


def dataset(folder: Path) -> bytes:
    """The accepted set as the run wrote it; empty where it wrote none."""
    path = folder / "dataset" / "train.jsonl"
    return path.read_bytes() if path.is_file() else b""


def samples(folder: Path) -> list[dict[str, Any]]:
    """The accepted set without the numbers of its calls: a call that failed before has taken one."""
    rows = [json.loads(line) for line in dataset(folder).decode().split("\n") if line]
    return [{key: value for key, value in row.items() if key not in ("draft_call", "label_call")} for row in rows]


def tell_end(life: Life) -> str:
    """How a process ended, for evidence: its last line, or the error that a traceback ends with."""
    lines = life.err.splitlines()
    errors = [line for line in lines if re.match(r"[\w.]+(Error|Exception|Full)\b", line)]
    last = f"traceback: {errors[-1]}" if errors and "Traceback" in life.err else life.last_line
    return f"exit {life.code}: {last[:300]}"


def write_table(rows: Sequence[Row]) -> str:
    """The table in Markdown, with the evidence of what was broken below it."""
    lines = ["| experiment | what is promised, or told | measured | kept |", "|---|---|---|---|"]
    for row in rows:
        kept = {True: "yes", False: "**NO**", None: ""}[row.kept]
        cells = (text.replace("|", "\\|").replace("\n", " ") for text in (row.experiment, row.promise, row.measured))
        lines.append(f"| {' | '.join(cells)} | {kept} |")
    broken = [row for row in rows if row.kept is False]
    if broken:
        lines += ["", "Broken promises:", ""]
    for row in broken:
        lines.append(f"- {row.experiment}: {row.promise}: {row.measured}")
        lines += [f"  - `{line.replace('`', chr(39))[:500]}`" for line in row.evidence[:6]]
        lines += [f"  - and {len(row.evidence) - 6} more"] if len(row.evidence) > 6 else []
    return "\n".join(lines) + "\n"
