"""Start a planned run, resume a run: drive the graph to its end, leave a summary."""

import asyncio
import math
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evokd.agents.llm.attempt import TeacherError
from evokd.agents.llm.budget import BudgetLimit
from evokd.agents.llm.client import Teacher
from evokd.graph.checkpoints import open_checkpoints
from evokd.graph.context import RunContext
from evokd.graph.estimate import estimate_draft, estimate_run
from evokd.graph.io_errors import disk_errors
from evokd.graph.nodes.curate import brought_nothing
from evokd.graph.setup.config_layers import ConfigSource
from evokd.graph.setup.plan import Plan, describe_plan, record_config, record_plan, replan_run
from evokd.graph.setup.readability import refuse_unreadable
from evokd.graph.setup.recorded_teacher import make_transport
from evokd.graph.setup.resume_check import Change, compare_libraries, find_changes, refuse
from evokd.graph.setup.run_folder import ResumeError, RunFolder, create_folder, read_config, write_config
from evokd.graph.setup.simulated_teacher import make_corpus, never_served
from evokd.graph.stopping import Stop, Stopped
from evokd.messages import CallRecord, EvokdError
from evokd.student.process.client import StudentClient
from evokd.student.protocol import Student
from evokd.tracing.events import EventLog, Listener
from evokd.tracing.ledger import Ledger
from evokd.tracing.summary import read_summary

if TYPE_CHECKING:
    import httpx2
    from langchain_core.runnables import RunnableConfig
    from langgraph.graph.state import CompiledStateGraph

    from evokd.simulator.corpus import Corpus

PLAN = "plan"
"""Under which name the ledger keeps what a run was begun with."""
THREAD: "RunnableConfig" = {"configurable": {"thread_id": "run"}, "recursion_limit": 1_000_000}


@dataclass(frozen=True)
class _ResumeInfo:
    """How a run goes: from its start, or on from where it was, perhaps under other settings."""

    resumed: bool = False
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunOverrides:
    """What somebody who drives many runs lends to each of them."""

    student: Student | None = None
    """Trains and answers, and outlives the run; None: the run has a student process of its own."""
    keep_versions: bool = False
    """Whether the work folder stays, with every student that became champion."""
    corpus: "Corpus | None" = None
    """What the rehearsal teacher answers from, indexed before; None: it is indexed for the run."""


_ALONE = RunOverrides()


def start_run(
    plan: Plan, runs_dir: Path, run_id: str | None, listeners: tuple[Listener, ...] = (), host: RunOverrides = _ALONE
) -> dict[str, Any]:
    """Start a run and drive it to its end; returns the summary.

    Raises:
        InputError: the student cannot read the texts, or the run folder cannot be made.
        DiskError: a file of the run cannot be written; the run can be resumed.
        TeacherError: the teacher cannot be used; the run can be resumed.
    """
    refuse_unreadable(plan.sight, plan.settings)
    # a domain's name may be longer than a file's
    made = f"{plan.domain.file.name[:60]}-{datetime.now(UTC):%Y%m%d-%H%M%S}-s{plan.settings.seed}"
    folder = create_folder(runs_dir, run_id if run_id is not None else made)
    with disk_errors(folder), folder.lock():
        try:
            # from here on the folder is a run, and it is held already
            write_config(folder, describe_plan(plan))
            return _drive(plan, folder, listeners, _ResumeInfo(), host)
        finally:
            if not folder.config.is_file():
                shutil.rmtree(folder.path, ignore_errors=True)


def resume_run(
    folder: RunFolder,
    listeners: tuple[Listener, ...] = (),
    layers: Sequence[ConfigSource] = (),
    force: bool = False,
    host: RunOverrides = _ALONE,
    domain: str | None = None,
) -> dict[str, Any]:
    """Go on with an interrupted run; returns the summary. A finished run is left as it is.

    Args:
        folder: the run's.
        listeners: called with every event.
        layers: settings that are to be other than they were, later ones win.
        force: go on whatever has become different.
        host: who drives the run, where it is one of many.
        domain: where the run's domain is now; None: where it was.

    Raises:
        ResumeError: version, settings, prompts or data are other than those that the run was begun with, the run has
            ended and cannot be prolonged, or another process works on it.
        DiskError: a file of the run cannot be read or written; the run can be resumed.
    """
    with disk_errors(folder):
        done = read_summary(folder.summary)
        if done is None:
            with folder.lock():
                done = read_summary(folder.summary)  # another process may have ended it up to now
                if done is None:
                    plan, going = _replan(folder, layers, force, domain)
                    return _drive(plan, folder, listeners, going, host)
        if any(layer.values for layer in layers):
            raise ResumeError(
                f"run {folder.run_id} has ended ({done['stop_reason']}), its test data was scored;"
                " start a new run for other settings"
            )
        if not host.keep_versions:
            _clear_work(folder)
    for listener in listeners:
        listener({"event": "finished", **done})
    return done


