"""Measures how hard the texts of a label are: by all their words, or by their entities."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from evokd.simulator.corpus_rows import CorpusRow
from evokd.simulator.gazetteer import Gazetteer
from evokd.simulator.text_index import Floats, Ints, TextIndex, rank

_OUTLIERS = 0.15
"""Share of a label's texts, those least similar to any label, that count as odd, not as borderline."""
_INVERTED = 0.05
"""Share of a label's texts, those deepest inside another label, that are probably mislabelled."""


class DifficultyMeasure(Protocol):
    """How hard texts of a label are to label."""

    def grade(self, rows: Ints, column: int, rivals: Sequence[int]) -> tuple[Floats, Floats]:
        """Grade texts of a label, given the columns of the labels that it may be taken for (none: any).

        Returns:
            How well each serves as a hard text and as an easy one, both (r,), higher is better, 1 at most.
        """

    def order(self, rows: Ints, column: int) -> Ints:
        """Order texts of a label, hardest first."""


class TextDifficulty:
    """A text is hard where it lies at the border between labels."""

    def __init__(self, index: TextIndex) -> None:
        self._index = index

    def grade(self, rows: Ints, column: int, rivals: Sequence[int]) -> tuple[Floats, Floats]:
        """Grade by the margin between the label's centre and the nearest rival's; see `DifficultyMeasure.grade`."""
        to_label, to_rival = self._index.margins(rows, column, rivals or range(len(self._index.labels)))
        clear = rank(to_label - to_rival)
        border = np.where(
            (rank(to_label + to_rival) < _OUTLIERS) | (clear < _INVERTED), -1.0, 1.0 - np.maximum(clear, _INVERTED)
        )
        return border, 0.5 * clear + 0.5 * rank(to_label)

    def order(self, rows: Ints, column: int) -> Ints:
        """Order by the margin, smallest first."""
        to_label, to_rival = self._index.margins(rows, column, range(len(self._index.labels)))
        return rows[np.argsort(to_label - to_rival, kind="stable")]


class EntityDifficulty:
    """A text is hard where its entity's words are ambiguous, new or many."""

    def __init__(self, index: TextIndex, mentions: Gazetteer, rows: Sequence[CorpusRow]) -> None:
        self._index = index
        self._strange: Floats = np.zeros(index.members.shape)
        for at, row in enumerate(rows):
            for label, value in mentions.strangeness(row).items():
                self._strange[at, index.columns([label])] = value

    def grade(self, rows: Ints, column: int, rivals: Sequence[int]) -> tuple[Floats, Floats]:
        """Grade by the strangest entity of the label; see `DifficultyMeasure.grade`."""
        strange = _share(self._strange[rows, column])
        return strange, 0.5 * (1.0 - strange) + 0.5 * rank(self._index.near[rows, column])

    def order(self, rows: Ints, column: int) -> Ints:
        """Order by the strangest entity of the label."""
        return rows[np.argsort(-self._strange[rows, column], kind="stable")]


def _share(values: Floats) -> Floats:
    """Give each value the share of the others below it, ties counted half: equals stay equal."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, side="left") + np.searchsorted(ordered, values, side="right") - 1
    share: Floats = below / (2 * max(len(values) - 1, 1))
    return share
