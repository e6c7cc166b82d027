"""The graph for LangGraph's tools, named in `langgraph.json`: it opens everything that a run needs.

A thread is a run, and its folder has the thread's name. Nothing is opened or written before the first node runs, so
tools can draw the graph and read its schemas.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph.config import get_config
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from evokd.graph.build import build_graph
from evokd.graph.context import RunContext
from evokd.graph.ending import finish_run
from evokd.graph.endpoints import refuse_hopeless
from evokd.graph.io_errors import disk_errors
from evokd.graph.open_context import RunOverrides
from evokd.graph.resumption import ResumeInfo, replan
from evokd.graph.runner import begin_run, log_events
from evokd.graph.setup.config_layers import ConfigSource, plant_dotted, show_value
from evokd.graph.setup.plan import Plan, describe_plan, plan_run
from evokd.graph.setup.readability import refuse_unreadable
from evokd.graph.setup.run_folder import ResumeError, RunFolder, create_folder, write_config
from evokd.graph.stopping import Stop
from evokd.messages import InputError

RECURSION_LIMIT = 100_000
"""Maximum steps of a run, far beyond any: a cycle takes eight."""


@dataclass(frozen=True)
class RunOptions:
    """What a thread is started with; a continued thread uses what its run was started with."""

    domain: str = "support_tickets"
    """A domain folder, or the name of a shipped domain."""
    preset: str = "evokd"
    """A published loop."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings by their keys, dotted or nested."""
    runs_dir: str = "runs"
    """Folder that holds the runs."""

    def __post_init__(self) -> None:
        """Check the types: a tool passes on whatever JSON it was given."""
        for name, kind in (("domain", str), ("preset", str), ("settings", Mapping), ("runs_dir", str)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                wanted = "a mapping" if kind is Mapping else "a text"
                raise InputError(f"context: {name} is {wanted}, got {show_value(value)}")


class _LazyRun:
    """Opens the run of a thread when its first node runs."""

    def __init__(self, resources: AsyncExitStack) -> None:
        self._resources = resources
        self._lock = asyncio.Lock()
        self._context: RunContext | None = None

    async def find_context(self, runtime: Runtime[Any], node: str) -> RunContext:
        """The context of the run; opened only once, even if lessons ask for it at the same time."""
        async with self._lock:
            thread = str(get_config()["configurable"]["thread_id"])
            if self._context is not None and self._context.folder.run_id != thread:
                raise ResumeError(f"this graph works on thread {self._context.folder.run_id}; make one for {thread}")
            if self._context is None:
                self._context = await self._open(thread, runtime.context or RunOptions(), node)
        return self._context

    async def _open(self, thread: str, options: RunOptions, node: str) -> RunContext:
        folder = RunFolder(Path(options.runs_dir).resolve() / thread)
        is_resumed = folder.config.is_file()
        if folder.summary.is_file():
            raise ResumeError(f"run {folder.run_id} has ended; start a new thread for another run")
        if not is_resumed:
            plan = _plan(options)
            await asyncio.to_thread(refuse_hopeless, plan.settings.teacher, is_new=True)
            folder = create_folder(Path(options.runs_dir), thread)
        self._resources.enter_context(disk_errors(folder))
        self._resources.enter_context(folder.lock())
        if is_resumed:
            plan, info = replan(folder, [], force=False, domain=None)
        else:
            write_config(folder, describe_plan(plan))
            info = ResumeInfo()
        log = self._resources.enter_context(log_events(folder))
        opened = begin_run(plan, folder, log, info, RunOverrides(), Stop())
        context = await self._resources.enter_async_context(opened)
        if is_resumed and node == "prepare":
            # the tool has lost its checkpoints: everything is redone from the stored replies
            context.ledger.start_over()
        return context

    def finish(self) -> None:
        """Clean up after a run that has ended."""
        if self._context is not None and self._context.folder.summary.is_file():
            finish_run(self._context.folder, self._context.emit)


def _plan(options: RunOptions) -> Plan:
    plan = plan_run(
        options.domain, options.preset, [ConfigSource("settings", plant_dotted(options.settings, "settings"))]
    )
    refuse_unreadable(plan.sight, plan.settings)
    return plan


@asynccontextmanager
async def make_graph() -> AsyncIterator[CompiledStateGraph[Any, Any, Any, Any]]:
    """The evolution graph, open while a tool works on one thread; call it with the input `{"cycle": 0}`.

    Its context is `RunOptions`. The tool keeps the checkpoints; going back to an earlier one is not supported, since
    the ledger of the run would be ahead of it.
    """
    async with AsyncExitStack() as resources:
        run = _LazyRun(resources)
        graph = build_graph(find_context=run.find_context, context_schema=RunOptions)
        yield graph.with_config(recursion_limit=RECURSION_LIMIT)
        run.finish()
