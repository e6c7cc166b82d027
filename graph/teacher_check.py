"""A resumed run asks whether its teacher is there, unless stored replies carry it on for a while."""

import asyncio
from collections.abc import Sequence

from evokd.agents.llm.attempt import TeacherUnreachable
from evokd.graph.context import RunContext
from evokd.graph.endpoints import refuse_hopeless

_ASKING = ("analyze", "lesson")
"""Nodes that ask the teacher for the cycle that the state names; the others come before the calls of the next one."""


async def check_teacher(context: RunContext, next_nodes: Sequence[str], cycle: int) -> None:
    """Refuse to resume a run whose calls cannot succeed; go on with a warning where stored replies carry it on.

    The first call without a stored reply then parks the run as at any other time.

    Args:
        context: what the run works with.
        next_nodes: where the graph goes on; empty if it begins again.
        cycle: that the state names; 0 if the graph begins again.

    Raises:
        TeacherUnreachable: nobody answers, and a reply is needed before or right after the next training.
        TeacherRefused: a key is refused.
        InputError: batches are asked for, and an address has none.
    """
    try:
        await asyncio.to_thread(refuse_hopeless, context.settings.teacher)
    except TeacherUnreachable as exc:
        if not has_replies_ahead(context, next_nodes, cycle):
            raise
        context.emit("teacher_unreachable", reason=str(exc))


def has_replies_ahead(context: RunContext, next_nodes: Sequence[str], cycle: int) -> bool:
    """Whether the next calls have stored replies, as far as one can know before they are made, or there are none.

    Otherwise the run would train for minutes, and then stop.
    """
    is_asking = any(node in _ASKING for node in next_nodes)
    if next_nodes and not is_asking and cycle >= context.settings.stop.cycles:
        return True  # the last cycle has asked for everything
    first = cycle if is_asking or not next_nodes else cycle + 1
    stored = "SELECT 1 FROM calls WHERE cycle >= ? AND status IN ('ok', 'fault') LIMIT 1"
    return bool(context.ledger.query(stored, first))
