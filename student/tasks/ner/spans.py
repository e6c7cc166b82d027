"""Entities as an answer, {"start", "end", "label"}, and as spans: the way there and back."""

from collections.abc import Iterable

from evokd.messages.spans import Span
from evokd.student.protocol import Answer


def to_spans(gold: Answer) -> list[Span]:
    """Read an answer as spans.

    Raises:
        ValueError: the answer is a label, or a list of labels.
    """
    if isinstance(gold, str):
        raise ValueError(f"an answer must be a list of entities, not the string {gold!r}")
    label = next((item for item in gold if isinstance(item, str)), None)
    if label is not None:
        raise ValueError(f"an answer must be a list of entities, not one of labels such as {label!r}")
    entities = [item for item in gold if isinstance(item, dict)]
    return [Span(item["start"], item["end"], item["label"]) for item in entities]


def to_gold(spans: Iterable[Span]) -> Answer:
    """Write spans as an answer."""
    return [span._asdict() for span in sorted(spans)]
