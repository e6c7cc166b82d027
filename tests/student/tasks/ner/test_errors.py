import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nervaluate import Evaluator

from evokd.messages import ErrorCount
from evokd.messages.spans import Span
from evokd.student.tasks.ner.errors import SpanError, count_errors, find_errors

A, B = Span(0, 5, "person"), Span(8, 12, "place")


def random_spans(rng: random.Random) -> list[Span]:
    spans, at = [], rng.randint(0, 4)
    for _ in range(rng.randint(0, 5)):
        end = at + rng.randint(1, 8)
        spans.append(Span(at, end, rng.choice("abc")))
        at = end + rng.choice([0, 1, 3])
    return spans


SPANS = st.randoms(use_true_random=False).map(random_spans)


def overlap(left: Span, right: Span) -> bool:
    return len({*range(left.start, left.end)} & {*range(right.start, right.end)}) > 0


@pytest.mark.parametrize(
    ("gold", "predicted", "errors"),
    [
        ([], [], []),
        ([A, B], [B, A], []),
        ([A], [Span(0, 3, "person")], [SpanError("boundary", A, Span(0, 3, "person"))]),
        ([A], [Span(0, 5, "place")], [SpanError("type", A, Span(0, 5, "place"))]),
        ([A], [Span(2, 7, "place")], [SpanError("type", A, Span(2, 7, "place"))]),
        ([A, B], [A], [SpanError("missed", B, None)]),
        ([A], [A, B], [SpanError("invented", None, B)]),
        (
            [A],
            [Span(5, 7, "person")],
            [SpanError("missed", A, None), SpanError("invented", None, Span(5, 7, "person"))],
        ),
    ],
    ids=["none", "right", "boundary", "type", "type and ends", "missed", "invented", "neighbours"],
)
def test_every_kind(gold: list[Span], predicted: list[Span], errors: list[SpanError]) -> None:
    assert find_errors(gold, predicted) == errors


def test_the_greatest_overlap_is_paired_first_and_each_entity_once() -> None:
    short, long, whole = Span(0, 3, "person"), Span(4, 10, "place"), Span(0, 10, "person")
    # Two right ones joined to one: the longer is taken for it, although the shorter has its type.
    assert find_errors([short, long], [whole]) == [SpanError("missed", short, None), SpanError("type", long, whole)]
    # One right one cut in two.
    assert find_errors([whole], [short, long]) == [
        SpanError("invented", None, short),
        SpanError("type", whole, long),
    ]


def test_of_equal_overlaps_the_left_is_paired_first() -> None:
    left, right, both = Span(0, 4, "place"), Span(4, 8, "person"), Span(2, 6, "person")
    assert find_errors([right, left], [both]) == [SpanError("type", left, both), SpanError("missed", right, None)]
    assert find_errors([both], [right, left]) == [SpanError("type", both, left), SpanError("invented", None, right)]


@given(SPANS, SPANS, st.randoms(use_true_random=False))
def test_every_entity_is_accounted_for_once(gold: list[Span], predicted: list[Span], rng: random.Random) -> None:
    errors = find_errors(gold, predicted)
    right = {*gold} & {*predicted}
    assert Counter(e.gold for e in errors if e.gold) == Counter({*gold} - right)
    assert Counter(e.predicted for e in errors if e.predicted) == Counter({*predicted} - right)
    for error in errors:
        if error.gold and error.predicted:
            assert overlap(error.gold, error.predicted)
            assert error.kind == ("boundary" if error.gold.label == error.predicted.label else "type")
    missed = [e.gold for e in errors if e.gold and e.kind == "missed"]
    invented = [e.predicted for e in errors if e.predicted and e.kind == "invented"]
    assert not any(overlap(g, p) for g in missed for p in invented)
    places = [error.span for error in errors]
    assert places == sorted(places)
    rng.shuffle(gold)
    rng.shuffle(predicted)
    assert find_errors(gold, predicted) == errors


def ent_type(gold: list[list[Span]], predicted: list[list[Span]]) -> tuple[int, int, int, int]:
    """Nervaluate's scheme "ent_type": correct, incorrect, missed, spurious; an end is the last character there."""
    sides = [
        [[{"label": span.label, "start": span.start, "end": span.end - 1} for span in spans] for spans in texts]
        for texts in (gold, predicted)
    ]
    result = Evaluator(*sides, tags=["a", "b", "c"], loader="dict").evaluate()["overall"]["ent_type"]
    return result.correct, result.incorrect, result.missed, result.spurious


def ours(gold: list[list[Span]], predicted: list[list[Span]]) -> tuple[int, int, int, int]:
    counts = Counter(e.kind for pair in zip(gold, predicted, strict=True) for e in find_errors(*pair))
    right = sum(len({*g} & {*p}) for g, p in zip(gold, predicted, strict=True))
    return right + counts["boundary"], counts["type"], counts["missed"], counts["invented"]


def test_nervaluate_counts_the_same_where_no_entity_overlaps_two() -> None:
    rng = random.Random(7)
    gold, predicted = [], []
    for _ in range(3000):
        g, p = random_spans(rng), random_spans(rng)
        if all(sum(overlap(one, other) for other in p) < 2 for one in g) and all(
            sum(overlap(one, other) for other in g) < 2 for one in p
        ):
            gold.append(g)
            predicted.append(p)
    assert len(gold) > 800
    counts = ours(gold, predicted)
    assert counts == ent_type(gold, predicted)
    assert min(counts) > 100


def test_nervaluate_pairs_otherwise_where_entities_overlap_several() -> None:
    gold = [Span(0, 3, "a"), Span(4, 10, "b")]
    predicted = [Span(0, 9, "a"), Span(9, 10, "b")]
    # It goes through the predicted ones in turn and prefers the same label; we take the greatest overlap first.
    assert ent_type([gold], [predicted]) == (2, 0, 0, 0)
    assert ours([gold], [predicted]) == (0, 1, 1, 1)


def test_errors_are_counted_by_kind_and_label_most_frequent_first() -> None:
    invented, missed = SpanError("invented", None, B), SpanError("missed", A, None)
    wrong_type, boundary = SpanError("type", A, Span(0, 5, "place")), SpanError("boundary", A, Span(0, 3, "person"))
    assert count_errors([wrong_type, invented, missed, boundary, invented]) == [
        ErrorCount(kind="invented", label="place", count=2),
        ErrorCount(kind="boundary", label="person", count=1),
        ErrorCount(kind="missed", label="person", count=1),
        ErrorCount(kind="type", label="person", count=1),
    ]
    assert count_errors([]) == []
