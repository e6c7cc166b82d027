"""Build the graph: nodes, edges, and the sub-graph of a lesson."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from evokd.graph.context import RunContext
from evokd.graph.nodes.analyze import analyze
from evokd.graph.nodes.curate import curate
from evokd.graph.nodes.decide import decide
from evokd.graph.nodes.examine import examine
from evokd.graph.nodes.gate import gate
from evokd.graph.nodes.human_review import human_review
from evokd.graph.nodes.lesson import generate, label
from evokd.graph.nodes.prepare import prepare
from evokd.graph.nodes.publish import publish
from evokd.graph.nodes.review import review
from evokd.graph.nodes.train import train
from evokd.graph.routing import after_curate, after_decide, to_lessons
from evokd.graph.setup.run_store import save_files
from evokd.graph.state import LessonState, State, StateUpdate

StateT = TypeVar("StateT", State, LessonState)
FindContext = Callable[[Runtime[Any], str], Awaitable[RunContext]]
"""Returns the context for the node of this name."""


async def runtime_context(runtime: Runtime[RunContext], node: str) -> RunContext:
    """The context that the graph was called with."""
    return runtime.context


def _traced(work: Callable[[StateT, RunContext], Awaitable[StateUpdate]], find_context: FindContext) -> Any:
    """Turn a function into a graph node that emits events at its start and end and records its time in the ledger."""
    name: str = work.__name__

    async def node(state: StateT, runtime: Runtime[Any]) -> StateUpdate:
        context = await find_context(runtime, name)
        fields: dict[str, Any] = dict(state)
        cycle = fields.get("cycle", fields.get("lesson_cycle", 0))
        where = {"cycle": cycle, "node": name, **({"lesson": fields["lesson"]} if "lesson" in fields else {})}
        context.emit("node_started", **where)
        start = time.monotonic()
        update = await work(state, context)
        seconds = time.monotonic() - start
        context.ledger.add_time(cycle, name, seconds)
        context.emit("node_finished", **where, seconds=round(seconds, 3))
        if context.folder.is_in_database and "lesson" not in fields:
            # before the checkpoint that builds on them; a lesson writes none
            await asyncio.to_thread(save_files, context.folder)
        return update

    node.__name__ = name
    node.__doc__ = work.__doc__
    return node


def build_lesson(find_context: FindContext, context_schema: type[Any]) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The sub-graph of a lesson: generate, then label. Lessons run in parallel, with no barrier between the steps."""
    lesson = StateGraph(LessonState, context_schema=context_schema)
    lesson.add_node("generate", _traced(generate, find_context))
    lesson.add_node("label", _traced(label, find_context))
    lesson.add_edge(START, "generate")
    lesson.add_edge("generate", "label")
    lesson.add_edge("label", END)
    return lesson.compile()


def build_graph(
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    find_context: FindContext = runtime_context,
    context_schema: type[Any] = RunContext,
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """The evolution graph.

    Args:
        checkpointer: where checkpoints are stored; None for a graph that is only inspected.
        find_context: returns the context for a node; by default the one that the graph is called with.
        context_schema: type of the context that the graph is called with.
    """
    graph = StateGraph(State, context_schema=context_schema)
    for work in (prepare, train, gate, examine, decide, analyze, curate, human_review, review, publish):
        graph.add_node(work.__name__, _traced(work, find_context))
    graph.add_node("lesson", build_lesson(find_context, context_schema))
    graph.add_edge(START, "prepare")
    graph.add_edge("prepare", "train")
    graph.add_edge("train", "gate")
    graph.add_edge("gate", "examine")
    graph.add_edge("examine", "decide")
    graph.add_conditional_edges("decide", after_decide, ["analyze", "publish"])
    graph.add_conditional_edges("analyze", to_lessons, ["lesson", "curate"])
    graph.add_edge("lesson", "curate")
    graph.add_conditional_edges("curate", after_curate, ["human_review", "review", "train"])
    graph.add_conditional_edges("human_review", after_curate, ["review", "train"])
    graph.add_edge("review", "train")
    graph.add_edge("publish", END)
    return graph.compile(checkpointer=checkpointer)


def draw_graph() -> str:
    """The compiled graph as Mermaid text, including the steps of a lesson."""
    return str(build_graph().get_graph(xray=True).draw_mermaid())
