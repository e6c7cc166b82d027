"""What all experiments share: the runs that they make, where these lie, and the table that they fill."""

import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.killer import Forks, Launcher, Life, Processes
from tests.chaos.remote import ROOT, Server
from tests.graph.toy import write_domain, write_reports


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

    def launcher(self, folder: Path) -> Launcher:
        """What runs this case."""
        return Forks(folder, self.student) if self.student else Processes(folder)

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
    full = (*options, *sets("student.tune=full", "student.steps=6", "student.passes=0.1"))
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

    def cases(self, quick: bool | None = None) -> list[Case]:
        """One case per task: quick ones where asked for, or where everything is to be short."""
        return self._quick if (self.short if quick is None else quick) else real_cases()

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


def tell_end(life: Life) -> str:
    """How a process ended, for evidence."""
    return f"exit {life.code}: {life.last_line[:300]}"


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
