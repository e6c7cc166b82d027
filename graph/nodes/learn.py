"""Nodes on the student's side: prepare, train, gate, examine."""

from typing import Any

from evokd.graph.context import Bench, cycle_name
from evokd.graph.nodes.evaluation import build_packet, examine_all, gate_scores, predict_split
from evokd.graph.nodes.self_training import is_used, train_twice
from evokd.graph.nodes.training_run import Material, make_job, run_training
from evokd.graph.nodes.training_set import seed_examples, to_example
from evokd.graph.nodes.weaknesses import follow_weaknesses, show_weaknesses, take_back
from evokd.graph.state import State, StateUpdate
from evokd.messages import TrainingReport
from evokd.student.process.client import TrainExample
from evokd.tracing.ledger import Sample


async def prepare(state: State, bench: Bench) -> StateUpdate:
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


async def train(state: State, bench: Bench) -> StateUpdate:
    """Train a challenger: on the seeds in cycle 0, later on the cycle's samples (and older ones)."""
    cycle = state["cycle"]
    fresh = bench.ledger.samples(cycle=cycle, state="accepted", purpose="train") if cycle else []
    if cycle and not fresh:
        return {"challenger": None}
    examples, replay, start = _choose_material(state, bench, fresh)
    name = cycle_name(cycle)
    material, seed = Material(examples, replay, start), bench.seed(cycle, "train")
    if cycle and is_used(bench, material):
        result = await train_twice(bench, cycle, name, material, seed)
    else:
        result = await run_training(bench, cycle, make_job(bench, name, material, seed))
    bench.ledger.put_part(cycle, "training", result.model_dump(mode="json"))
    return {"challenger": name}


def _choose_material(
    state: State, bench: Bench, fresh: list[Sample]
) -> tuple[list[TrainExample], list[TrainExample], str | None]:
    """New examples, older ones that may come back, and the folder to continue from."""
    seeds = seed_examples(bench)
    if not state["cycle"]:
        return seeds, [], None
    codec = bench.domain.codec
    news = [to_example(bench, sample, codec) for sample in fresh]
    old = bench.ledger.samples(state="accepted", purpose="train")
    older = {sample.id: to_example(bench, sample, codec) for sample in old if sample.cycle < state["cycle"]}
    champion = state["champion"]
    if bench.settings.student.regime == "base" or champion is None:
        return [*seeds, *older.values(), *news], [], None
    review = bench.ledger.part(state["cycle"], "review") or {"samples": []}
    replay = [older[sample] for sample in review["samples"] if sample in older]
    return news, [*seeds, *replay], str(bench.folder.version(champion))


async def gate(state: State, bench: Bench) -> StateUpdate:
    """Let the challenger replace the champion unless the gate metric fell by more than the tolerance."""
    cycle, challenger, champion = state["cycle"], state["challenger"], state["champion"]
    if challenger is None:
        bench.ledger.put_part(cycle, "gate", {"before": state["score"], "after": None, "promoted": False})
        return {"stale": state["stale"] + 1}
    _restore(bench, cycle)
    old = await gate_scores(bench, champion) if champion else None
    new = await gate_scores(bench, challenger)
    before, after = (scores.metrics[bench.gate_metric] if scores else None for scores in (old, new))
    rule = bench.settings.gate
    promoted = rule.rule == "off" or before is None or after is None or after >= before - rule.tolerance
    bench.ledger.put_part(cycle, "gate", {"before": before, "after": after, "promoted": promoted})
    _report(bench, cycle, before, after, promoted)
    if cycle and not promoted:
        take_back(bench, cycle)
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
        update["accepted"] = state["accepted"] - _tombstone(bench, cycle)
    if not bench.keep_versions:
        bench.folder.drop_versions(cycle_name(0), champion, challenger)
    return update


def _report(bench: Bench, cycle: int, before: float | None, after: float | None, promoted: bool) -> None:
    training: dict[str, Any] = bench.ledger.part(cycle, "training") or {}
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
    bench.ledger.put_message(cycle, cycle_name(cycle), "student", "all", report)
    bench.emit("trained", **report.model_dump(mode="json", exclude={"kind"}), metric=bench.gate_metric)


def _restore(bench: Bench, cycle: int) -> None:
    """Take back what an interrupted attempt of this node has tombstoned: it is decided on the same samples again."""
    samples = bench.ledger.samples(cycle=cycle, state="tombstoned")
    bench.ledger.update_samples((sample.id, {"state": "accepted", "reason": None}) for sample in samples)


def _tombstone(bench: Bench, cycle: int) -> int:
    """Take a cycle's samples out of the data set; they stay in the ledger with the reason."""
    samples = bench.ledger.samples(cycle=cycle, state="accepted")
    change = {"state": "tombstoned", "reason": "rolled_back"}
    bench.ledger.update_samples((sample.id, change) for sample in samples)
    return len(samples)


async def examine(state: State, bench: Bench) -> StateUpdate:
    """Put the next feedback packet together from what the student answered."""
    champion = state["champion"]
    if champion and bench.domain.validation:
        await predict_split(bench, champion, "validation")
    examined = await examine_all(bench, state["cycle"], champion)
    await follow_weaknesses(bench, state["cycle"], examined)
    packet = build_packet(bench, state["cycle"], examined, show_weaknesses(bench))
    span = cycle_name(packet.cycle)
    bench.ledger.put_message(packet.cycle, span, "student", "analyst", packet)
    wrong = sum(case.verdict != "right" for case in packet.cases)
    bench.emit("examined", cycle=packet.cycle, cases=len(packet.cases), wrong=wrong)
    return {}
