"""Start runs and go on with them: blocking, awaited, or as a stream of events."""

import asyncio
import queue
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evokd.api.blocking import call_blocking
from evokd.api.domains import make_plan
from evokd.api.record import Run, find_run
from evokd.api.reviewing import decide_rest
from evokd.api.settings import Settings, to_sources
from evokd.graph.runner import resume_run, start_run
from evokd.graph.setup.domain import Domain
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.setup.run_store import choose_store
from evokd.messages import InputError
from evokd.tracing.events import Listener


@dataclass(frozen=True)
class Event:
    """Something that happened in a run; `data` holds what belongs to it."""

    name: str
    """Such as `run_started`, `node_finished`, `call`, `finished`; docs/python.md lists them."""
    time: str
    """UTC, ISO 8601."""
    run_id: str
    data: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The event as a line of `events.jsonl` holds it."""
        return {"event": self.name, "time": self.time, "run_id": self.run_id, **self.data}


def run(
    domain: str | Path | Domain,
    *,
    teacher: str | None = None,
    base_url: str | None = None,
    student: str | Path | None = None,
    preset: str = "evokd",
    settings: Settings | None = None,
    runs_dir: str | Path = "runs",
    run_id: str | None = None,
    store: str | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Run:
    """Start a run and wait for its end, or until it waits for people (setting `review.mode`).

    Args:
        domain: a domain that was loaded, its folder, or the name of a shipped one.
        teacher: the language model, as `--teacher`; None: what domain and settings say.
        base_url: OpenAI-compatible endpoint, up to /v1.
        student: the untrained student: a name, a folder, or `embedded`.
        preset: a published loop.
        settings: other settings, as `--set`.
        runs_dir: folder that holds the runs.
        run_id: name of the run; made from domain, time and seed if not given.
        store: address of a Postgres database in which the run is kept, such as `postgresql://user@host/database`;
            None: the one in EVOKD_STORE, or else the run's folder alone.
        on_event: called with every event, in the thread that drives the run.

    Raises:
        InputError: what is wrong with domain or settings; nothing was written or paid for.
        TeacherError: the teacher cannot be used; `resume` goes on.
    """
    if run_id is not None and not isinstance(run_id, str):
        raise InputError(f"run_id: give a name as text, such as 'first', or None for one made here, not {run_id!r}")
    plan = make_plan(domain, preset, settings, teacher, base_url, student)

    def work(listener: Listener) -> Run:
        summary = start_run(plan, Path(runs_dir), run_id, (listener,), store=choose_store(store))
        return Run(RunFolder((Path(runs_dir) / summary["run_id"]).resolve()))

    return _drive(work, on_event)


def resume(
    run: str | Path | Run,
    *,
    domain: str | Path | None = None,
    settings: Settings | None = None,
    force: bool = False,
    rest: str | None = None,
    reviewer: str | None = None,
    runs_dir: str | Path = "runs",
    store: str | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Run:
    """Go on with an interrupted run and wait for its end; one that has ended is left as it is.

    So is one that waits for people who have not decided on all texts; `open_review` decides.

    Args:
        run: the run, its folder, or its id in `runs_dir`.
        domain: where the run's domain is now, if it was moved.
        settings: changed settings.
        force: go on whatever has changed.
        rest: what becomes of texts on which nobody has decided: `accept` leaves them as curation did, `refuse` drops
            them; None: the run waits.
        reviewer: who decides on the rest; None: the user of this machine.
        runs_dir: folder that holds the runs.
        store: address of the database that keeps the run, where the run's folder is not on this machine.
        on_event: see `run`.

    Raises:
        InputError: there is no such run.
        ResumeError: it cannot be resumed as asked.
        TeacherError: the teacher cannot be used; `resume` goes on.
    """
    folder = (run if isinstance(run, Run) else find_run(run, runs_dir, store)).folder

    def work(listener: Listener) -> Run:
        if rest is not None:
            decide_rest(folder, rest, reviewer)
        moved_to = None if domain is None else str(domain)
        resume_run(folder, (listener,), to_sources(settings), force, domain=moved_to)
        return Run(folder)

    return _drive(work, on_event)


async def run_async(domain: str | Path | Domain, **options: Any) -> Run:
    """Start a run as `run` does, without blocking the event loop; if cancelled, the run can be resumed."""
    return await _in_thread(lambda listener: run(domain, **{**options, "on_event": listener}), options.get("on_event"))


async def resume_async(name: str | Path | Run, **options: Any) -> Run:
    """Go on with a run as `resume` does, without blocking the event loop; if cancelled, it can be resumed again."""
    return await _in_thread(lambda listener: resume(name, **{**options, "on_event": listener}), options.get("on_event"))


def stream(domain: str | Path | Domain, **options: Any) -> Iterator[Event]:
    """Start a run as `run` does, and yield its events as they happen; if left early, the run can be resumed.

    The last event, `finished`, holds the summary.
    """
    events: queue.Queue[Event | None] = queue.Queue()
    listener = _Stoppable(events.put)
    with ThreadPoolExecutor(1, "evokd-run") as pool:
        driven = pool.submit(run, domain, **{**options, "on_event": listener})
        driven.add_done_callback(lambda _: events.put(None))
        try:
            while (event := events.get()) is not None:
                yield event
        finally:
            listener.stopped = True
    driven.result()


class _Stoppable:
    """Passes events on until the consumer stops; then it ends the run as a closed pipe does."""

    def __init__(self, listener: Callable[[Event], None] | None) -> None:
        self.stopped = False
        self._listener = listener

    def __call__(self, event: Event) -> None:
        if self.stopped:
            raise BrokenPipeError("nobody listens to the run any more")
        if self._listener is not None:
            self._listener(event)


async def _in_thread(work: Callable[[_Stoppable], Run], on_event: Callable[[Event], None] | None) -> Run:
    listener = _Stoppable(on_event)
    task = asyncio.ensure_future(asyncio.to_thread(work, listener))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        listener.stopped = True
        with suppress(BaseException):
            await task
        raise


def _drive(work: Callable[[Listener], Run], on_event: Callable[[Event], None] | None) -> Run:
    """Work with a listener that hears of every event as an `Event`."""

    def listen(entry: Mapping[str, Any]) -> None:
        if on_event is not None:
            data = {key: value for key, value in entry.items() if key not in ("event", "time", "run_id")}
            on_event(Event(str(entry["event"]), str(entry.get("time", "")), str(entry.get("run_id", "")), data))

    return call_blocking(lambda: work(listen))
