"""What a cycle chooses from where the pool is large: a few thousand of all its lines, rare kinds among them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evokd.graph.context import RunContext
from evokd.graph.curriculum.probes import Vectors
from evokd.graph.nodes.embeddings import embed
from evokd.graph.nodes.large_pool import open_pool
from evokd.graph.pool.large_pool import LargePool
from evokd.graph.pool.texts import Rows
from evokd.messages import PoolText

REPRESENTATIVE = 1_500
"""Texts drawn at random, the same in every cycle of a run: they stand for the pool as a whole."""
EVEN = 1_500
"""Texts drawn from all groups of like texts in turn, others in every cycle: rare kinds are among them."""
DOUBTFUL = 64
"""The most doubtful of these texts, whose neighbours are looked for among all lines."""
NEIGHBOURS = 8
"""Neighbours of each that are looked at as well."""

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
    mean: NDArray[np.float64]
    """The mean of the whole pool, (features,), as far as the representative texts tell."""


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
    even = pool.draw_evenly(EVEN, pool.mask(labelled, panel), context.seed(cycle, "pool groups"))
    rows, texts = pool.drop_near_copies(np.concatenate([panel, even]))
    if not len(rows):
        return None
    worth = None if weigh is None else await weigh(texts)
    if weigh is not None and worth is not None:
        more, more_texts = pool.drop_near_copies(_find_neighbours(pool, rows, worth, but))
        if len(more):
            worth = np.concatenate([worth, await weigh(more_texts)])
            rows, texts = np.concatenate([rows, more]), [*texts, *more_texts]
    vectors = await _embed(context, pool, rows, texts)
    taken = await _embed(context, pool, labelled, pool.texts.read(labelled.tolist()))
    represents = np.isin(rows, panel)
    mean = vectors[represents if represents.any() else slice(None)].mean(axis=0)
    return Options(_name(pool, rows, texts), vectors, taken, worth, mean)


def _find_neighbours(pool: LargePool, rows: Rows, worth: NDArray[np.float64], but: NDArray[np.bool_]) -> Rows:
    """Find the texts of the whole pool that are nearest to the most doubtful ones."""
    assert pool.vectors is not None
    doubtful = rows[np.argsort(-worth, kind="stable")[:DOUBTFUL]]
    passed_over = but.copy()
    passed_over[rows] = True
    return pool.vectors.nearest(pool.vectors.take(doubtful), NEIGHBOURS, passed_over)


async def _embed(context: RunContext, pool: LargePool, rows: Rows, texts: Sequence[str]) -> Vectors:
    """Give the encoder's vectors: those on disk, if they are of this kind."""
    if pool.vectors is not None and context.settings.curriculum.pool.vectors == "encoder":
        return pool.vectors.take(rows).astype(np.float64)
    return await embed(context, texts)


def _name(pool: LargePool, rows: Rows, texts: Sequence[str]) -> list[PoolText]:
    return [PoolText(pool.source(row), text) for row, text in zip(rows.tolist(), texts, strict=True)]