def _replan(
    folder: RunFolder, layers: Sequence[ConfigSource], force: bool, domain: str | None
) -> tuple[Plan, _ResumeInfo]:
    """Plan a run again, and compare with what it was begun with.

    Raises:
        ResumeError: something is different that must not be, without force.
    """
    record = read_config(folder)
    plan = replan_run(folder, record, layers, domain)
    began, now = _recall(folder) or record_config(record), record_plan(plan)
    changes = find_changes(began, now)
    if not force:
        refuse(folder.run_id, changes)
    notes = [note for note in (compare_libraries(began, now), _tell_move(record, plan)) if note]
    if changes or notes:
        write_config(folder, describe_plan(plan))
    return plan, _ResumeInfo(True, tuple(changes), tuple(notes))


def _tell_move(record: Mapping[str, Any], plan: Plan) -> str | None:
    """Tell where the domain is now, if that is another place."""
    old, new = record["domain_folder"], str(plan.domain.folder)
    return None if old == new else f"the domain is in {new} now; it was in {old}"


def _recall(folder: RunFolder) -> dict[str, Any] | None:
    """What the run was begun with, as its ledger has it."""
    if not folder.ledger.is_file():
        return None
    with Ledger(folder.ledger, read_only=True) as ledger:
        return ledger.recall(PLAN)


def _clear_work(folder: RunFolder) -> None:
    """Finish what a run was about to do when it was killed between its summary and its end."""
    if folder.work.is_dir():
        with folder.lock():
            shutil.rmtree(folder.work, ignore_errors=True)


def _drive(
    plan: Plan, folder: RunFolder, listeners: tuple[Listener, ...], going: _ResumeInfo, host: RunOverrides
) -> dict[str, Any]:
    # plain types alone are read back from checkpoints; LangGraph reads this when it is first imported
    os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
    log = EventLog(folder.events, folder.run_id, listeners)
    try:
        return asyncio.run(_run(plan, folder, log, going, host))
    except TeacherError as exc:
        with suppress(OSError):  # the first error is the one to tell
            log("parked", reason=str(exc))
        raise
    except (KeyboardInterrupt, asyncio.CancelledError, BrokenPipeError) as exc:
        closed = {"reason": "its output was closed"} if isinstance(exc, BrokenPipeError) else {}
        with suppress(OSError):
            log("interrupted", **closed)
        raise
    finally:
        log.close()


async def _run(plan: Plan, folder: RunFolder, log: EventLog, going: _ResumeInfo, host: RunOverrides) -> dict[str, Any]:
    stop = Stop()
    try:
        with stop:
            return await _work(plan, folder, log, going, host, stop)
    except asyncio.CancelledError as exc:
        if stop.number is None:
            raise
        raise Stopped(stop.number) from exc


async def _work(
    plan: Plan, folder: RunFolder, log: EventLog, going: _ResumeInfo, host: RunOverrides, stop: Stop
) -> dict[str, Any]:
    async with _open_context(plan, folder, log, host, stop) as run_context:
        estimate = None if going.resumed else estimate_run(plan).tell()
        log("run_resumed" if going.resumed else "run_started", **_announce(plan, folder, going), estimate=estimate)
        if going.changes:
            log("changed", changes=[{"free": change.free, **_told(change)} for change in going.changes])
        run_context.ledger.remember(PLAN, record_plan(plan))
        await _invoke(run_context, going)
    summary = read_summary(folder.summary)
    if summary is None:
        raise EvokdError(f"{folder.path}: the graph ended without a summary; its events are in {folder.events}")
    if not host.keep_versions:
        shutil.rmtree(folder.work, ignore_errors=True)
    log("finished", **summary)
    return summary


def _told(change: Change) -> dict[str, Any]:
    return {"kind": change.kind, "key": change.key, "lines": list(change.lines)}


def _announce(plan: Plan, folder: RunFolder, going: _ResumeInfo) -> dict[str, Any]:
    settings = plan.settings
    return {
        "folder": str(folder.path),
        "domain": plan.domain.file.name,
        "task": plan.domain.codec.name,
        "preset": plan.preset,
        "teacher": settings.teacher.model,
        "rehearsal": settings.teacher.is_embedded(),
        "student": settings.student.base,
        "metric": settings.gate.metric or plan.domain.metric,
        "cycles": settings.stop.cycles,
        "budget_samples": settings.budget.samples,
        "seed": settings.seed,
        "own_prompts": list(plan.briefing.own),
        "notes": [*plan.domain.notes, *plan.sight.notes, *going.notes],
        "data": {
            "labels": len(plan.domain.codec.labels),
            "seeds": len(plan.domain.seeds),
            "validation": len(plan.domain.validation),
            "test": len(plan.domain.test),
        },
    }


