"""Which kinds of text a cycle is made of: initial shares, adjusted by the effect of each on the loss on real texts."""

from collections import Counter

from evokd.graph.context import RunContext
from evokd.graph.curriculum.kinds import Effect, Kind, begin_shares, describe_effects, divide, move_shares
from evokd.graph.nodes.settled_cycles import settle
from evokd.graph.nodes.training_set import seed_examples, validation_examples
from evokd.graph.settled import SettledCycles
from evokd.student.protocol import AppraiseJob, TrainExample
from evokd.tracing.rows import KINDS, KindsRecord

LEAST_JUDGES = 40
"""With fewer real texts than this, nothing is judged."""
MOST_JUDGES = 400
"""Number of real texts, the newest, on which effects are measured."""
LEAST_TEXTS = 12
"""With fewer texts of a kind than this, its effect is not estimated."""


async def divide_cycle(context: RunContext, cycle: int, wanted: int, left: int) -> dict[Kind, int]:
    """Say how many texts of each kind a cycle asks for, and store the verdict for the trace.

    Args:
        context: what the run works with.
        cycle: evolution cycle, from 1.
        wanted: texts in all.
        left: texts of the pool that are not labelled yet.
    """
    curriculum = context.settings.curriculum
    entities = context.entities
    begin = begin_shares(entities, bool(context.domain.pool), curriculum.source, curriculum.shares)
    effects, judged = ({}, 0) if not curriculum.compete else await measure_effects(context, cycle)
    shares = move_shares(begin, effects)
    texts = divide(wanted, settle(context, cycle).accepted, shares, left, curriculum.quotas.lesson)
    record = KindsRecord(shares={kind: round(share, 3) for kind, share in shares.items()}, texts=dict(texts.items()))
    if effects:
        record["effects"] = {kind: [round(effect.mean, 3), round(effect.error, 3)] for kind, effect in effects.items()}
        record["verdict"] = describe_effects(effects, judged)
    context.ledger.put_cycle_record(cycle, KINDS, record)
    context.emit("kinds", cycle=cycle, **record)
    return texts


async def measure_effects(context: RunContext, cycle: int) -> tuple[dict[str, Effect], int]:
    """Estimate how more texts of each kind would change the loss on real texts; empty if there are too few real ones.

    Real texts are those of the pool under the Labeler's labels and the user's validation rows.
    """
    settled = settle(context, cycle)
    if context.entities or not settled.examples:
        return {}, 0
    examples, groups, held = _gather(context, settled)
    if len(held) < LEAST_JUDGES:
        return {}, 0
    job = AppraiseJob(
        task=context.domain.codec.name,
        labels=list(context.domain.codec.labels),
        meanings=dict(context.domain.file.labels),
        examples=examples,
        groups=groups,
        held=held[-MOST_JUDGES:],
        settings=context.settings.student,
    )
    appraisal = await context.student.appraise(job)
    prices = price_kinds(settled)
    effects = {}
    for item in appraisal.effects:
        price = prices.get(item.group)
        if price and item.samples >= LEAST_TEXTS:
            scale = 1e6 / price  # thousandths of a nat, per 1,000 tokens
            effects[item.group] = Effect(item.mean * scale, item.error * scale, item.samples)
    return effects, len(held)


def _gather(context: RunContext, settled: SettledCycles) -> tuple[list[TrainExample], list[str], list[str]]:
    """The examples to fit the layers on, the kind of each, and the ids of those on which effects are measured."""
    seeds = seed_examples(context)
    validation = validation_examples(context)
    groups = [*("seeds" for _ in seeds), *settled.kinds, *("validation" for _ in validation)]
    held = [*settled.real, *(item.id for item in validation)]
    return [*seeds, *settled.examples, *validation], groups, held


def price_kinds(settled: SettledCycles) -> dict[str, float]:
    """Tokens that a text of each kind that is trained on has cost so far: the calls of its lessons."""
    counts = Counter(settled.kinds)
    return {kind: settled.tokens[kind] / count for kind, count in counts.items() if settled.tokens[kind]}
