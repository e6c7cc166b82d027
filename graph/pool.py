"""The pool of breadth: more texts than are kept, of which those are chosen that stand best for all of them.

What a lesson does not keep is spare: it is never labelled, and later cycles choose from it again.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from graph.bench import Bench
from graph.curriculum.herding import herd
from graph.curriculum.lessons import PlannedLesson, has_pool
from graph.vectors import embed
from tracing.ledger import Sample

PART = "pool"
"""Part of a cycle's record: lesson -> label -> texts that are kept."""
NEWEST = 600
"""Learned texts of a label that are looked at, the newest: with all, a cycle would slow down.

What is left over needs no such limit: a pool holds no more than a few cycles' worth.
"""
SPARE = "spare"
"""State of a draft that was not chosen."""


def count_spare(bench: Bench, cycle: int) -> dict[str, int] | None:
    """Count what earlier cycles left over, by label; None where every text is kept."""
    if not has_pool(bench.settings.curriculum, bench.briefing.form):
        return None
    return dict(Counter(sample.intended for sample in bench.ledger.spare_drafts(cycle)))


def keep_plan(bench: Bench, cycle: int, lessons: Sequence[PlannedLesson]) -> None:
    """Note how much each lesson keeps; must be there before a lesson begins."""
    bench.ledger.put_part(cycle, PART, {item.plan.id: dict(item.kept) for item in lessons if item.kept is not None})


async def choose(bench: Bench, lesson: str, cycle: int, drafts: Sequence[Sample]) -> list[Sample]:
    """Choose which drafts of a lesson are kept.

    Texts are compared label by label with those of earlier cycles, and not with those of lessons beside this one, which
    may not be written yet: so the choice does not depend on which of them ends first.

    Args:
        bench: the workbench.
        lesson: the lesson's id.
        cycle: its cycle.
        drafts: what the Generator wrote.

    Returns:
        The drafts, those that are not chosen marked as spare, and chosen ones that earlier cycles left over, as drafts
        of this lesson.
    """
    plan = bench.ledger.part(cycle, PART) or {}
    if lesson not in plan:
        return list(drafts)
    # what was left over goes to the first lesson of its label
    first = {label for label in plan[lesson] if lesson == next(name for name, kept in plan.items() if label in kept)}
    left = bench.ledger.spare_drafts(cycle) if first else []
    kept: list[Sample] = []
    for label, wanted in plan[lesson].items():
        own = [sample for sample in drafts if sample.intended == label]
        own += [sample for sample in left if label in first and sample.intended == label]
        kept += await _choose_of_label(bench, cycle, label, own, wanted)
    # a Generator that wrote for labels that it was not asked for is better taken at its word than asked again
    missing = sum(plan[lesson].values()) - len(kept)
    kept += [sample for sample in drafts if sample.intended not in plan[lesson]][:missing]
    chosen = {sample.id for sample in kept}
    rest = [sample if sample.id in chosen else replace(sample, state=SPARE) for sample in drafts]
    older = [sample for sample in kept if sample.lesson != lesson]
    return [
        *rest,
        *(
            replace(sample, id=f"{lesson}-d{number:02d}", cycle=cycle, lesson=lesson, state="drafted")
            for number, sample in enumerate(older, start=len(drafts) + 1)
        ),
    ]


async def _choose_of_label(
    bench: Bench, cycle: int, label: str, candidates: Sequence[Sample], wanted: int
) -> list[Sample]:
    seeds = [example.text for example in bench.domain.seeds if example.gold == label]
    learned = bench.ledger.breadth_texts(cycle, label, NEWEST)
    known = {*seeds, *learned}
    options = list({item.text: item for item in reversed(candidates) if item.text not in known}.values())[::-1]
    vectors = await embed(bench, [*seeds, *learned, *(sample.text for sample in options)])
    taken, own = vectors[: len(seeds) + len(learned)], vectors[len(seeds) + len(learned) :]
    if not len(own):
        return []
    target = vectors[len(seeds) :].mean(axis=0)
    return [options[place] for place in herd(own, taken, target, wanted)]
