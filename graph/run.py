"""Start a planned run, resume a run: drive the graph to its end, leave a summary."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.messages import EvokdError
from agents.purse import Cap
from agents.teacher import Teacher
from agents.wire import TeacherError
from graph.bench import Bench
from graph.estimate import estimate_run
from graph.folder import RunFolder, create_folder, read_config, write_config
from graph.nodes.curate import brought_nothing
from graph.plan import Plan, describe_plan, replan_run
from graph.rehearsal import make_corpus
from student.client import StudentClient
from tracing.events import EventLog, Listener
from tracing.ledger import Ledger
from tracing.summary import read_summary

if TYPE_CHECKING:
    import httpx2
    from langchain_core.runnables import RunnableConfig
    from langgraph.graph.state import CompiledStateGraph

THREAD: "RunnableConfig" = {"configurable": {"thread_id": "run"}, "recursion_limit": 1_000_000}


def start_run(plan: Plan, runs_dir: Path, run_id: str | None, listeners: tuple[Listener, ...] = ()) -> dict[str, Any]:
    """Start a run and drive it to its end; returns the summary.

    Raises:
        InputError: the run folder cannot be made.
        TeacherError: the teacher cannot be used; the run can be resumed.
    """
    name = (
        run_id
        if run_id is not None
        else f"{plan.domain.file.name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-s{plan.settings.seed}"
    )
    folder = create_folder(runs_dir, name)
    write_config(folder, describe_plan(plan))
    return _drive(plan, folder, listeners, resumed=False)


def resume_run(folder: RunFolder, listeners: tuple[Listener, ...] = ()) -> dict[str, Any]:
    """Go on with an interrupted run; returns the summary. A finished run is left as it is.

    Raises:
        ResumeError: data or prompts changed since the run began, or another process works on it.
    """
    done = read_summary(folder.summary)
    if done is not None:
        for listener in listeners:
            listener({"event": "finished", **done})
        return done
    record = read_config(folder)
    plan = replan_run(folder, record)
    return _drive(plan, folder, listeners, resumed=True)


def _drive(plan: Plan, folder: RunFolder, listeners: tuple[Listener, ...], resumed: bool) -> dict[str, Any]:
    # plain types alone are read back from checkpoints; LangGraph reads this when it is first imported
    os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
    with folder.lock():
        log = EventLog(folder.events, folder.run_id, listeners)
        try:
            return asyncio.run(_run(plan, folder, log, resumed))
        except TeacherError as exc:
            log("parked", reason=str(exc))
            raise
        except (KeyboardInterrupt, asyncio.CancelledError):
            log("interrupted")
            raise
        finally:
            log.close()


async def _run(plan: Plan, folder: RunFolder, log: EventLog, resumed: bool) -> dict[str, Any]:
    async with _open_bench(plan, folder, log) as bench:
        estimate = None if resumed else estimate_run(plan).tell()
        log("run_resumed" if resumed else "run_started", **_announce(plan, folder), estimate=estimate)
        await _walk(bench, resumed)
    summary = read_summary(folder.summary)
    if summary is None:
        raise EvokdError(f"{folder.path}: the graph ended without a summary; its events are in {folder.events}")
    shutil.rmtree(folder.work, ignore_errors=True)
    log("finished", **summary)
    return summary


def _announce(plan: Plan, folder: RunFolder) -> dict[str, Any]:
    settings = plan.settings
    return {
        "folder": str(folder.path),
        "domain": plan.domain.file.name,
        "task": plan.domain.codec.name,
        "preset": plan.preset,
        "teacher": settings.teacher.model,
        "rehearsal": settings.teacher.is_rehearsal(),
        "student": settings.student.base,
        "metric": settings.gate.metric or plan.domain.metric,
        "cycles": settings.stop.cycles,
        "budget_samples": settings.budget.samples,
        "seed": settings.seed,
        "own_prompts": list(plan.briefing.own),
        "notes": list(plan.domain.notes),
        "data": {
            "labels": len(plan.domain.codec.labels),
            "seeds": len(plan.domain.seeds),
            "validation": len(plan.domain.validation),
            "test": len(plan.domain.test),
        },
    }


async def _walk(bench: Bench, resumed: bool) -> None:
    """Walk the graph from its start or its last checkpoint to the end."""
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    from graph.build import build_graph

    async with AsyncSqliteSaver.from_conn_string(str(bench.folder.checkpoints)) as saver:
        graph = build_graph(saver)
        begun = resumed and (await graph.aget_state(THREAD)).values
        if begun:
            await _repeat_failed_lessons(graph, bench)
        await graph.ainvoke(None if begun else {"cycle": 0}, THREAD, context=bench, durability="sync")
        left = (await graph.aget_state(THREAD)).next
        if left:
            raise EvokdError(f"{bench.folder.path}: the graph stopped before {', '.join(left)}; resume the run")


async def _repeat_failed_lessons(graph: "CompiledStateGraph[Any, Any, Any, Any]", bench: Bench) -> None:
    """Go back before lessons that all failed: their checkpoint says done, yet a mended teacher must get them again."""
    state = await graph.aget_state(THREAD)
    if state.next == ("curate",) and brought_nothing(bench, state.values["cycle"]):
        await graph.aupdate_state(THREAD, {}, as_node="decide")


@asynccontextmanager
async def _open_bench(plan: Plan, folder: RunFolder, log: EventLog) -> AsyncIterator[Bench]:
    ledger = Ledger(folder.ledger)
    settings = plan.settings
    student = StudentClient(
        folder.path / "student.log", device=settings.student.device, threads=settings.student.threads
    )
    store = _CountingStore(ledger, log)
    budget = settings.budget
    teacher = Teacher(
        settings.teacher,
        store,
        _rehearse(plan) if settings.teacher.is_rehearsal() else None,
        run=Cap(budget.tokens, budget.usd),
        cycle=Cap(budget.cycle.tokens, budget.cycle.usd),
    )
    try:
        await student.warm_up()
        yield Bench(settings, plan.domain, plan.preset, folder, ledger, log, student, teacher, plan.briefing)
    finally:
        await student.close()
        await teacher.close()
        ledger.close()


def _rehearse(plan: Plan) -> "httpx2.AsyncBaseTransport":
    """The rehearsal teacher as an in-process transport, never serving a seed."""
    import httpx2

    from agents.rehearsal.app import create_app

    return httpx2.ASGITransport(app=create_app(make_corpus(plan.domain), plan.settings.rehearsal, plan.settings.seed))


class _CountingStore:
    """The ledger as the teacher sees it; every recorded call is also an event."""

    def __init__(self, ledger: Ledger, log: EventLog) -> None:
        self._log = log
        self.find_call = ledger.find_call
        self.count_calls = ledger.count_calls
        self.spent = ledger.spent
        self.find_ability = ledger.find_ability
        self.remember_ability = ledger.remember_ability
        self._keep = ledger.keep_call

    async def keep_call(self, record: Any) -> None:
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
        )
