"""Carries the entities of a corpus text over to one that is nearly the same: other names in it, or misspelt words."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import numpy as np

from evokd.messages.spans import Span, span_fault, split_words
from evokd.simulator.corpus import Corpus
from evokd.simulator.corpus_rows import CorpusRow
from evokd.simulator.gazetteer import Gazetteer, name_of

_NEAREST = 8
"""Texts of the corpus that are compared word by word."""
_LEAST_KEPT = 0.65
"""Share of the words outside entities that a copy has in common with its source, on either side."""
_LEAST_WORDS = 3
_MOST_LONGER = 3
"""Words that another name may have more than the one in whose place it stands."""


def find_copied(text: str, corpus: Corpus, mentions: Gazetteer) -> tuple[list[Span], float] | None:
    """Find the entities of a text that is, or is nearly, one of the corpus.

    Returns:
        Spans in order of place and the share of words kept, 0 to 1; None when no text of the corpus is near enough.
    """
    row = corpus.find(text)
    if row is not None:
        same = _copy_words(text, corpus.rows[row])
        if same is not None:
            return same, 1.0
    likeness = corpus.index.similarities(corpus.index.vectors([text]))[0]
    nearest = np.argsort(-likeness, kind="stable")[:_NEAREST]
    copies = [_Copy(text, corpus.rows[row], mentions) for row in nearest.tolist() if likeness[row] > 0]
    best = max(copies, key=lambda copy: copy.kept, default=None)
    return None if best is None or best.kept < _LEAST_KEPT else (best.spans, best.kept)


def _copy_words(text: str, row: CorpusRow) -> list[Span] | None:
    """Take over spans word by word; texts that count as the same may still differ in case, spaces and characters."""
    words, source = split_words(text), split_words(row.text)
    if len(words) != len(source):
        return None
    starts = {start: at for at, (start, _) in enumerate(source)}
    ends = {end: at for at, (_, end) in enumerate(source)}
    return [Span(words[starts[span.start]][0], words[ends[span.end]][1], span.label) for span in row.spans]


class _Copy:
    """A text seen as a copy of a row.

    Attributes:
        spans: the row's entities where they are in the text.
        kept: share of the words outside entities (signs do not count) that both have, in order, 0 to 1.
    """

    def __init__(self, text: str, row: CorpusRow, mentions: Gazetteer) -> None:
        self._text = text
        self._mentions = mentions
        self._places = split_words(text)
        source = split_words(row.text)
        copied = [text[start:end].casefold() for start, end in self._places]
        copied_from = [row.text[start:end].casefold() for start, end in source]
        matcher = SequenceMatcher(None, copied_from, copied, autojunk=False)
        self._blocks = matcher.get_opcodes()
        starts = {start: at for at, (start, _) in enumerate(source)}
        ends = {end: at + 1 for at, (_, end) in enumerate(source)}
        inside: set[int] = set()
        self.spans: list[Span] = []
        behind = 0
        covered: set[int] = set()
        for span in row.spans:
            begin, end = starts[span.start], ends[span.end]
            inside.update(range(begin, end))
            place = self._carry(begin, end, span.label, behind)
            if place is not None:
                self.spans.append(Span(self._places[place[0]][0], self._places[place[1] - 1][1], span.label))
                covered.update(range(*place))
                behind = place[1]
        solid = [at for at, word in enumerate(copied_from) if word.isalnum() and at not in inside]
        beside = [at for at, word in enumerate(copied) if word.isalnum() and at not in covered]
        both = {at for first, _, size in matcher.get_matching_blocks() for at in range(first, first + size)}
        matching = len(both.intersection(solid))
        fits = matching >= _LEAST_WORDS and span_fault(text, self.spans, self._places) is None
        self.kept = matching / max(len(solid), len(beside)) if fits else 0.0

    def _carry(self, begin: int, end: int, label: str, behind: int) -> tuple[int, int] | None:
        """Find the words (from, to) that stand where the row's words `begin` to `end` stood, rather a known name."""
        most = end - begin + _MOST_LONGER
        lefts, rights = self._edges(begin), self._edges(end)
        places = [(left, right) for left in lefts for right in rights if behind <= left < right <= left + most]

        def prefer(place: tuple[int, int]) -> tuple[bool, int, int]:
            name = name_of(self._text[self._places[place[0]][0] : self._places[place[1] - 1][1]])
            width = place[1] - place[0]
            if self._mentions.counts(name)[label]:
                return True, width, place[0]
            return False, -abs(width - (end - begin)), place[0]

        return max(places, key=prefer, default=None)

    def _edges(self, edge: int) -> list[int]:
        """Where an edge between two words of the row may lie in the text."""
        words: set[int] = set()
        for kind, row_from, row_to, text_from, text_to in self._blocks:
            if row_from <= edge <= row_to:
                words.update(_edges_in(kind, edge - row_from, row_to - row_from, range(text_from, text_to + 1)))
        return sorted(words)


def _edges_in(kind: str, edge: int, width: int, options: Sequence[int]) -> Iterator[int]:
    if kind == "equal" or width == len(options) - 1:
        yield options[edge]
    elif 0 < edge < width or width == 0:
        yield from options
    else:
        yield options[0 if edge == 0 else -1]
