"""Resume an interrupted run: plan it again, refuse forbidden changes, go back a step where that helps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evokd.graph.context import RunContext
from evokd.graph.nodes.curate import brought_nothing
from evokd.graph.setup.config_layers import ConfigSource
from evokd.graph.setup.plan import Plan, describe_plan, record_config, record_plan, replan_run
from evokd.graph.setup.renamed_keys import note_renamed, rename_keys
from evokd.graph.setup.resume_check import Change, compare_libraries, find_changes, refuse
from evokd.graph.setup.run_folder import ResumeError, RunFolder, read_config, write_config
from evokd.tracing.ledger import Ledger

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.graph.state import CompiledStateGraph

PLAN = "plan"
"""Name under which the ledger stores the plan that a run began with."""
THREAD: "RunnableConfig" = {"configurable": {"thread_id": "run"}, "recursion_limit": 1_000_000}


@dataclass(frozen=True)
class ResumeInfo:
    """Whether a run starts or resumes, and what has changed since it started."""

    resumed: bool = False
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()


def replan(
    folder: RunFolder, layers: Sequence[ConfigSource], force: bool, domain: str | None
) -> tuple[Plan, ResumeInfo]:
    """Plan a run again, and compare the plan with the one it began with; changes are written into its `config.yaml`.

    Args:
        folder: the run's folder; the caller holds its lock.
        layers: changed settings; later ones win.
        force: resume no matter what has changed.
        domain: where the run's domain is now; None: where it was.

    Raises:
        ResumeError: something has changed that must not change, and `force` is not set.
    """
    record = read_config(folder)
    plan = replan_run(folder, record, layers, domain)
    began, now = recall_plan(folder) or record_config(record), record_plan(plan)
    changes = find_changes(began, now)
    if not force:
        refuse(folder.run_id, changes)
    notes = [note for note in (compare_libraries(began, now), _tell_move(record, plan)) if note]
    notes += [note for layer in layers for note in note_renamed(layer.source, layer.values)]
    if changes or notes:
        write_config(folder, describe_plan(plan))
    return plan, ResumeInfo(True, tuple(changes), tuple(notes))


def _tell_move(record: Mapping[str, Any], plan: Plan) -> str | None:
    """Say where the domain is now, if it has moved."""
    old, new = record["domain_folder"], str(plan.domain.folder)
    return None if old == new else f"the domain is now in {new}; it was in {old}"


def recall_plan(folder: RunFolder) -> dict[str, Any] | None:
    """The plan that the run began with, from its ledger; None if the run ended before it had a ledger."""
    if not folder.ledger.is_file():
        return None
    # a database gets the columns that it lacks now; a file is left alone until it is known that the run goes on
    with Ledger(folder.ledger, read_only=not folder.is_in_database) as ledger:
        plan = ledger.recall(PLAN)
    return plan and {**plan, "settings": rename_keys(str(folder.ledger), plan["settings"])}


async def rewind(graph: "CompiledStateGraph[Any, Any, Any, Any]", run_context: RunContext, info: ResumeInfo) -> None:
    """Go back a step if the last checkpoint says that it is done, but it would now have another result.

    If all lessons failed, they run again, since the teacher may work now. A decision to stop is made again with
    the new limits.

    Raises:
        ResumeError: the ledger has lost what the checkpoints build on.
    """
    state = await graph.aget_state(THREAD)
    # the first node records its time before its checkpoint is written
    if "prepare" not in state.next and not run_context.ledger.times():
        raise ResumeError(
            f"{run_context.folder.ledger}: empty, but the run has begun; restore a copy of the file or start a new run"
        )
    if state.next == ("curate",) and brought_nothing(run_context, state.values["cycle"]):
        await graph.aupdate_state(THREAD, {}, as_node="decide")
    if state.next == ("publish",) and any(change.key.startswith(("budget.", "stop.")) for change in info.changes):
        await graph.aupdate_state(THREAD, {}, as_node="examine")
