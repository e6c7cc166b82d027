"""Where the texts of a run lie on a map, for those who look at it; no decision rests on it."""

from collections.abc import Sequence
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from evokd.graph.context import RunContext
from evokd.graph.curriculum.projection import fit_plane
from evokd.graph.nodes.embeddings import embed
from evokd.graph.nodes.split_rows import name_row
from evokd.messages import InputError
from evokd.student.process.client import StudentError
from evokd.tracing.view_rows import MAP, MapBasis, MapRecord

BASIS = "map_basis"
"""Name under which the ledger stores the projection."""
MOST_TEXTS = 500
"""Texts of the seeds, of validation data and of the pool on the map, each; of more, every second, third, ... one."""
_CUT = 200
"""Characters of a text that are stored."""
ItemT = TypeVar("ItemT")


async def map_user_texts(context: RunContext) -> MapBasis | None:
    """Fit the projection on the user's texts, and store where they lie; None if the student cannot embed texts."""
    domain = context.domain
    texts = {f"seed:{name_row('seeds', number)}": domain.seeds[number].text for number in _spread(domain.seeds)}
    for number in _spread(domain.validation):
        texts[f"validation:{name_row('validation', number)}"] = domain.validation[number].text
    texts.update((f"pool:{domain.pool[number].source}", domain.pool[number].text) for number in _spread(domain.pool))
    vectors = await _embed(context, list(texts.values()))
    if vectors is None:
        return None
    basis = _recall_basis(context)
    if basis is None:
        mean, axes = fit_plane(vectors)
        basis = MapBasis(mean=mean.tolist(), axes=axes.tolist())
        context.ledger.remember(BASIS, basis)
    beginnings = [text[:_CUT] for text in texts.values()]
    record = MapRecord(ids=list(texts), points=_project(vectors, basis), texts=beginnings)
    context.ledger.put_cycle_record(0, MAP, record)
    return basis


async def map_drafts(context: RunContext, cycle: int) -> None:
    """Store where the drafts of a cycle lie, whatever became of them; the first time also the user's own texts.

    Not earlier: by then the choice of real texts has embedded the pool.
    """
    drafts = [(sample.id, sample.text) for sample in context.ledger.samples(cycle=cycle)]
    is_begun = context.ledger.cycle_record(0, MAP) is not None
    basis = _recall_basis(context) if is_begun else await map_user_texts(context)
    vectors = await _embed(context, [text for _, text in drafts]) if basis is not None else None
    if basis is not None and vectors is not None:
        record = MapRecord(ids=[name for name, _ in drafts], points=_project(vectors, basis))
        context.ledger.put_cycle_record(cycle, MAP, record)


def _spread(items: Sequence[ItemT]) -> range:
    """Indices of at most `MOST_TEXTS` items, at equal distances."""
    return range(0, len(items), max(1, -(-len(items) // MOST_TEXTS)))


def _recall_basis(context: RunContext) -> MapBasis | None:
    return cast(MapBasis | None, context.ledger.recall(BASIS))


async def _embed(context: RunContext, texts: Sequence[str]) -> NDArray[np.float64] | None:
    """Embed texts; None where there are none, or the student cannot: a run does not end for its map."""
    try:
        return await embed(context, texts) if texts else None
    except (StudentError, InputError):
        return None


def _project(vectors: NDArray[np.float64], basis: MapBasis) -> list[list[float]]:
    points = (vectors - np.array(basis["mean"])) @ np.array(basis["axes"]).T
    return cast(list[list[float]], np.round(points, 4).tolist())
