"""Start a planned run, resume a run: drive the graph to its end, leave a summary."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evokd.agents.llm.attempt import TeacherError
from evokd.graph.checkpoints import open_checkpoints
from evokd.graph.context import RunContext
from evokd.graph.context_room import find_shortages
from evokd.graph.ending import complete_end, finish_run
from evokd.graph.endpoints import refuse_hopeless
from evokd.graph.estimate import estimate_run
from evokd.graph.io_errors import disk_errors
from evokd.graph.open_context import RunOverrides, open_context
from evokd.graph.resumption import PLAN, THREAD, ResumeInfo, replan, rewind
from evokd.graph.setup.config_layers import ConfigSource
from evokd.graph.setup.plan import Plan, describe_plan, record_plan
from evokd.graph.setup.prompt_record import record_prompts
from evokd.graph.setup.readability import refuse_unreadable
from evokd.graph.setup.resume_check import Change
from evokd.graph.setup.run_folder import ResumeError, RunFolder, create_folder, write_config
from evokd.graph.setup.run_store import find_place, held_in, refresh_files, save_domain, save_files
from evokd.graph.stopping import Stop, Stopped
from evokd.graph.teacher_check import check_teacher
from evokd.messages import EvokdError
from evokd.review.pending import count_waiting
from evokd.tracing.events import AWAITS_REVIEW, FINISHED, EventLog, Listener
from evokd.tracing.store import LedgerError
from evokd.tracing.summary import read_summary

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

_ALONE = RunOverrides()


def start_run(
    plan: Plan,
    runs_dir: Path,
    run_id: str | None,
    listeners: tuple[Listener, ...] = (),
    overrides: RunOverrides = _ALONE,
    store: str | None = None,
) -> dict[str, Any]:
    """Start a run and drive it to its end; returns the summary, or how many texts wait for people (`AWAITS_REVIEW`).

    Args:
        plan: the checked run.
        runs_dir: folder that holds the runs.
        run_id: name of the run; None: it is made from domain, time and seed.
        listeners: called with every event.
        overrides: what an experiment provides.
        store: address of the database in which the run is kept; None: in its folder alone.

    Raises:
        InputError: the student cannot read the texts, the run folder cannot be made, or the database refuses.
        DiskError: a file of the run cannot be written; the run can be resumed.
        TeacherError: the teacher cannot be used; the run, if it has begun, can be resumed.
    """
    refuse_unreadable(plan.sight, plan.settings)
    info = ResumeInfo()
    if overrides.student is None:  # an experiment waits for its teacher
        endpoints = refuse_hopeless(plan.settings.teacher, is_new=True)
        info = ResumeInfo(notes=tuple(f"{short.tell()}; {short.mend()}" for short in find_shortages(plan, endpoints)))
    # a domain's name may be longer than a file name can be
    made = f"{plan.domain.file.name[:60]}-{datetime.now(UTC):%Y%m%d-%H%M%S}-s{plan.settings.seed}"
    run_id = run_id if run_id is not None else made
    place = find_place(store, run_id) if store is not None else None
    folder = create_folder(runs_dir, run_id)
    if place is not None:
        info = replace(info, notes=(*info.notes, f"the run is kept in {place.full_name}"))
    with disk_errors(folder), folder.lock(in_database=False), _removed_if_empty(folder), held_in(place, folder):
        # from here on the folder is a run, and it is already locked
        write_config(folder, describe_plan(plan))
        return _drive(plan, folder, listeners, info, overrides)


@contextmanager
def _removed_if_empty(folder: RunFolder) -> Iterator[None]:
    """Remove a folder that has not become a run."""
    try:
        yield
    finally:
        if not folder.config.is_file():
            shutil.rmtree(folder.path, ignore_errors=True)


def resume_run(
    folder: RunFolder,
    listeners: tuple[Listener, ...] = (),
    layers: Sequence[ConfigSource] = (),
    force: bool = False,
    overrides: RunOverrides = _ALONE,
    domain: str | None = None,
) -> dict[str, Any]:
    """Resume an interrupted run; returns the summary. A finished run is left as it is.

    So is one that waits for people who have not decided yet; then it returns how many texts wait (`AWAITS_REVIEW`).

    Args:
        folder: the run's folder.
        listeners: called with every event.
        layers: changed settings; later ones win.
        force: resume no matter what has changed.
        overrides: what the experiment provides, if the run belongs to one.
        domain: where the run's domain is now; None: where it was.

    Raises:
        ResumeError: version, settings, prompts or data differ from those that the run was started with, the run has
            ended and cannot be extended, or another process is working on it.
        DiskError: a file of the run cannot be read or written; the run can be resumed.
    """
    with disk_errors(folder):
        done = read_summary(folder.summary)
        if done is None:
            with folder.lock():
                refresh_files(folder)
                done = read_summary(folder.summary)  # another process may have ended it in the meantime
                if done is None:
                    plan, info = replan(folder, layers, force, domain)
                    texts, cycle = count_waiting(folder.ledger)
                    if texts and plan.settings.review.mode != "off":
                        return _wait_on(folder, listeners, {"cycle": cycle, "texts": texts})
                    return _drive(plan, folder, listeners, info, overrides)
        if any(layer.values for layer in layers):
            raise ResumeError(
                f"run {folder.run_id} has ended ({done['stop_reason']}) and its test data was scored;"
                " start a new run for other settings"
            )
        complete_end(folder, done, overrides.keep_versions)
    for listener in listeners:
        listener({"event": FINISHED, **done})
    return done


def _wait_on(folder: RunFolder, listeners: tuple[Listener, ...], waiting: Mapping[str, Any]) -> dict[str, Any]:
    """Leave a run that waits for people as it is; returns what waits."""
    with log_events(folder, listeners) as log:
        log(AWAITS_REVIEW, **waiting)
    return {"run_id": folder.run_id, AWAITS_REVIEW: waiting["texts"]}


def _drive(
    plan: Plan, folder: RunFolder, listeners: tuple[Listener, ...], info: ResumeInfo, overrides: RunOverrides
) -> dict[str, Any]:
    # only plain types are read back from checkpoints; LangGraph reads this when it is first imported
    os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
    with _files_saved(folder), log_events(folder, listeners) as log:
        return asyncio.run(_run(plan, folder, log, info, overrides))


@contextmanager
def _files_saved(folder: RunFolder) -> Iterator[None]:
    """Store the files of a run in its database at the end, however it comes; the first error is reported."""
    try:
        yield
    except BaseException as exc:
        if not isinstance(exc, LedgerError):  # the database is away, or the run is another process' now
            with suppress(EvokdError, OSError):
                save_files(folder)
        raise
    save_files(folder)


@contextmanager
def log_events(folder: RunFolder, listeners: tuple[Listener, ...] = ()) -> Iterator[EventLog]:
    """The event log of a run, open while the run is driven; it also records what parked or interrupted the run."""
    log = EventLog(folder.events, folder.run_id, listeners)
    try:
        yield log
    except TeacherError as exc:
        with suppress(OSError):  # report the first error
            log("parked", reason=str(exc))
        raise
    except (KeyboardInterrupt, asyncio.CancelledError, BrokenPipeError) as exc:
        closed = {"reason": "its output was closed"} if isinstance(exc, BrokenPipeError) else {}
        with suppress(OSError):
            log("interrupted", **closed)
        raise
    finally:
        log.close()


async def _run(
    plan: Plan, folder: RunFolder, log: EventLog, info: ResumeInfo, overrides: RunOverrides
) -> dict[str, Any]:
    stop = Stop()
    try:
        with stop:
            return await _work(plan, folder, log, info, overrides, stop)
    except asyncio.CancelledError as exc:
        if stop.number is None:
            raise
        raise Stopped(stop.number) from exc


async def _work(
    plan: Plan, folder: RunFolder, log: EventLog, info: ResumeInfo, overrides: RunOverrides, stop: Stop
) -> dict[str, Any]:
    async with begin_run(plan, folder, log, info, overrides, stop) as context:
        waiting = await _invoke(context, info, overrides)
    if waiting is not None:
        log(AWAITS_REVIEW, cycle=waiting["cycle"], texts=waiting["texts"])
        return {"run_id": folder.run_id, AWAITS_REVIEW: waiting["texts"]}
    return finish_run(folder, log, overrides.keep_versions)


@asynccontextmanager
async def begin_run(
    plan: Plan, folder: RunFolder, log: EventLog, info: ResumeInfo, overrides: RunOverrides, stop: Stop
) -> AsyncIterator[RunContext]:
    """Open a run for the code that drives the graph: yield its context, log its start and record its plan.

    Args:
        plan: the checked run.
        folder: the run's folder, with its `config.yaml`; the caller holds its lock.
        log: where events go.
        info: whether it starts or resumes.
        overrides: what the run uses instead of making it.
        stop: what signals do to it.
    """
    async with open_context(plan, folder, log, overrides, stop) as context:
        estimate = None if info.resumed else estimate_run(plan).tell()
        log("run_resumed" if info.resumed else "run_started", **_announce(plan, folder, info), estimate=estimate)
        if info.changes:
            log("changed", changes=[_describe_change(change) for change in info.changes])
        context.ledger.remember(PLAN, record_plan(plan))
        context.ledger.add_prompts(plan.briefing.hash, record_prompts(plan))
        save_domain(folder, plan.domain)
        save_files(folder)
        yield context


def _describe_change(change: Change) -> dict[str, Any]:
    return {"free": change.free, "kind": change.kind, "key": change.key, "lines": list(change.lines)}


def _announce(plan: Plan, folder: RunFolder, info: ResumeInfo) -> dict[str, Any]:
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
        "own_prompts": list(plan.briefing.domain_prompts),
        "notes": [*plan.domain.notes, *plan.sight.notes, *info.notes],
        "warnings": _list_warnings(plan),
        "data": {
            "labels": len(plan.domain.codec.labels),
            "seeds": len(plan.domain.seeds),
            "validation": len(plan.domain.validation),
            "test": len(plan.domain.test),
        },
    }


def _list_warnings(plan: Plan) -> list[str]:
    """Those of the notes that nobody should miss: what puts scores or money at risk, and files read otherwise."""
    read = [f"{file.path}: {note}" for file in plan.domain.files for note in file.layout.notes]
    findings = (*plan.domain.findings, *plan.sight.findings)
    return list(dict.fromkeys([*read, *(finding.note for finding in findings if finding.level != "hint")]))


async def _invoke(context: RunContext, info: ResumeInfo, overrides: RunOverrides) -> dict[str, Any] | None:
    """Walk the graph from its start or its last checkpoint to the end.

    Returns:
        What people are to decide on, if the graph waits for that; None: it came to its end.
    """
    from evokd.graph.build import build_graph

    async with open_checkpoints(context.folder.checkpoints) as saver:
        graph = build_graph(saver)
        state = await graph.aget_state(THREAD)
        begun = info.resumed and state.values
        if info.resumed and overrides.student is None and state.next != ("publish",):
            await check_teacher(context, state.next, state.values.get("cycle", 0))
        if begun:
            await rewind(graph, context, info)
        elif info.resumed:
            # work in the ledger that has no checkpoint is redone from the stored replies
            context.ledger.start_over()
        given = await _choose_input(graph) if begun else {"cycle": 0}
        await graph.ainvoke(given, THREAD, context=context, durability="sync")
        state = await graph.aget_state(THREAD)
        if state.interrupts:
            return dict(state.interrupts[0].value)
        if state.next:
            raise EvokdError(f"{context.folder.path}: the graph stopped before {', '.join(state.next)}; resume the run")
    return None


async def _choose_input(graph: "CompiledStateGraph[Any, Any, Any, Any]") -> Any:
    """What a resumed graph is called with: the word to go on if it waits for people, else nothing."""
    from langgraph.types import Command

    # the decisions themselves are in the ledger, where `human_review` reads them
    return Command(resume="decided") if (await graph.aget_state(THREAD)).interrupts else None
