"""Which texts of the domain's pool are labelled in a cycle."""

import random
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from evokd.graph.context import RunContext
from evokd.graph.curriculum.selection import choose_texts, density, doubt, doubt_sets
from evokd.graph.nodes.embeddings import embed
from evokd.graph.nodes.pool_options import Options, draw_texts, find_options
from evokd.messages import PoolText

MOST_OPTIONS = 3_000
"""Texts of the pool that a cycle chooses from, drawn at random if there are more: the student answers each."""
COVERAGE_LATER = 0.5
"""Share of the texts that represent the whole pool once the student's doubt is informative."""


def count_unlabelled(context: RunContext, cycle: int) -> int:
    """Number of texts of the pool that were not labelled before this cycle."""
    lines = context.domain.unlabelled
    return max(0, lines - len(context.ledger.used_sources(before=cycle))) if lines else 0


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
    is_large = context.domain.pool_lines > 0
    options = [item for item in context.domain.pool if is_large or item.source not in used]
    if not options or not wanted:
        return []
    seed = context.seed(cycle, "pool")
    if rule == "random":
        return await draw_texts(context, used, wanted, seed) if is_large else _draw(options, wanted, seed)
    entities = context.entities
    # a student of the seeds says little about whole texts, but does tell where entities may be
    uses_worth = rule == "doubt" or (rule == "auto" and (cycle > 1 or entities))
    coverage = {"coverage": 1.0, "doubt": 0.0}.get(rule, 0.0 if entities else COVERAGE_LATER)
    weigh = partial(_weigh, context, champion) if uses_worth and champion else None
    if is_large:
        found = await find_options(context, cycle, used, weigh)
        return _choose(found, wanted, coverage, seed) if found is not None else []
    options = _draw(options, MOST_OPTIONS, seed)
    worth = await weigh([item.text for item in options]) if weigh is not None else None
    taken = [item.text for item in context.domain.pool if item.source in used]
    vectors = await embed(context, [*(item.text for item in options), *taken])
    indices = choose_texts(vectors[: len(options)], vectors[len(options) :], worth, wanted, coverage, seed)
    return [options[index] for index in indices]


def _choose(found: Options, wanted: int, coverage: float, seed: int) -> list[PoolText]:
    """Choose among the options of a large pool."""
    indices = choose_texts(found.vectors, found.taken, found.worth, wanted, coverage, seed, found.mean)
    return [found.items[index] for index in indices]


def _draw(texts: Sequence[PoolText], wanted: int, seed: int) -> list[PoolText]:
    """Draw texts at random, in the order of the pool."""
    indices = random.Random(seed).sample(range(len(texts)), min(wanted, len(texts)))
    return [texts[index] for index in sorted(indices)]


async def _weigh(context: RunContext, champion: str, texts: Sequence[str]) -> NDArray[np.float64]:
    """Say what a label of each is worth: the student's doubt, or for entities, how many there may be."""
    answers = await context.student.predict(context.folder.version(champion), texts)
    scores = [list(answer.scores.values()) for answer in answers]
    if context.briefing.form.has_sets:
        return doubt_sets(scores)
    return density(scores) if context.entities else doubt(scores)
