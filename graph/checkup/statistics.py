"""Figures of a domain's labelled texts: labels, lengths, repeats within and between splits. Light: no torch."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evokd.graph.setup.domain import Domain
from evokd.graph.setup.plan import Plan
from evokd.messages import is_label_set, list_labels
from evokd.student.similar_texts import SimilarTexts, normalise
from evokd.student.tasks.base import LabeledExample

SPLITS = ("seeds", "validation", "test")
MOST_COMPARED = 5_000
"""Texts of a split that are compared with others, from its first row on."""


@dataclass(frozen=True)
class Pair:
    """Two rows whose texts are nearly the same."""

    row: LabeledExample
    other: LabeledExample


@dataclass(frozen=True)
class SplitStatistics:
    """Figures of the labelled rows of a split, as a run would use them."""

    split: str
    rows: tuple[LabeledExample, ...]
    labels: dict[str, int]
    """Label -> rows that have it, or entities of it."""
    near: tuple[Pair, ...]
    """Rows that nearly repeat an earlier one of the split."""
    sub_words: dict[str, Any] = field(default_factory=dict)
    """What the student makes of the texts; see `graph.setup.readability.Sight`."""

    @property
    def repeated(self) -> int:
        """Rows whose text is that of an earlier one."""
        return len(self.rows) - len({normalise(row.text) for row in self.rows})

    @property
    def rarest(self) -> str:
        """The label with the fewest rows or entities."""
        return min(self.labels, key=lambda label: self.labels[label])

    @property
    def commonest(self) -> str:
        """The label with the most."""
        return max(self.labels, key=lambda label: self.labels[label])

    def to_json(self) -> dict[str, Any]:
        """The figures as JSON."""
        words = sorted(len(row.text.split()) for row in self.rows)
        rarest, commonest = self.labels[self.rarest], self.labels[self.commonest]
        lists = [row.gold for row in self.rows if not isinstance(row.gold, str)]
        has_sets = any(map(is_label_set, lists))
        empty = sum(not gold for gold in lists)
        sub_words = {key: self.sub_words[key] for key in ("median", "p95", "longest") if key in self.sub_words}
        return {
            "rows": len(self.rows),
            "labels": self.labels,
            "rarest": self.rarest,
            "ratio": round(commonest / rarest, 2) if rarest else None,
            "without_entities": empty if lists and not has_sets else None,
            "without_labels": empty if has_sets else None,
            "words": {"median": _at(words, 0.5), "p95": _at(words, 0.95), "longest": words[-1]},
            "sub_words": sub_words or None,
            "cut": self.sub_words.get("longer"),
            "repeated": self.repeated,
            "near_repeated": len(self.near),
        }


class Places:
    """Says in which file and line a row stands.

    Args:
        domain: the domain as it was read, before rows were moved between its splits.
    """

    def __init__(self, domain: Domain) -> None:
        self._files: dict[int, Path] = {}
        for split in SPLITS:
            name = getattr(domain.file.data, split)
            if name:
                self._files |= {id(row): domain.folder / name for row in getattr(domain, split)}
        if domain.corpus is not None:
            self._files |= {id(row): domain.corpus for row in domain.corpus_rows}
        self._domain = domain

    def file(self, row: LabeledExample) -> Path:
        """The file of a row; the domain's folder where it is unknown."""
        return self._files.get(id(row), self._domain.folder)

    def name(self, row: LabeledExample) -> str:
        """The file of a row with its line."""
        return f"{self.file(row)}:{row.line}" if row.line else str(self.file(row))


def measure_splits(plan: Plan) -> list[SplitStatistics]:
    """Measure the labelled splits that a run would use, those without rows left out."""
    domain, threshold = plan.domain, plan.settings.curation.near_duplicate
    return [
        SplitStatistics(
            split,
            rows,
            count_labels(domain.codec.labels, rows),
            tuple(find_near_repeats(rows, threshold)),
            dict(plan.sight.splits.get(split, {})),
        )
        for split in SPLITS
        if (rows := getattr(domain, split))
    ]


def count_labels(labels: Sequence[str], rows: Sequence[LabeledExample]) -> dict[str, int]:
    """Count the rows of each label, or its entities."""
    counts = Counter(label for row in rows for label in list_labels(row.gold))
    return {label: counts[label] for label in labels}


def find_near_repeats(rows: Sequence[LabeledExample], threshold: float) -> Iterator[Pair]:
    """Pair rows with an earlier one whose text is nearly, but not exactly, the same."""
    known, first = SimilarTexts(()), dict[str, LabeledExample]()
    for row in rows[:MOST_COMPARED]:
        form = normalise(row.text)
        like = None if form in known else known.find_like(form, threshold)
        if like is not None:
            yield Pair(row, first[like])
        known.add(form)
        first.setdefault(form, row)


def find_near_leaks(rows: Sequence[LabeledExample], scored: Sequence[LabeledExample], threshold: float) -> list[Pair]:
    """Pair rows with a row of another split whose text is nearly, but not exactly, the same."""
    held = {normalise(row.text): row for row in reversed(scored[:MOST_COMPARED])}
    known = SimilarTexts(held)
    pairs = []
    for row in rows[:MOST_COMPARED]:
        form = normalise(row.text)
        like = None if form in held else known.find_like(form, threshold)
        if like is not None:
            pairs.append(Pair(row, held[like]))
    return pairs


def _at(numbers: Sequence[int], share: float) -> int:
    return numbers[min(len(numbers) - 1, int(len(numbers) * share))]
