"""Which texts of the domain's pool are labelled in a cycle."""

import random
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from evokd.graph.context import RunContext
from evokd.graph.curriculum.selection import choose_texts, density, doubt, doubt_sets
from evokd.graph.nodes.embeddings import embed
from evokd.graph.nodes.large_pool import prepared_files
from evokd.graph.nodes.pool_options import Options, Weigh, draw_texts, find_options
from evokd.graph.nodes.settled_cycles import settle
from evokd.messages import PoolText

MOST_OPTIONS = 3_000
"""Texts of the pool that a cycle chooses from, drawn at random if there are more: the student answers each."""
COVERAGE_LATER = 0.5
"""Share of the texts that represent the whole pool once the student's doubt is informative."""


def count_unlabelled(context: RunContext, cycle: int) -> int:
    """Number of texts of the pool that were not labelled before this cycle."""
    lines = context.domain.unlabelled
    return max(0, lines - len(settle(context, cycle).sources)) if lines else 0


async def select_texts(context: RunContext, cycle: int, champion: str | None, wanted: int) -> list[PoolText]:
    """Choose texts of the pool to label; a second call returns the same ones.

    Args:
        context: what the run works with.
        cycle: evolution cycle, from 1.
        champion: student version whose doubts count.
        wanted: how many.
    """
    if not context.domain.pool or not wanted:
        return []
    rule = context.settings.curriculum.pool.select
    used = settle(context, cycle).sources
    is_large = context.domain.pool_lines > 0
    seed = context.seed(cycle, "pool")
    if rule == "random":
        if not is_large:
            return _draw_unused(context, used, wanted, seed)
        with prepared_files():
            return await draw_texts(context, used, wanted, seed)
    entities = context.entities
    # a student of the seeds says little about whole texts, but does tell where entities may be
    uses_worth = rule == "doubt" or (rule == "auto" and (cycle > 1 or entities))
    coverage = {"coverage": 1.0, "doubt": 0.0}.get(rule, 0.0 if entities else COVERAGE_LATER)
    weigh = partial(_weigh, context, champion) if uses_worth and champion else None
    if is_large:
        with prepared_files():
            found = await find_options(context, cycle, used, weigh)
    else:
        found = await _find_in_memory(context, used, weigh, seed)
    if found is None:
        return []
    indices = choose_texts(found.vectors, found.taken, found.worth, wanted, coverage, seed, found.mean)
    return [found.items[index] for index in indices]


async def _find_in_memory(context: RunContext, used: set[str], weigh: Weigh | None, seed: int) -> Options | None:
    """Find what a cycle chooses from in a pool that is in memory; None if there is nothing left."""
    items = _draw_unused(context, used, MOST_OPTIONS, seed)
    if not items:
        return None
    texts = [item.text for item in items]
    taken = [item.text for item in context.domain.pool if item.source in used]
    worth = None if weigh is None else await weigh(texts)
    vectors = await embed(context, [*texts, *taken])
    return Options(items, vectors[: len(texts)], vectors[len(texts) :], worth, mean=None)


def _draw_unused(context: RunContext, used: set[str], wanted: int, seed: int) -> list[PoolText]:
    """Draw texts at random that were not labelled before, in the order of the pool."""
    texts = [item for item in context.domain.pool if item.source not in used]
    indices = random.Random(seed).sample(range(len(texts)), min(wanted, len(texts)))
    return [texts[index] for index in sorted(indices)]


async def _weigh(context: RunContext, champion: str, texts: Sequence[str]) -> NDArray[np.float64]:
    """Say what a label of each is worth: the student's doubt, or for entities, how many there may be."""
    answers = await context.student.predict(context.folder.version(champion), texts)
    scores = [list(answer.scores.values()) for answer in answers]
    if context.briefing.form.has_sets:
        return doubt_sets(scores)
    return density(scores) if context.entities else doubt(scores)
