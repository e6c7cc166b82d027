"""The labelled corpus that the rehearsal teacher answers from.

The kind of the answers (labels or entities) decides how difficulty is measured and who labels; retrieval is the same.
"""

import bisect
import copy
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from evokd.messages import NO_ENTITY, NO_LABEL, Entity, Gold, InputError
from evokd.messages.spans import AlignmentError, Span, align
from evokd.simulator.corpus_rows import CorpusRow, read_corpus_rows
from evokd.simulator.difficulty import DifficultyMeasure, EntityDifficulty, TextDifficulty
from evokd.simulator.entity_tagger import EntityTagger
from evokd.simulator.gazetteer import Gazetteer
from evokd.simulator.text_index import Ints, TextIndex
from evokd.simulator.words import fold_text


class Corpus:
    """Rows with an index over them; of rows with the same text (normalised) the first one counts.

    Attributes:
        rows: the rows, all with a label, all with a set of labels, or all with entities.
        index: similarities of their texts.
        mentions: their entity names; None if the answers are labels.
        has_sets: whether the answers are sets of labels.
        difficulty: how hard the texts of a label are.
    """

    def __init__(self, rows: Iterable[CorpusRow], never: Iterable[str] = ()) -> None:
        """Index the rows.

        Args:
            rows: the labelled texts.
            never: texts that are never retrieved (the seeds), compared normalised; their labels are still known.

        Raises:
            ValueError: there is no row, no row holds a word, or none has a label or an entity.
        """
        self._position: dict[str, int] = {}
        unique: list[CorpusRow] = []
        for row in rows:
            if self._position.setdefault(fold_text(row.text), len(unique)) == len(unique):
                unique.append(row)
        self.rows: tuple[CorpusRow, ...] = tuple(unique)
        self.index = TextIndex([row.text for row in unique], [row.labels for row in unique])
        self.mentions: Gazetteer | None = None
        self.difficulty: DifficultyMeasure = TextDifficulty(self.index)
        self.has_sets = isinstance(unique[0].answer, frozenset)
        if isinstance(unique[0].answer, tuple):
            self.mentions = Gazetteer(self.rows)
            self.difficulty = EntityDifficulty(self.index, self.mentions, self.rows)
        self._sorted = sorted(self._position.items())
        self._forbid(never)

    def but_never(self, texts: Iterable[str]) -> "Corpus":
        """Make a corpus that retrieves other texts but shares the index, which is slow to build.

        Args:
            texts: texts that the new corpus never retrieves, as `never` of the constructor.
        """
        other = copy.copy(self)
        other._forbid(texts)
        return other

    def _forbid(self, never: Iterable[str]) -> None:
        self._forbidden = {fold_text(text) for text in never}
        served = np.array([key not in self._forbidden for key in self._position], dtype=bool)
        self._of_label: list[Ints] = [np.flatnonzero(served & member) for member in self.index.members.T]
        self._no_label: Ints = np.flatnonzero(served & ~self.index.members.any(axis=1))

    @classmethod
    def of_examples(
        cls, examples: Iterable[tuple[str, Gold]], never: Iterable[str] = (), has_sets: bool = False
    ) -> "Corpus":
        """Make a corpus of parsed examples.

        Args:
            examples: texts with their answers as they are on the wire: a label, or the list of labels or entities.
            never: as for the corpus.
            has_sets: whether a list is one of labels.

        Raises:
            InputError: there is no example, the answers are of two kinds, an entity is not in its text, no text holds
                a word, or none has an entity.
        """
        rows: list[CorpusRow] = []
        for number, (text, gold) in enumerate(examples, start=1):
            try:
                rows.append(CorpusRow(text, _read_gold(text, gold, has_sets)))
            except AlignmentError as exc:
                raise InputError(f"the corpus, text {number}: {exc}") from exc
        if not rows:
            raise InputError("the corpus is empty")
        if len({row.kind for row in rows}) > 1:
            raise InputError("the corpus mixes texts with a label and texts with entities; keep one kind")
        return make_corpus(rows, never, "the corpus")

    @cached_property
    def tagger(self) -> EntityTagger:
        """Finds entities in a text that is not in the corpus; trained on first use."""
        return EntityTagger(self.rows)

    def is_seed(self, text: str) -> bool:
        """Tell whether a text must never be retrieved."""
        return fold_text(text) in self._forbidden

    def is_taken(self, text: str) -> bool:
        """Tell whether a text is a row or a seed."""
        return fold_text(text) in self._position or self.is_seed(text)

    def find(self, text: str) -> int | None:
        """Find the row that holds this text, None when there is none."""
        return self._position.get(fold_text(text))

    def retrievable(self, label: str) -> Ints:
        """Give the rows of a label that may be retrieved, seeds left out; empty for an unknown label.

        `NO_ENTITY`, or `NO_LABEL` where answers are sets, stands for the rows without any.
        """
        if (label == NO_ENTITY and self.mentions is not None) or (label == NO_LABEL and self.has_sets):
            return self._no_label
        column = self.index.column(label)
        return np.empty(0, dtype=np.intp) if column is None else self._of_label[column]

    def retrievable_set(self, labels: Sequence[str]) -> Ints:
        """Give the retrievable rows that have all of these labels, those without another one if there are any."""
        columns = self.index.columns(labels)
        if not labels or len(columns) < len(labels):
            return np.empty(0, dtype=np.intp)
        rows = self._of_label[columns[0]]
        rows = rows[self.index.members[rows][:, columns].all(axis=1)]
        exact = rows[self.index.members[rows].sum(axis=1) == len(columns)]
        return exact if len(exact) else rows

    def beginning_with(self, openings: Sequence[str]) -> set[int]:
        """Find the rows whose text begins with one of the openings; both sides normalised, a final ellipsis ignored."""
        matches: set[int] = set()
        for opening in openings:
            prefix = fold_text(opening).removesuffix("...").rstrip()
            if not prefix:
                continue
            for at in range(bisect.bisect_left(self._sorted, (prefix,)), len(self._sorted)):
                key, row = self._sorted[at]
                if not key.startswith(prefix):
                    break
                matches.add(row)
        return matches


def _read_gold(text: str, gold: Gold, has_sets: bool) -> str | frozenset[str] | tuple[Span, ...]:
    if isinstance(gold, str):
        return gold
    if has_sets:
        return frozenset(item for item in gold if isinstance(item, str))
    return tuple(align(text, [item for item in gold if isinstance(item, Entity)]))


def load_corpus(path: Path, never: Iterable[str] = ()) -> Corpus:
    """Read a corpus of one JSON object a line, with labels or with entities (`"note"` allowed); see `rows.read_rows`.

    Args:
        path: the .jsonl file.
        never: texts that are never retrieved (the seeds), compared normalised.

    Raises:
        InputError: the file cannot be read, or a row is not as it should be; says which line.
    """
    return make_corpus(read_corpus_rows(path), never, str(path))


def make_corpus(rows: Sequence[CorpusRow], never: Iterable[str], where: str) -> Corpus:
    """Index rows that were read before.

    Raises:
        InputError: they hold nothing to answer from; begins with `where`.
    """
    if not any(row.labels for row in rows):
        lacking = "holds an entity" if rows[0].kind == "entities" else "has a label"
        raise InputError(f"{where}: no text of the corpus {lacking}")
    try:
        return Corpus(rows, never)
    except ValueError as exc:
        raise InputError(f"{where}: no text of the corpus holds a word") from exc
