"""Name what is wrong with predicted entities: boundary, type, missed, invented.

The kinds follow the error classes of SemEval-2013 task 9 (the categories INC, PAR, MIS and SPU of MUC-5), but every
entity takes part in one error at most.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from evokd.messages import ErrorCount, ErrorKind
from evokd.messages.spans import Span


class SpanError(NamedTuple):
    """One mistake; `gold` is None for an invented entity, `predicted` for a missed one."""

    kind: ErrorKind
    gold: Span | None
    predicted: Span | None

    @property
    def span(self) -> Span:
        """The right entity; the predicted one where there is no right one."""
        return next(span for span in (self.gold, self.predicted) if span is not None)


def find_errors(gold: Sequence[Span], predicted: Sequence[Span]) -> list[SpanError]:
    """Compare the entities of one text.

    Entities with the same ends and label are right. Of the others, those that share characters are paired, the pair
    that shares most first, ties left to right, each entity once. A pair is a "boundary" error if the labels are the
    same and a "type" error if not, whether or not its ends are the same. What is left over is "missed" or "invented".

    Args:
        gold: the right entities, in any order; none overlaps another.
        predicted: the student's entities, likewise.

    Returns:
        The mistakes, in order of their place in the text.
    """
    right = {*gold} & {*predicted}
    missed = sorted({*gold} - right)
    invented = sorted({*predicted} - right)
    pairs = [(_shared(g, p), g, p) for g in missed for p in invented]
    errors: list[SpanError] = []
    for _, g, p in sorted((pair for pair in pairs if pair[0] > 0), key=lambda pair: (-pair[0], pair[1], pair[2])):
        if g in missed and p in invented:
            errors.append(SpanError("boundary" if g.label == p.label else "type", g, p))
            missed.remove(g)
            invented.remove(p)
    errors += [SpanError("missed", g, None) for g in missed]
    errors += [SpanError("invented", None, p) for p in invented]
    return sorted(errors, key=lambda error: (error.span, error.kind))


def _shared(left: Span, right: Span) -> int:
    return min(left.end, right.end) - max(left.start, right.start)


def count_errors(errors: Iterable[SpanError]) -> list[ErrorCount]:
    """Count the mistakes of many texts by kind and label.

    Args:
        errors: what `find_errors` found in all texts.

    Returns:
        Most frequent first, then by kind and label; the label is that of the right entity, of the predicted one where
        it was invented.
    """
    counts = Counter((error.kind, error.span.label) for error in errors)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [ErrorCount(kind=kind, label=label, count=count) for (kind, label), count in ordered]
