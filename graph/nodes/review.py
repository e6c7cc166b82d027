"""The node that chooses older samples for review."""

import random

from evokd.graph.context import RunContext
from evokd.graph.nodes.settled_cycles import settle
from evokd.graph.state import State, StateUpdate
from evokd.tracing.rows import REVIEW, ReviewRecord


async def review(state: State, context: RunContext) -> StateUpdate:
    """Choose the older samples that may be used again in this training (the seeds always may)."""
    cycle = state["cycle"]
    older = [example.id for example in settle(context, cycle).examples]
    size = context.settings.curriculum.review
    if len(older) > size:
        older = sorted(random.Random(context.seed(cycle, "review")).sample(older, size))
    context.ledger.put_cycle_record(cycle, REVIEW, ReviewRecord(samples=older))
    return {}


def is_review_due(state: State, context: RunContext) -> bool:
    """Whether older samples are chosen before the training of this cycle."""
    student = context.settings.student
    return bool(
        student.regime == "continue" and student.replay and context.settings.curriculum.review and state["cycle"] > 1
    )
