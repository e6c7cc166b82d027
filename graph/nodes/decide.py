"""The node that decides whether another cycle follows. It stores its decision; routers only read it."""

from evokd.graph.context import RunContext
from evokd.graph.nodes.cycle_quota import cycle_size
from evokd.graph.state import Decision, State, StateUpdate
from evokd.tracing.rows import DECISION, GATE, DecisionRecord
from evokd.tracing.summary import gain_of

BARREN = 2
"""After this many cycles in a row without a new sample, the teacher has nothing new to offer."""
LEAST_OF_BUDGET = 0.01
"""Share of the budget's samples that is not worth another cycle, with its requests and training."""
LEAST_OF_CYCLE = 0.05
"""Share of a cycle's texts that is not worth another cycle; of a budget smaller than a cycle, that share of it."""
GAIN_CYCLES = 3
"""Cycles that `stop.gain` looks at."""


async def decide(state: State, context: RunContext) -> StateUpdate:
    """Stop on cycles, target, patience, a spent budget or a teacher that repeats itself; else begin the next cycle."""
    reason = find_reason(state, context)
    decision = Decision(next="publish" if reason else "analyze", reason=reason or "go on")
    context.ledger.put_cycle_record(state["cycle"], DECISION, DecisionRecord(**decision))
    context.emit("decided", cycle=state["cycle"], accepted=state["accepted"], score=state["score"], **decision)
    if not reason and state["cycle"] and context.estimate_rest is not None:
        rest = context.estimate_rest(state["cycle"], state["accepted"])
        context.emit("estimate_revised", cycle=state["cycle"], **rest)
    return {"decision": decision, "cycle": state["cycle"] + (not reason)}


def find_reason(state: State, context: RunContext) -> str | None:
    """Why the run should stop: the name of the first limit that is reached, or None."""
    stop, budget, usage = context.settings.stop, context.settings.budget, context.ledger.usage()
    score, cost = state["score"], usage["cost_usd"]
    reached = {
        "target": stop.target is not None and score is not None and score >= stop.target,
        "cycles": state["cycle"] >= stop.cycles,
        "budget.samples": budget.samples is not None and is_filled(budget.samples, state, context),
        "budget.tokens": budget.tokens is not None and usage["input_tokens"] + usage["output_tokens"] >= budget.tokens,
        "budget.usd": budget.usd is not None and cost is not None and cost >= budget.usd,
        "patience": stop.patience is not None and state["stale"] >= stop.patience,
        "gain": stop.gain is not None and _is_too_little(state["cycle"], context, stop.gain),
        "exhausted": state["barren"] >= BARREN,
    }
    return next((name for name, hit in reached.items() if hit), None)


def is_filled(budget: int, state: State, context: RunContext) -> bool:
    """Whether a budget of samples is spent, or so nearly that what is left is not worth another cycle."""
    usual = min(budget, cycle_size(state["cycle"] + 1, context))
    return budget - state["accepted"] <= max(LEAST_OF_BUDGET * budget, LEAST_OF_CYCLE * usual)


def _is_too_little(cycle: int, context: RunContext, wanted: float) -> bool:
    """Whether the last cycles raised the gate metric by less than wanted per 1,000 tokens; unknown counts as enough."""
    last = range(cycle - GAIN_CYCLES + 1, cycle + 1)
    if last[0] < 1:
        return False
    gains = [gain_of(context.ledger.cycle_record(each, GATE)) for each in last]
    tokens = sum(context.ledger.spent(each)[0] for each in last)
    known = [gain for gain in gains if gain is not None]
    return len(known) == len(gains) and tokens > 0 and sum(known) / tokens * 1_000 < wanted
