"""What a cycle chooses from where the pool is large: a few thousand of its lines, more where the student doubts."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evokd.graph.context import RunContext
from evokd.graph.curriculum.probes import Vectors
from evokd.graph.nodes.embeddings import embed
from evokd.graph.nodes.large_pool import open_pool, open_vectors
from evokd.graph.pool.large_pool import LargePool
from evokd.graph.pool.texts import Rows
from evokd.graph.pool.vectors import PoolVectors
from evokd.messages import PoolText

REPRESENTATIVE = 1_000
"""Texts drawn at random, the same in every cycle of a run: they stand for the pool as a whole."""
FRESH = 1_000
"""Texts drawn at random, others in every cycle."""
DOUBTFUL = 64
"""The most doubtful of these texts, whose neighbours are looked for among all lines."""
NEIGHBOURS = 8
"""Neighbours of each that are looked at as well: of a rare kind, at least three times as many as by chance."""

Weigh = Callable[[Sequence[str]], Awaitable[NDArray[np.float64]]]
"""Says what a label of each text is worth, (n,)."""


@dataclass(frozen=True, eq=False)
class Options:
    """Texts to choose from."""

    items: list[PoolText]
    vectors: Vectors
    """(n, features), as the untrained student reads them."""
    taken: Vectors
    """Those of the texts that were labelled before, (m, features)."""
    worth: NDArray[np.float64] | None
    """What a label of each is worth, (n,); None: unknown."""
    mean: NDArray[np.float64] | None
    """The mean of the whole pool, (features,), as the texts drawn at random tell; None: that of all these texts."""


async def draw_texts(context: RunContext, used: set[str], wanted: int, seed: int) -> list[PoolText]:
    """Draw texts of a large pool at random, none that was labelled before."""
    pool = await open_pool(context)
    rows, texts = pool.drop_near_copies(pool.draw(wanted, pool.mask(pool.find_sources(used)), seed))
    return _name(pool, rows, texts)


async def find_options(context: RunContext, cycle: int, used: set[str], weigh: Weigh | None) -> Options | None:
    """Find what a cycle chooses from in a large pool; None if there is nothing left.

    Args:
        context: what the run works with.
        cycle: evolution cycle, from 1.
        used: sources of the texts that were labelled before.
        weigh: says what labels are worth, by the student; None: it knows too little.
    """
    pool = await open_pool(context)
    labelled = pool.find_sources(used)
    but = pool.mask(labelled)
    panel = pool.draw(REPRESENTATIVE, pool.mask(), context.seed("pool panel"))
    panel = panel[~but[panel]]
    fresh = pool.draw(FRESH, pool.mask(labelled, panel), context.seed(cycle, "pool fresh"))
    rows, texts = pool.drop_near_copies(np.concatenate([panel, fresh]))
    if not len(rows):
        return None
    drawn, worth = len(rows), None
    if weigh is not None:
        worth = await weigh(texts)
        vectors = await open_vectors(context, pool)
        near = await asyncio.to_thread(_find_neighbours, vectors, rows, worth, but)
        more, more_texts = pool.drop_near_copies(near)
        if len(more):
            worth = np.concatenate([worth, await weigh(more_texts)])
            rows, texts = np.concatenate([rows, more]), [*texts, *more_texts]
    seen = await embed(context, texts)
    taken = await embed(context, pool.texts.read(labelled.tolist()))
    return Options(_name(pool, rows, texts), seen, taken, worth, seen[:drawn].mean(axis=0))


def _find_neighbours(vectors: PoolVectors, rows: Rows, worth: NDArray[np.float64], but: NDArray[np.bool_]) -> Rows:
    """Find the texts of the whole pool that are nearest to the most doubtful ones."""
    doubtful = rows[np.argsort(-worth, kind="stable")[:DOUBTFUL]]
    passed_over = but.copy()
    passed_over[rows] = True
    return vectors.nearest(vectors.take(doubtful), NEIGHBOURS, passed_over)


def _name(pool: LargePool, rows: Rows, texts: Sequence[str]) -> list[PoolText]:
    return [PoolText(pool.source(row), text) for row, text in zip(rows.tolist(), texts, strict=True)]
