"""Nodes on the student's side: prepare, train, gate, examine."""

from evokd.graph.context import RunContext, cycle_name
from evokd.graph.nodes.evaluation import build_packet, examine_all, gate_scores, predict_split
from evokd.graph.nodes.self_training import is_used, train_twice
from evokd.graph.nodes.training_run import Material, make_job, make_record, run_training
from evokd.graph.nodes.training_set import seed_examples, to_example
from evokd.graph.nodes.weaknesses import follow_weaknesses, show_weaknesses, take_back
from evokd.graph.state import State, StateUpdate
from evokd.messages import TrainingReport
from evokd.student.process.client import TrainExample
from evokd.tracing.ledger import Sample
from evokd.tracing.rows import GATE, REVIEW, TRAINING, GateRecord


async def prepare(state: State, context: RunContext) -> StateUpdate:
    """Set the counters to the start; the data was read and checked before the graph began."""
    return {
        "cycle": 0,
        "champion": None,
        "challenger": None,
        "score": None,
        "best": None,
        "stale": 0,
        "barren": 0,
        "accepted": 0,
        "lessons": [],
    }


async def train(state: State, context: RunContext) -> StateUpdate:
    """Train a challenger: on the seeds in cycle 0, later on the cycle's samples (and older ones)."""
    cycle = state["cycle"]
    fresh = context.ledger.samples(cycle=cycle, state="accepted", purpose="train") if cycle else []
    if cycle and not fresh:
        return {"challenger": None}
    examples, replay, start = _choose_material(state, context, fresh)
    name = cycle_name(cycle)
    material, seed = Material(examples, replay, start), context.seed(cycle, "train")
    if cycle and is_used(context, material):
        result = await train_twice(context, cycle, name, material, seed)
    else:
        result = await run_training(context, cycle, make_job(context, name, material, seed))
    context.ledger.put_cycle_record(cycle, TRAINING, make_record(result))
    return {"challenger": name}


def _choose_material(
    state: State, context: RunContext, fresh: list[Sample]
) -> tuple[list[TrainExample], list[TrainExample], str | None]:
    """New examples, older ones that may come back, and the folder to continue from."""
    seeds = seed_examples(context)
    if not state["cycle"]:
        return seeds, [], None
    news = [to_example(context, sample) for sample in fresh]
    old = context.ledger.samples(state="accepted", purpose="train")
    older = {sample.id: to_example(context, sample) for sample in old if sample.cycle < state["cycle"]}
    champion = state["champion"]
    if context.settings.student.regime == "base" or champion is None:
        return [*seeds, *older.values(), *news], [], None
    review = context.ledger.cycle_record(state["cycle"], REVIEW) or {"samples": []}
    replay = [older[sample] for sample in review["samples"] if sample in older]
    return news, [*seeds, *replay], str(context.folder.version(champion))


async def gate(state: State, context: RunContext) -> StateUpdate:
    """Let the challenger replace the champion unless the gate metric fell by more than the tolerance."""
    cycle, challenger, champion = state["cycle"], state["challenger"], state["champion"]
    if challenger is None:
        context.ledger.put_cycle_record(cycle, GATE, GateRecord(before=state["score"], after=None, promoted=False))
        return {"stale": state["stale"] + 1}
    _restore(context, cycle)
    old = await gate_scores(context, champion) if champion else None
    new = await gate_scores(context, challenger)
    before, after = (scores.metrics[context.gate_metric] if scores else None for scores in (old, new))
    rule = context.settings.gate
    promoted = rule.rule == "off" or before is None or after is None or after >= before - rule.tolerance
    context.ledger.put_cycle_record(cycle, GATE, GateRecord(before=before, after=after, promoted=promoted))
    _report(context, cycle, before, after, promoted)
    if cycle and not promoted:
        take_back(context, cycle)
    score = after if promoted else before
    best = state["best"]
    rose = score is not None and (best is None or score > best)
    update: StateUpdate = {
        "challenger": None,
        "champion": challenger if promoted else champion,
        "score": score,
        "best": score if rose else best,
        # without gate data nothing was measured, so nothing has stood still either
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
    """Take back what an interrupted attempt of this node has tombstoned: it is decided on the same samples again."""
    samples = context.ledger.samples(cycle=cycle, state="tombstoned")
    context.ledger.update_samples((sample.id, {"state": "accepted", "reason": None}) for sample in samples)


def _tombstone(context: RunContext, cycle: int) -> int:
    """Take a cycle's samples out of the data set; they stay in the ledger with the reason."""
    samples = context.ledger.samples(cycle=cycle, state="accepted")
    change = {"state": "tombstoned", "reason": "rolled_back"}
    context.ledger.update_samples((sample.id, change) for sample in samples)
    return len(samples)


async def examine(state: State, context: RunContext) -> StateUpdate:
    """Put the next feedback packet together from what the student answered."""
    champion = state["champion"]
    if champion and context.domain.validation:
        await predict_split(context, champion, "validation")
    examined = await examine_all(context, state["cycle"], champion)
    await follow_weaknesses(context, state["cycle"], examined)
    packet = build_packet(context, state["cycle"], examined, show_weaknesses(context))
    span = cycle_name(packet.cycle)
    context.ledger.put_message(packet.cycle, span, "student", "analyst", packet)
    wrong = sum(case.verdict != "right" for case in packet.cases)
    context.emit("examined", cycle=packet.cycle, cases=len(packet.cases), wrong=wrong)
    return {}
