"""Open what the nodes of a run work with: ledger, student process, teacher; and close it in order."""

import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from evokd.agents.llm.budget import BudgetLimit
from evokd.agents.llm.client import Teacher
from evokd.agents.llm.limiter_wire import LimiterAddress
from evokd.graph.context import RunContext, TrainingProgress
from evokd.graph.estimate import RestEstimate, estimate_draft
from evokd.graph.setup.plan import Plan
from evokd.graph.setup.recorded_teacher import make_transport
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.setup.run_settings import Settings
from evokd.graph.setup.run_store import hurry_when
from evokd.graph.setup.simulated_teacher import make_corpus, never_served
from evokd.graph.stopping import Stop
from evokd.messages import CallRecord
from evokd.student.process.client import StudentClient
from evokd.student.protocol import StudentProtocol
from evokd.tracing.events import EventLog
from evokd.tracing.ledger import Ledger

if TYPE_CHECKING:
    import httpx2

    from evokd.simulator.corpus import Corpus


@dataclass(frozen=True)
class RunOverrides:
    """What an experiment provides to each of its runs, instead of what a run would make itself."""

    student: StudentProtocol | None = None
    """Trains and answers, and outlives the run; None: the run starts its own student process."""
    keep_versions: bool = False
    """Whether to keep the work folder, with every student that became champion."""
    corpus: "Corpus | None" = None
    """What the rehearsal teacher answers from, already indexed; None: it is indexed for the run."""
    limiters: LimiterAddress | None = None
    """Where the calls of all runs are limited together; None: this run's are limited alone."""


@asynccontextmanager
async def open_context(
    plan: Plan, folder: RunFolder, log: EventLog, overrides: RunOverrides, stop: Stop
) -> AsyncIterator[RunContext]:
    """Open what a run works with; at the end, wait for calls in flight and close everything.

    Args:
        plan: the checked run.
        folder: the run's folder; no other process may work on it.
        log: where events go.
        overrides: what the run uses instead of making it.
        stop: tells whether a signal has ended the run, and whether to wait for calls in flight.
    """
    hurry_when(folder, lambda: stop.is_asked)
    settings, budget = plan.settings, plan.settings.budget
    progress = TrainingProgress(log.pass_on)
    async with AsyncExitStack() as opened:
        ledger = Ledger(folder.ledger)
        opened.callback(ledger.close)
        student = overrides.student or _make_student(folder, settings, progress)
        if student is not overrides.student:
            opened.push_async_callback(student.close)
        await student.warm_up()  # it loads torch while the teacher is made ready
        teacher = Teacher(
            settings.teacher,
            ledger,
            _embed_teacher(plan, overrides.corpus, ledger),
            run=BudgetLimit(budget.tokens, budget.usd),
            cycle=BudgetLimit(budget.cycle.tokens, budget.cycle.usd),
            batches=ledger,
            limiters=None if settings.teacher.is_embedded() else overrides.limiters,
        )
        opened.push_async_callback(teacher.close)
        opened.push_async_callback(_land, teacher, stop, log)
        teacher.on_batch = lambda batch: log("batch", **asdict(batch))
        teacher.on_limiter = lambda event, message: log(event, message=message)
        ledger.on_call = lambda record: _tell_call(log, record, teacher.asks_again(record))
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
            estimate_draft(plan) if budget.caps_calls() else (0.0, 0.0),
            keep_versions=overrides.keep_versions,
            progress=progress,
            estimate_rest=RestEstimate(plan, ledger, folder.events).after,
        )


async def _land(teacher: Teacher, stop: Stop, log: EventLog) -> None:
    """Send nothing more, and wait for calls in flight."""
    stop.ending = True
    await teacher.land(stop.hurry, lambda calls, seconds: _tell_waiting(log, calls, seconds))


def _make_student(folder: RunFolder, settings: Settings, progress: TrainingProgress) -> StudentClient:
    student = StudentClient(
        folder.path / "student.log", device=settings.student.device, threads=settings.student.threads
    )
    student.on_step = progress
    return student


def _tell_waiting(log: EventLog, calls: int, seconds: float) -> None:
    with suppress(OSError):  # report what ended the run, not this
        log("waiting", calls=calls, seconds=math.ceil(seconds))


def _embed_teacher(plan: Plan, corpus: "Corpus | None", ledger: Ledger) -> "httpx2.AsyncBaseTransport | None":
    """The transport to an embedded teacher; None if a language model is called."""
    if plan.settings.teacher.is_recorded():
        return make_transport(plan.domain, plan.settings.seed, ledger)
    return _rehearse(plan, corpus) if plan.settings.teacher.is_rehearsal() else None


def _rehearse(plan: Plan, corpus: "Corpus | None") -> "httpx2.AsyncBaseTransport":
    """The rehearsal teacher as an in-process transport, never serving a seed."""
    import httpx2

    from evokd.simulator.app import create_app

    corpus = make_corpus(plan.domain) if corpus is None else corpus.but_never(never_served(plan.domain))
    return httpx2.ASGITransport(app=create_app(corpus, plan.settings.rehearsal, plan.settings.seed))


def _tell_call(log: EventLog, record: CallRecord, again: bool) -> None:
    """Turn a call into an event; `again`: its reply is faulty, so the call is repeated."""
    log(
        "call",
        id=record.id,
        cycle=record.cycle,
        role=record.role,
        status=record.status,
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cost_usd=record.cost_usd,
        seconds=record.seconds,
        faults=record.faults,
        flags=record.flags,
        again=again,
    )
