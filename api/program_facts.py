"""What pages about a run show of the program itself: default settings, and the compiled graph."""

from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.graph import START

from evokd.experiments.run_setup import is_compared
from evokd.graph.build import build_graph
from evokd.graph.setup.config_layers import ConfigSource, build_settings
from evokd.graph.setup.renamed_keys import rename_keys
from evokd.messages import InputError
from evokd.student.tasks.registry import codec
from evokd.viewer.record import ProgramFacts


def program_facts() -> ProgramFacts:
    """Collect the facts; this compiles the graph, which takes a second."""
    return ProgramFacts(
        find_defaults=_find_defaults,
        graph=_list_graph(),
        rename_settings=_rename_settings,
        is_compared=is_compared,
    )


def _find_defaults(task: str) -> dict[str, Any]:
    """The settings of a run of this task for which nothing was set; {} for a task that is not known."""
    try:
        recipe = codec(task, ("a", "b")).recipe  # it does not depend on the labels
    except InputError:
        return {}
    return build_settings([ConfigSource("the task's defaults", {"student": recipe})]).model_dump(mode="json")


def _list_graph() -> dict[str, Any]:
    """Nodes in the order in which a run comes to them, and edges with whether a router decides on them."""
    edges = [
        {"source": edge.source, "target": edge.target, "conditional": edge.conditional}
        for edge in build_graph().get_graph(xray=True).edges
    ]
    return {"nodes": _order_nodes(edges), "edges": edges}


def _order_nodes(edges: Sequence[Mapping[str, Any]]) -> list[str]:
    """The reverse postorder of a depth-first walk: every node before those that it leads to, cycles aside."""
    finished: list[str] = []
    met: set[str] = set()

    def visit(node: str) -> None:
        met.add(node)
        targets = {edge["target"] for edge in edges if edge["source"] == node}
        for target in sorted(targets, reverse=True):
            if target not in met:
                visit(target)
        finished.append(node)

    visit(START)
    return finished[::-1]


def _rename_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of an earlier version under their names of today; as they are where that cannot be told."""
    try:
        return rename_keys("config.yaml", settings)
    except InputError:
        return dict(settings)
