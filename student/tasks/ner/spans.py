"""Entities as an answer, {"start", "end", "label"}, and as spans: the way there and back."""

from collections.abc import Iterable

from evokd.messages.spans import Span
from evokd.student.protocol import Answer


def to_spans(gold: Answer) -> list[Span]:
    """Read an answer as spans.

    Raises:
        ValueError: the answer is a label.
    """
    if isinstance(gold, str):
        raise ValueError(f"an answer must be a list of entities, not the string {gold!r}")
    return [Span(item["start"], item["end"], item["label"]) for item in gold]


def to_gold(spans: Iterable[Span]) -> Answer:
    """Write spans as an answer."""
    return [span._asdict() for span in sorted(spans)]