async def _invoke(run_context: RunContext, going: _ResumeInfo) -> None:
    """Walk the graph from its start or its last checkpoint to the end."""
    from evokd.graph.build import build_graph

    async with open_checkpoints(run_context.folder.checkpoints) as saver:
        graph = build_graph(saver)
        begun = going.resumed and (await graph.aget_state(THREAD)).values
        if begun:
            await _rewind(graph, run_context, going)
        elif going.resumed:
            # whatever the ledger holds without a checkpoint is done again from the stored replies
            run_context.ledger.start_over()
        await graph.ainvoke(None if begun else {"cycle": 0}, THREAD, context=run_context, durability="sync")
        left = (await graph.aget_state(THREAD)).next
        if left:
            raise EvokdError(f"{run_context.folder.path}: the graph stopped before {', '.join(left)}; resume the run")


async def _rewind(graph: "CompiledStateGraph[Any, Any, Any, Any]", run_context: RunContext, going: _ResumeInfo) -> None:
    """Go back a step where the last checkpoint says done, but what it was done with has changed.

    Lessons that all failed are given again: the teacher may be mended. A decision to stop is taken again under other
    limits.

    Raises:
        ResumeError: the ledger has lost what the checkpoints build on.
    """
    state = await graph.aget_state(THREAD)
    # the first node has noted its time before its checkpoint was written
    if "prepare" not in state.next and not run_context.ledger.times():
        raise ResumeError(
            f"{run_context.folder.ledger}: empty, but the run has begun; restore a copy of the file or start a new run"
        )
    if state.next == ("curate",) and brought_nothing(run_context, state.values["cycle"]):
        await graph.aupdate_state(THREAD, {}, as_node="decide")
    if state.next == ("publish",) and any(change.key.startswith(("budget.", "stop.")) for change in going.changes):
        await graph.aupdate_state(THREAD, {}, as_node="examine")


@asynccontextmanager
async def _open_context(
    plan: Plan, folder: RunFolder, log: EventLog, host: RunOverrides, stop: Stop
) -> AsyncIterator[RunContext]:
    ledger = Ledger(folder.ledger)
    settings = plan.settings
    student = host.student or StudentClient(
        folder.path / "student.log", device=settings.student.device, threads=settings.student.threads
    )
    store = _EventStore(ledger, log, lambda record: teacher.asks_again(record))
    budget = settings.budget
    teacher = Teacher(
        settings.teacher,
        store,
        _embed_teacher(plan, host.corpus, ledger),
        run=BudgetLimit(budget.tokens, budget.usd),
        cycle=BudgetLimit(budget.cycle.tokens, budget.cycle.usd),
    )
    try:
        await student.warm_up()
        cost = estimate_draft(plan) if budget.caps_calls() else (0.0, 0.0)
        yield RunContext(
            settings,
            plan.domain,
            plan.preset,
            folder,
            ledger,
            log,
            student,
            teacher,
            plan.briefing,
            cost,
            keep_versions=host.keep_versions,
        )
    finally:
        stop.ending = True
        try:
            await teacher.land(stop.hurry, lambda calls, seconds: _tell_waiting(log, calls, seconds))
        finally:
            if student is not host.student:
                await student.close()
            await teacher.close()
            ledger.close()


def _tell_waiting(log: EventLog, calls: int, seconds: float) -> None:
    with suppress(OSError):  # what ended the run is the thing to tell
        log("waiting", calls=calls, seconds=math.ceil(seconds))


def _embed_teacher(plan: Plan, corpus: "Corpus | None", ledger: Ledger) -> "httpx2.AsyncBaseTransport | None":
    """The transport to an embedded teacher, None where a language model is called."""
    if plan.settings.teacher.is_recorded():
        return make_transport(plan.domain, plan.settings.seed, ledger)
    return _rehearse(plan, corpus) if plan.settings.teacher.is_rehearsal() else None


def _rehearse(plan: Plan, corpus: "Corpus | None") -> "httpx2.AsyncBaseTransport":
    """The rehearsal teacher as an in-process transport, never serving a seed."""
    import httpx2

    from evokd.simulator.app import create_app

    corpus = make_corpus(plan.domain) if corpus is None else corpus.but_never(never_served(plan.domain))
    return httpx2.ASGITransport(app=create_app(corpus, plan.settings.rehearsal, plan.settings.seed))


class _EventStore:
    """The ledger as the teacher sees it; every recorded call is also an event."""

    def __init__(self, ledger: Ledger, log: EventLog, asks_again: Callable[[CallRecord], bool]) -> None:
        self._log = log
        self._asks_again = asks_again
        self.check_room = ledger.check_room
        self.find_call = ledger.find_call
        self.count_calls = ledger.count_calls
        self.spent = ledger.spent
        self.find_ability = ledger.find_ability
        self.remember_ability = ledger.remember_ability
        self._keep = ledger.keep_call

    async def keep_call(self, record: CallRecord) -> None:
        """Store one attempt, then tell."""
        await self._keep(record)
        self._log(
            "call",
            id=record.id,
            cycle=record.cycle,
            role=record.role,
            status=record.status,
            input_tokens=record.input_tokens,
            output_tokens=record.output_tokens,
            seconds=record.seconds,
            faults=record.faults,
            flags=record.flags,
            again=self._asks_again(record),
        )
