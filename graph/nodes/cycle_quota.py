"""How many texts a cycle may ask for: what is left of the budget, in samples, tokens and money."""

import math

from evokd.graph.context import RunContext
from evokd.graph.nodes.labeling import label_rule
from evokd.graph.nodes.settled_cycles import settle
from evokd.graph.state import State

REMNANT = 0.1
"""A remainder of at most this share of a cycle's texts is not worth another cycle, with its requests and training."""
LEAST_RATE = 0.5
"""Minimum share of texts that is expected to be accepted."""


def count_wanted(state: State, context: RunContext) -> int:
    """Texts to ask for: a cycle's worth, or what is left of the budget plus a margin for rejected texts."""
    cycle, wanted = state["cycle"], cycle_size(state["cycle"], context)
    budget = context.settings.budget
    caps = (budget.samples and budget.samples - state["accepted"], budget.cycle.samples)
    for left in (cap for cap in caps if cap is not None):
        wanted = cap_cycle(wanted, math.ceil(left / _acceptance(context, cycle)))
    return min(wanted, _affordable(cycle, context, wanted))


def cycle_size(cycle: int, context: RunContext) -> int:
    """Texts that a cycle asks for while the budget lasts."""
    curriculum = context.settings.curriculum
    warm = curriculum.warm_up.drafts if cycle <= curriculum.warm_up.cycles else None
    return warm or curriculum.quotas.drafts


def cap_cycle(usual: int, left: int) -> int:
    """Say how many texts a cycle asks for: its usual number, or all that are left if that saves another cycle.

    Args:
        usual: texts of a cycle.
        left: texts that the budget still has room for.
    """
    return left if left <= usual * (1 + REMNANT) else usual


def _acceptance(context: RunContext, cycle: int) -> float:
    """Share of the texts of earlier cycles that was accepted; 1 before there is any."""
    settled = settle(context, cycle)
    return max(LEAST_RATE, settled.accepted.total() / settled.drafts) if settled.drafts else 1.0


def _affordable(cycle: int, context: RunContext, most: int) -> int:
    """Texts that the budget in tokens and money still pays for, so that none is left unlabelled.

    The estimate uses the cost of a labelled text so far; in the first cycle, its expected cost.
    """
    run, each = context.settings.budget, context.settings.budget.cycle
    if not run.caps_calls():
        return most
    # drafts that the budget left unlabelled have cost something too
    settled = settle(context, cycle)
    before = settled.drafts if label_rule(context) == "generator" else settled.labelled
    (tokens, usd), (now_tokens, now_usd) = context.ledger.spent(None), context.ledger.spent(cycle)
    tokens, usd = tokens - now_tokens, usd - now_usd
    one, one_usd = (tokens / before, usd / before) if before else context.draft_cost
    caps = ((run.tokens, tokens, one), (run.usd, usd, one_usd), (each.tokens, 0, one), (each.usd, 0, one_usd))
    for cap, spent, price in caps:
        if cap is not None and price:
            most = min(most, max(1, int((cap - spent) / price)))
    return most
