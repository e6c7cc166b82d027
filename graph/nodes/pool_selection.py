"""Which texts of the domain's pool are labelled in a cycle."""

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evokd.graph.context import RunContext
from evokd.graph.curriculum.selection import choose_texts, density, doubt, doubt_sets
from evokd.graph.nodes.embeddings import embed
from evokd.messages import PoolText

MOST_OPTIONS = 3_000
"""Texts of the pool that a cycle chooses from, drawn at random if there are more: the student answers each."""
COVERAGE_LATER = 0.5
"""Share of the texts that represent the whole pool once the student's doubt is informative."""


def count_unlabelled(context: RunContext, cycle: int) -> int:
    """Number of texts of the pool that were not labelled before this cycle."""
    return len(context.domain.pool) - len(context.ledger.used_sources(before=cycle)) if context.domain.pool else 0


async def select_texts(context: RunContext, cycle: int, champion: str | None, wanted: int) -> list[PoolText]:
    """Choose texts of the pool to label; a second call returns the same ones.

    Args:
        context: what the run works with.
        cycle: evolution cycle, from 1.
        champion: student version whose doubts count.
        wanted: how many.
    """
    rule = context.settings.curriculum.pool.select
    used = context.ledger.used_sources(before=cycle)
    options = [item for item in context.domain.pool if item.source not in used]
    if not options or not wanted:
        return []
    seed = context.seed(cycle, "pool")
    if rule == "random":
        return _draw(options, wanted, seed)
    options = _draw(options, MOST_OPTIONS, seed)
    entities = context.entities
    # a student of the seeds says little about whole texts, but does tell where entities may be
    uses_worth = rule == "doubt" or (rule == "auto" and (cycle > 1 or entities))
    worth = await _weigh(context, champion, options) if uses_worth and champion else None
    taken = [item.text for item in context.domain.pool if item.source in used]
    vectors = await embed(context, [*(item.text for item in options), *taken])
    coverage = {"coverage": 1.0, "doubt": 0.0}.get(rule, 0.0 if entities else COVERAGE_LATER)
    indices = choose_texts(vectors[: len(options)], vectors[len(options) :], worth, wanted, coverage, seed)
    return [options[index] for index in indices]


def _draw(texts: Sequence[PoolText], wanted: int, seed: int) -> list[PoolText]:
    """Draw texts at random, in the order of the pool."""
    indices = random.Random(seed).sample(range(len(texts)), min(wanted, len(texts)))
    return [texts[index] for index in sorted(indices)]


async def _weigh(context: RunContext, champion: str, texts: Sequence[PoolText]) -> NDArray[np.float64]:
    """Say what a label of each is worth: the student's doubt, or for entities, how many there may be."""
    answers = await context.student.predict(context.folder.version(champion), [item.text for item in texts])
    scores = [list(answer.scores.values()) for answer in answers]
    if context.briefing.form.has_sets:
        return doubt_sets(scores)
    return density(scores) if context.entities else doubt(scores)
