"""What a corpus knows of names: which words are entities of which type, and how often they are none."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from evokd.messages.spans import Span, split_words
from evokd.simulator.corpus_rows import CorpusRow

Name = tuple[str, ...]
"""The words of a name, without case."""
_UNSEEN = 0.5
_PER_WORD = 0.1
_MOST_EXTRA_WORDS = 3


class Gazetteer:
    """Counts over the entities of a corpus."""

    def __init__(self, rows: Sequence[CorpusRow]) -> None:
        """Count.

        Args:
            rows: rows with entities.
        """
        self._typed: dict[Name, Counter[str]] = defaultdict(Counter)
        self._spellings: dict[str, dict[Name, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self._neighbours: dict[str, Counter[str]] = defaultdict(Counter)
        self.by_types: dict[tuple[str, ...], list[int]] = defaultdict(list)
        """Rows by the sorted types of their entities."""
        for at, row in enumerate(rows):
            self.by_types[types_of(row.spans)].append(at)
            for span in row.spans:
                surface = row.text[span.start : span.end]
                self._typed[name_of(surface)][span.label] += 1
                self._spellings[span.label][name_of(surface)][surface] += 1
                for word in neighbours(row.text, span):
                    self._neighbours[word][span.label] += 1
        self.longest = max((len(name) for name in self._typed), default=0)
        self._unmarked: Counter[Name] = Counter()
        for row in rows:
            self._unmarked.update(
                name_of(row.text[span.start : span.end]) for span in self.unmarked(row.text, row.spans)
            )

    def counts(self, name: Name) -> Counter[str]:
        """How often a name is an entity of each type."""
        return self._typed.get(name, Counter())

    def spellings(self, label: str) -> dict[Name, str]:
        """The known names of a type, each as it is written most often."""
        return {
            name: min(written, key=lambda surface: (-written[surface], surface))
            for name, written in sorted(self._spellings.get(label, {}).items())
        }

    def unmarked(self, text: str, spans: Sequence[Span]) -> Iterator[Span]:
        """Find the places outside the entities where words stand that are an entity elsewhere, longest first.

        The label of such a place is the type that the words have most often.
        """
        words = split_words(text)
        names = [text[start:end].casefold() for start, end in words]
        taken = list(spans)
        for length in range(self.longest, 0, -1):
            for at in range(len(words) - length + 1):
                typed = self._typed.get(tuple(names[at : at + length]))
                start, end = words[at][0], words[at + length - 1][1]
                if typed and not overlaps(start, end, taken):
                    span = Span(start, end, _most(typed))
                    taken.append(span)
                    yield span

    def ambiguity(self, name: Name, label: str) -> float:
        """The share of a name's places where it is no entity of this type, 0 to 1 (0 for an unknown name)."""
        typed = self.counts(name)
        total = sum(typed.values()) + self._unmarked[name]
        return (total - typed[label]) / total if total else 0.0

    def strangeness(self, row: CorpusRow) -> dict[str, float]:
        """Measure how strange the strangest entity of each type is, 0 (plain) to 1.8.

        A name is strange where its words are of another type or no entity elsewhere, where no other text has it as one
        of this type, and where it is long.
        """
        by_label: dict[str, float] = {}
        here = Counter((name_of(row.text[span.start : span.end]), span.label) for span in row.spans)
        for (name, label), times in here.items():
            typed = self._typed[name]
            elsewhere = typed[label] - times
            other = sum(typed.values()) - typed[label] + self._unmarked[name]
            value = other / (elsewhere + other + 1) + (0.0 if elsewhere else _UNSEEN)
            value += _PER_WORD * min(len(name) - 1, _MOST_EXTRA_WORDS)
            by_label[label] = max(by_label.get(label, 0.0), value)
        return by_label

    def rivals(self, text: str, span: Span, allowed: Sequence[str]) -> list[str]:
        """The other types that an entity could be taken for, likeliest first.

        Those come first that its words have elsewhere, then those that stand between its neighbouring words.
        """
        typed = self.counts(name_of(text[span.start : span.end]))
        around: Counter[str] = Counter()
        for word in neighbours(text, span):
            around.update(self._neighbours.get(word, {}))
        others = [label for label in allowed if label != span.label]
        return sorted(others, key=lambda label: (-typed[label], -around[label], label))


def name_of(surface: str) -> Name:
    """The words of a surface without case."""
    return tuple(surface[start:end].casefold() for start, end in split_words(surface))


def types_of(spans: Sequence[Span]) -> tuple[str, ...]:
    """The types of entities, sorted, each as often as it occurs."""
    return tuple(sorted(span.label for span in spans))


def neighbours(text: str, span: Span, reach: int = 2) -> list[str]:
    """The words on both sides of an entity, `reach` of them at most on each side, without case."""
    words = split_words(text)
    before = [place for place in words if place[1] <= span.start][-reach:]
    behind = [place for place in words if place[0] >= span.end][:reach]
    return [text[start:end].casefold() for start, end in (*before, *behind)]


def overlaps(start: int, end: int, spans: Sequence[Span]) -> bool:
    """Tell whether a stretch of a text touches one of the spans."""
    return any(start < span.end and span.start < end for span in spans)


def _most(counts: Counter[str]) -> str:
    return min(counts, key=lambda label: (-counts[label], label))
