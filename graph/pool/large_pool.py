"""A large pool that is ready to choose from: which of its lines are closed, and draws from the others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evokd.graph.pool.texts import PoolTexts, Rows
from evokd.student.similar_texts import SimilarTexts, normalise


@dataclass(frozen=True, eq=False)
class LargePool:
    """A pool whose texts lie on disk."""

    name: str
    """Of the user's file, as sources call it."""
    texts: PoolTexts
    known: Sequence[str]
    """Texts that are learned from already: the seeds."""
    guarded: Sequence[str]
    """Validation and test texts, which nothing may be learned from, nor from their near copies."""
    leak: float
    """Likeness from which on a text is a near copy, 0 to 1."""

    @cached_property
    def closed(self) -> Rows:
        """Rows of texts that are exactly a known or a guarded one: looked for among all lines."""
        return self.texts.find(normalise(text) for text in (*self.known, *self.guarded))

    @cached_property
    def _guarded_forms(self) -> SimilarTexts:
        return SimilarTexts(self.guarded)

    def find_sources(self, sources: Iterable[str]) -> Rows:
        """Find the rows of texts by their sources, `file:line`."""
        places = (source.rpartition(":") for source in sources)
        return self.texts.find_numbers([int(number) for name, _, number in places if name == self.name])

    def source(self, row: int) -> str:
        """Say where a text stands: `file:line`."""
        return f"{self.name}:{self.texts.numbers[row]}"

    def mask(self, *closed: Rows) -> NDArray[np.bool_]:
        """Say of every text whether it is passed over, (texts,): the closed ones and those given."""
        but = np.zeros(len(self.texts), dtype=np.bool_)
        for rows in (self.closed, *closed):
            but[rows] = True
        return but

    def draw(self, wanted: int, but: NDArray[np.bool_], seed: int) -> Rows:
        """Draw texts at random, ascending; fewer than wanted if there are no more."""
        rng = np.random.default_rng(seed)
        free = np.flatnonzero(~but)
        return np.sort(rng.choice(free, size=min(wanted, len(free)), replace=False))

    def drop_near_copies(self, rows: Rows) -> tuple[Rows, list[str]]:
        """Read texts and leave out those that are nearly a guarded one: too dear to ask of every line of a pool."""
        texts = self.texts.read(rows.tolist())
        keep = [not self._guarded_forms.has_like(normalise(text), self.leak) for text in texts]
        return rows[keep], [text for text, kept in zip(texts, keep, strict=True) if kept]
