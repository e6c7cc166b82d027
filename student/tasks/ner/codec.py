"""The codec of named-entity recognition: an answer is a list of {"start", "end", "label"}, sorted by position."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evokd.messages import NO_ENTITY, CaseError, Entity, InputError
from evokd.messages.spans import Span, align, mark, surfaces
from evokd.student.protocol import Answer
from evokd.student.student_settings import DisputeRule
from evokd.student.tasks.base import Agreement, LabeledExample, Row
from evokd.student.tasks.ner.spans import to_gold, to_spans
from evokd.student.tasks.scores import Scores
from evokd.student.tasks.spelling import respell, spell

RECIPE: Mapping[str, Any] = {
    "steps": 200,
    "rate": 2e-4,
    "output_rate": 10.0,
    "batch": 8,
    "head_until": 2.0,
    "fit_first": False,
}
"""A tag per word takes a higher rate than a label per text, and more, smaller batches. An output layer on frozen
features is too weak to begin with, so it begins at zero and has the longest way to go (see
docs/experiments/entity-recipe.md)."""


@dataclass(frozen=True)
class EntityCodec:
    """Any number of labelled spans per text, none inside another."""

    labels: tuple[str, ...]
    name: str = "ner"
    answer_key: str = "entities"
    pipeline: str = "token-classification"
    metrics: tuple[str, ...] = ("entity_f1", "entity_f1_partial", "entity_f1_lenient")
    dispute: DisputeRule = "mask"
    recipe: Mapping[str, Any] = field(default_factory=lambda: dict(RECIPE))
    windows: bool = True

    def __post_init__(self) -> None:
        """Refuse labels that cannot be written as tags.

        Raises:
            InputError: names the label.
        """
        for label in self.labels:
            if label == NO_ENTITY or not label or any(char.isspace() for char in label):
                raise InputError(
                    f"label {label!r} cannot be the type of an entity: it is written into tags such as B-{label};"
                    " choose a name without white space, other than O"
                )

    def harmonise(self, rows: list[Row]) -> tuple[list[Row], list[str]]:
        """Bring the tags of a file to BIO, and labels to the domain's spelling; see `student.tasks.ner.rows`."""
        from evokd.student.tasks.ner.rows import harmonise_tags

        rows, respelt = respell(rows, self.labels)
        rows, said = harmonise_tags(rows)
        return rows, [*respelt, *said]

    def read_row(self, row: dict[str, Any]) -> LabeledExample:
        """Read {"tokens", "tags"} or {"text", "entities"}; see `student.tasks.ner.rows.read_entity_row`."""
        from evokd.student.tasks.ner.rows import read_entity_row

        return read_entity_row(row, self.labels)

    def write_row(self, text: str, gold: Answer) -> dict[str, Any]:
        """Give {"text", "entities"}."""
        from evokd.student.tasks.ner.rows import write_entity_row

        return write_entity_row(text, gold)

    def to_wire(self, text: str, gold: Answer) -> Any:
        """Give entities as `messages.spans.surfaces` writes them."""
        return surfaces(text, to_spans(gold))

    def from_wire(self, text: str, wire: Any) -> Answer:
        """Find entities in the text; see `messages.spans.align`."""
        if not isinstance(wire, list):
            raise ValueError(f"the answer must be a list of entities, not {type(wire).__name__}")
        entities = [item if isinstance(item, Entity) else Entity.model_validate(item) for item in wire]
        spelt = [item.model_copy(update={"label": spell(item.label, self.labels)}) for item in entities]
        spans = align(text, spelt)
        for span in spans:
            if span.label not in self.labels:
                raise ValueError(f"unknown label {span.label!r}; known labels: {', '.join(self.labels)}")
        return to_gold(spans)

    def labels_in(self, gold: Answer) -> list[str]:
        """Give the types of the entities, each once: those of the domain in its order, then unknown ones."""
        present = {span.label for span in to_spans(gold)}
        return [label for label in self.labels if label in present] + sorted(present.difference(self.labels))

    def key(self, gold: Answer) -> str:
        """Give the spans as canonical JSON."""
        return json.dumps(sorted(to_spans(gold)))

    def case_fields(self, text: str, gold: Answer, predicted: Answer) -> dict[str, Any]:
        """Give both answers marked in the text, and the mistakes one by one."""
        from evokd.student.tasks.ner.errors import find_errors

        right, answered = to_spans(gold), to_spans(predicted)
        errors = [
            CaseError(kind=item.kind, gold=_name(text, item.gold), predicted=_name(text, item.predicted))
            for item in find_errors(right, answered)
        ]
        return {"marked": mark(text, right), "answered": mark(text, answered) if errors else None, "errors": errors}

    def compare(self, intended: Answer, given: Answer) -> Agreement:
        """Compare two answers entity by entity; the places of those that only one of them has are disputed."""
        left, right = set(to_spans(intended)), set(to_spans(given))
        agreed = to_gold(left & right)
        disputed = _merge((span.start, span.end) for span in left ^ right)
        return Agreement(same=left == right, agreed=agreed if agreed or left == right else None, disputed=disputed)

    def drop_masked(self, gold: Answer, masked: Sequence[Sequence[int]]) -> Answer:
        """Leave out the entities that touch a masked part."""
        return to_gold(
            span for span in to_spans(gold) if not any(span.start < end and start < span.end for start, end in masked)
        )

    def evaluate(self, gold: Sequence[Answer], predicted: Sequence[Answer]) -> Scores:
        """Score entities; see `student.tasks.ner.scores.score_entities`."""
        from evokd.student.tasks.ner.scores import score_entities

        return score_entities(self.labels, [to_spans(item) for item in gold], [to_spans(item) for item in predicted])


def _name(text: str, span: Span | None) -> Entity | None:
    return None if span is None else Entity(text=text[span.start : span.end], label=span.label)


def _merge(parts: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(parts):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
