"""The node that decides whether another cycle follows. It stores its decision; routers only read it."""

from evokd.graph.context import RunContext
from evokd.graph.state import Decision, State, StateUpdate
from evokd.tracing.rows import DECISION, GATE, DecisionRecord
from evokd.tracing.summary import gain_of

BARREN = 2
"""After this many cycles in a row without a new sample, the teacher has nothing new to offer."""
ENOUGH = 0.99
"""Share of the budget's samples at which it counts as spent: the last one in a hundred is not worth a cycle."""
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
        "budget.samples": budget.samples is not None and state["accepted"] >= ENOUGH * budget.samples,
        "budget.tokens": budget.tokens is not None and usage["input_tokens"] + usage["output_tokens"] >= budget.tokens,
        "budget.usd": budget.usd is not None and cost is not None and cost >= budget.usd,
        "patience": stop.patience is not None and state["stale"] >= stop.patience,
        "gain": stop.gain is not None and _is_too_little(state["cycle"], context, stop.gain),
        "exhausted": state["barren"] >= BARREN,
    }
    return next((name for name, hit in reached.items() if hit), None)


def _is_too_little(cycle: int, context: RunContext, wanted: float) -> bool:
    """Whether the last cycles raised the gate metric by less than wanted per 1,000 tokens; unknown counts as enough."""
    last = range(cycle - GAIN_CYCLES + 1, cycle + 1)
    if last[0] < 1:
        return False
    gains = [gain_of(context.ledger.cycle_record(each, GATE)) for each in last]
    tokens = sum(context.ledger.spent(each)[0] for each in last)
    known = [gain for gain in gains if gain is not None]
    return len(known) == len(gains) and tokens > 0 and sum(known) / tokens * 1_000 < wanted
