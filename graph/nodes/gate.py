"""The node that decides whether the challenger becomes the champion."""

from evokd.graph.context import RunContext, cycle_name
from evokd.graph.nodes.evaluation import gate_scores
from evokd.graph.nodes.split_rows import store_rows
from evokd.graph.nodes.weaknesses import mark_rolled_back
from evokd.graph.state import State, StateUpdate
from evokd.messages import TrainingReport
from evokd.tracing.rows import GATE, TRAINING, GateRecord
from evokd.tracing.samples import SampleChange


async def gate(state: State, context: RunContext) -> StateUpdate:
    """Let the challenger replace the champion unless the gate metric fell by more than the tolerance."""
    cycle, challenger, champion = state["cycle"], state["challenger"], state["champion"]
    if challenger is None:
        context.ledger.put_cycle_record(cycle, GATE, GateRecord(before=state["score"], after=None, promoted=False))
        return {"stale": state["stale"] + 1}
    _restore(context, cycle)
    if not cycle:
        store_rows(context, "validation")
    old = await gate_scores(context, champion) if champion else None
    new = await gate_scores(context, challenger)
    before, after = (scores.metrics[context.gate_metric] if scores else None for scores in (old, new))
    rule = context.settings.gate
    promoted = rule.rule == "off" or before is None or after is None or after >= before - rule.tolerance
    context.ledger.put_cycle_record(cycle, GATE, GateRecord(before=before, after=after, promoted=promoted))
    _report(context, cycle, before, after, promoted)
    if cycle and not promoted:
        mark_rolled_back(context, cycle)
    score = after if promoted else before
    best = state["best"]
    rose = score is not None and (best is None or score > best)
    update: StateUpdate = {
        "challenger": None,
        "champion": challenger if promoted else champion,
        "score": score,
        "best": score if rose else best,
        # without gate data nothing was measured, so the cycle does not count as stale
        "stale": 0 if rose else state["stale"] + (score is not None),
    }
    if not promoted and rule.rule == "roll_back":
        update["accepted"] = state["accepted"] - _tombstone(context, cycle)
    if not context.keep_versions:
        context.folder.drop_versions(cycle_name(0), champion, challenger)
    return update


def _report(context: RunContext, cycle: int, before: float | None, after: float | None, promoted: bool) -> None:
    training = context.ledger.cycle_record(cycle, TRAINING)
    assert training is not None, "`train` has stored it"
    report = TrainingReport(
        cycle=cycle,
        samples=training["samples"],
        steps=training["steps"],
        seconds=training["seconds"],
        loss=training["loss"],
        before=before,
        after=after,
        promoted=promoted,
    )
    context.ledger.put_message(cycle, cycle_name(cycle), "student", "all", report)
    context.emit("trained", **report.model_dump(mode="json", exclude={"kind"}), metric=context.gate_metric)


def _restore(context: RunContext, cycle: int) -> None:
    """Undo the tombstones of an interrupted attempt of this node, so that it decides on the same samples."""
    samples = context.ledger.samples(cycle=cycle, state="tombstoned")
    context.ledger.update_samples((sample.id, SampleChange(state="accepted", reason=None)) for sample in samples)


def _tombstone(context: RunContext, cycle: int) -> int:
    """Take a cycle's samples out of the data set; they stay in the ledger with the reason.

    Those that a person vouches for stay, as seeds do.
    """
    reviewed = context.ledger.reviewers()
    accepted = context.ledger.samples(cycle=cycle, state="accepted")
    samples = [sample for sample in accepted if sample.id not in reviewed]
    change: SampleChange = {"state": "tombstoned", "reason": "rolled_back"}
    context.ledger.update_samples((sample.id, change) for sample in samples)
    return len(samples)
