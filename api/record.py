"""The record of a run: summary, cycles, weaknesses, samples with their lineage, calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evokd.api.run_state import RunState, read_state
from evokd.graph.ending import lacks_end
from evokd.graph.setup.run_folder import SHIPPED_EXAMPLE, RunFolder, find_run_to_show, read_config
from evokd.graph.setup.run_folder import find_run as find_folder
from evokd.graph.setup.run_store import choose_store, fetch_run, name_place
from evokd.messages import CallRecord, InputError
from evokd.tracing.events import read_events
from evokd.tracing.gate_outcome import name_outcome
from evokd.tracing.ledger import Ledger, Sample, open_ledger
from evokd.tracing.reviews import REVIEWED, ReviewDecision
from evokd.tracing.rows import (
    CURATION,
    GATE,
    KINDS,
    TRAINING,
    Answer,
    GateRecord,
    LessonRow,
    PlanRecord,
    QuotaRecord,
    StatementTest,
    WeaknessRow,
)
from evokd.tracing.summary import read_summary
from evokd.tracing.timeline import make_timeline
from evokd.tracing.usage import AgentUse, NodeTimes, find_slowest, measure_agents

__all__ = [
    "AgentUse",
    "Answer",
    "CURATION",
    "GATE",
    "GateRecord",
    "KINDS",
    "Ledger",
    "LessonRow",
    "NodeTimes",
    "PlanRecord",
    "QuotaRecord",
    "REVIEWED",
    "ReviewDecision",
    "Run",
    "Sample",
    "StatementTest",
    "TRAINING",
    "WeaknessRow",
    "find_local_run",
    "find_run",
    "find_slowest",
    "measure_agents",
    "name_outcome",
    "open_run",
]
"""With the types of what a run's ledger holds, and what is added up of it."""


class Run:
    """A run, read from its folder, which is not changed.

    Args:
        folder: the folder of the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"Run({str(self.folder.path)!r})"

    def _repr_html_(self) -> str:
        """The report in a frame, for notebooks."""
        from evokd.api.viewing import make_page
        from evokd.viewer.pages import make_frame

        return make_frame(make_page([self]))

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.folder.path

    @property
    def id(self) -> str:
        """The run's name."""
        return self.folder.run_id

    @property
    def store(self) -> str | None:
        """The database in which it is kept, without password, and its schema; None: it is kept in its folder alone."""
        return name_place(self.folder)

    @property
    def has_ended(self) -> bool:
        """Whether it has come to its end and left a summary."""
        return self.folder.summary.is_file()

    @property
    def lacks_end(self) -> bool:
        """Whether it has a summary but not its last event, which `api.resume` writes."""
        return lacks_end(self.folder)

    @property
    def is_shipped(self) -> bool:
        """Whether it is the run that comes with the program."""
        return self.folder.path == SHIPPED_EXAMPLE

    @property
    def state(self) -> RunState:
        """Whether it is running, done, parked, interrupted or killed, and why it stopped."""
        summary = self.summary
        return read_state(self.folder, summary, () if summary is not None else self.events())

    @property
    def student(self) -> Path:
        """The folder of the trained student, which plain transformers loads; it exists once the run has ended."""
        return self.folder.student

    def find_student(self) -> Path:
        """The folder of the trained student, which is there.

        Raises:
            InputError: the run has no student yet, or none any more; says how to get one.
        """
        if self.student.is_dir():
            return self.student
        if self.folder.is_running:
            fault = "it has not ended and so has no student yet; wait until it has"
        elif not self.has_ended:
            fault = f"it has not ended and so has no student yet; go on with: evokd resume {self.path}"
        elif self.is_shipped:
            fault = "the run that comes with the program has no student; make a run of your own with: evokd run DOMAIN"
        else:
            fault = (
                "its student was deleted, as experiments do after their runs; start a run that keeps it: evokd run"
                f" (its texts are there: evokd export {self.path} --format dataset)"
            )
        raise InputError(f"{self.path}: {fault}")

    @property
    def summary(self) -> dict[str, Any] | None:
        """The content of `summary.json`; None while the run has not ended."""
        return read_summary(self.folder.summary)

    @property
    def cycles(self) -> list[dict[str, Any]]:
        """The cycles of the summary: accepted, rejected, calls, tokens, cost, seconds, gate; [] before the end."""
        return list((self.summary or {}).get("cycles", []))

    def weaknesses(self, cycle: int | None = None) -> list[WeaknessRow]:
        """The weaknesses that the Analyst named, with their state and effect: of a cycle, or of the run."""
        with self.ledger() as ledger:
            return ledger.weaknesses(cycle)

    def samples(self, cycle: int | None = None) -> list[Sample]:
        """All texts with their lineage (lesson, weakness, calls) and their state: of a cycle, or of the run."""
        with self.ledger() as ledger:
            return ledger.samples(cycle=cycle)

    def calls(self, cycle: int | None = None) -> list[CallRecord]:
        """All attempts at calls of the teacher, with prompts, raw replies, tokens and seconds."""
        with self.ledger() as ledger:
            return ledger.calls(cycle)

    def events(self) -> list[dict[str, Any]]:
        """The event log, in order; [] where there is none."""
        path = self.folder.events
        return [event for event in read_events(path) if isinstance(event, dict)] if path.is_file() else []

    def prompt_of(self, call: CallRecord) -> str | None:
        """Name and version of the prompt with which a call was made; None where the record does not say."""
        with self.ledger() as ledger:
            stored = ledger.recall("prompts") or {}
        for known in stored.get("sets") or ():
            prompt = (known.get("roles") or {}).get(call.role)
            if known.get("hash") == call.prompts and prompt:
                return f"{prompt['name']} v{prompt['version']}"
        prompts = read_config(self.folder)["prompts"]
        name = (prompts.get("files") or {}).get(call.role) if prompts.get("hash") == call.prompts else None
        return str(name) if name else None

    def node_times(self, ledger: Ledger) -> NodeTimes:
        """The wall-clock seconds of its nodes; `ledger`: its ledger, open for reading."""
        return NodeTimes(make_timeline(self.events()), ledger)

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The run's ledger, to be read."""
        ledger = open_ledger(self.folder.ledger)
        try:
            yield ledger
        finally:
            ledger.close()


def open_run(name: "str | Path | Run", runs_dir: str | Path = "runs") -> Run:
    """Open a run by its folder or by its id in `runs_dir`; `example` is the shipped example.

    Raises:
        InputError: there is no such run.
    """
    if isinstance(name, Run):
        return name
    return Run(find_run_to_show(str(name), Path(runs_dir)))


def find_run(name: str | Path, runs_dir: str | Path = "runs", store: str | None = None) -> Run:
    """Open a run to go on with it, by its folder or by its id in `runs_dir`.

    Args:
        name: the run.
        runs_dir: folder that holds the runs.
        store: address of the database that keeps the run; a folder is made for it in `runs_dir`, if there is none.
            None: the folder says where it is kept; if there is no folder, the database in EVOKD_STORE is asked.

    Raises:
        InputError: there is no such run, or the database refuses.
    """
    if store is None:
        try:
            return find_local_run(name, runs_dir)
        except InputError:
            store = choose_store(None)
            if store is None:
                raise
    path = Path(name)
    return Run(fetch_run(store, path.name, Path(runs_dir) if path.name == str(name) else path.parent))


def find_local_run(name: str | Path, runs_dir: str | Path = "runs") -> Run:
    """Open a run that has its folder on this machine, by that folder or by its id in `runs_dir`.

    Raises:
        InputError: there is no such run.
    """
    return Run(find_folder(str(name), Path(runs_dir)))
