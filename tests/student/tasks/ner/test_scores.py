import random
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import classification_report, f1_score
from seqeval.scheme import IOB2

from evokd.messages import Confusion, ErrorCount
from evokd.messages.spans import Span
from evokd.student.tasks.ner.scores import TagMode, score_entities, score_tags
from tests.student.conlleval import COUNT, Counts, count_conlleval, count_strict
from tests.student.tasks.ner.test_errors import SPANS, random_spans

TAGS = ["O", "B-a", "I-a", "B-b", "I-b", "B-c", "I-c"]
MODES: tuple[TagMode, ...] = get_args(TagMode)
SEQEVAL = {"strict": {"mode": "strict", "scheme": IOB2}, "lenient": {}}
PAIRS = 10_000


def random_tags(rng: random.Random) -> tuple[list[str], list[str]]:
    """Tags in any order, ill-formed ones among them, and predicted ones of which many are the same."""
    gold = [rng.choice(TAGS) for _ in range(rng.randint(1, 12))]
    share = rng.choice([0.0, 0.2, 0.5, 1.0])
    return gold, [rng.choice(TAGS) if rng.random() < share else tag for tag in gold]


@pytest.fixture(scope="module")
def pairs() -> list[tuple[list[str], list[str]]]:
    rng = random.Random(2003)
    return [random_tags(rng) for _ in range(PAIRS)]


@pytest.mark.parametrize("mode", MODES)
def test_seqeval_and_an_independent_scorer_agree_on_every_sequence(
    pairs: list[tuple[list[str], list[str]]], mode: TagMode
) -> None:
    total = Counts(0, 0, 0)
    for gold, predicted in pairs:
        counts = COUNT[mode](gold, predicted)
        total = total.plus(counts)
        scores = score_tags([gold], [predicted], mode)
        assert scores == pytest.approx(counts.scores(), rel=1e-12), (gold, predicted)
        assert f1_score([gold], [predicted], zero_division=0, **SEQEVAL[mode]) == scores["f1"]
    gold_lists, predicted_lists = ([pair[side] for pair in pairs] for side in (0, 1))
    scores = score_tags(gold_lists, predicted_lists, mode)
    assert scores == pytest.approx(total.scores(), rel=1e-12)
    assert f1_score(gold_lists, predicted_lists, **SEQEVAL[mode]) == scores["f1"]
    assert 0.2 < scores["f1"] < 0.8


def test_the_two_modes_differ_on_many_of_the_sequences(pairs: list[tuple[list[str], list[str]]]) -> None:
    assert sum(count_strict(*pair) != count_conlleval(*pair) for pair in pairs) > PAIRS / 2


@pytest.mark.parametrize(
    ("gold", "predicted", "strict", "lenient"),
    [
        ("B-a I-a O", "I-a I-a O", 0.0, 1.0),
        ("B-a I-a O", "B-a I-b O", 0.0, 0.0),
        ("B-a O O", "B-a I-b O", 1.0, 2 / 3),
        ("B-a B-a O", "B-a I-a O", 0.0, 0.0),
        ("B-a I-a B-a", "B-a I-a B-a", 1.0, 1.0),
        ("I-a O I-b", "I-a O I-b", 0.0, 1.0),
        ("O O", "O O", 0.0, 0.0),
    ],
)
def test_hand_made_tags(gold: str, predicted: str, strict: float, lenient: float) -> None:
    for mode, wanted in zip(MODES, (strict, lenient), strict=True):
        sides = gold.split(), predicted.split()
        assert score_tags([sides[0]], [sides[1]], mode)["f1"] == pytest.approx(wanted)
        assert COUNT[mode](*sides).scores()["f1"] == pytest.approx(wanted)


def test_an_entity_does_not_go_on_in_the_next_text() -> None:
    for mode in MODES:
        scores = score_tags([["B-a"], ["B-a", "I-a"]], [["B-a"], ["I-a", "I-a"]], mode)
        assert scores["recall"] == (0.5 if mode == "strict" else 1.0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tag", ["B", "I-", "E-a", "b-a", "", "-"])
def test_a_tag_of_another_form_is_an_error(tag: str, mode: TagMode) -> None:
    with pytest.raises(ValueError, match="is none of O, B-type, I-type"):
        score_tags([["O"]], [[tag]], mode)


def test_tags_that_do_not_fit_each_other_are_an_error() -> None:
    with pytest.raises(ValueError, match="text 1 has 2 right tags and 1 predicted"):
        score_tags([["O"], ["O", "O"]], [["O"], ["O"]], "strict")
    with pytest.raises(ValueError, match="cannot score predictions for 0 texts"):
        score_tags([], [], "lenient")


# ------------------------------------------------------------------------------------------------------------- spans

GOLD = [
    [Span(0, 5, "a"), Span(6, 9, "b"), Span(10, 14, "c")],
    [Span(0, 4, "a")],
    [],
    [Span(3, 8, "b"), Span(8, 12, "b")],
]
PREDICTED = [
    [Span(0, 5, "a"), Span(6, 9, "a"), Span(10, 12, "c")],  # right, type, boundary
    [],  # missed
    [Span(2, 4, "a")],  # invented
    [Span(3, 8, "b"), Span(8, 12, "a")],  # right, type
]


def test_scores_are_those_computed_by_hand() -> None:
    scores = score_entities(["c", "b", "never", "a"], GOLD, PREDICTED)
    # 6 right entities, 6 predicted ones; 2 exact; regardless of the type 4 have the same ends and 1 overlaps.
    assert scores.metrics == pytest.approx(
        {
            "entity_f1": 2 / 6,
            "entity_f1_lenient": 2 / 6,
            "entity_f1_partial": 4.5 / 6,
            "entity_precision": 2 / 6,
            "entity_recall": 2 / 6,
        }
    )
    lines = {line.label: (line.precision, line.recall, line.f1, line.support) for line in scores.report}
    assert list(lines) == ["c", "b", "a"]
    assert lines["a"] == pytest.approx((1 / 4, 1 / 2, 1 / 3, 2))
    assert lines["b"] == pytest.approx((1, 1 / 3, 1 / 2, 3))
    assert lines["c"] == pytest.approx((0, 0, 0, 1))
    assert scores.confusions == [Confusion(gold="b", predicted="a", count=2)]
    assert scores.errors == [
        ErrorCount(kind="type", label="b", count=2),
        ErrorCount(kind="boundary", label="c", count=1),
        ErrorCount(kind="invented", label="a", count=1),
        ErrorCount(kind="missed", label="a", count=1),
    ]


def test_confusions_come_most_frequent_first_then_by_name() -> None:
    gold = [[Span(0, 1, label)] for label in "ccab"]
    predicted = [[Span(0, 2, label)] for label in "aabc"]
    assert score_entities(["a", "b", "c"], gold, predicted).confusions == [
        Confusion(gold="c", predicted="a", count=2),
        Confusion(gold="a", predicted="b", count=1),
        Confusion(gold="b", predicted="c", count=1),
    ]


@pytest.mark.parametrize(
    ("gold", "predicted", "f1"),
    [([[]], [[]], 0.0), ([[], [Span(0, 1, "a")]], [[], []], 0.0), ([[]], [[Span(0, 1, "a")]], 0.0), (GOLD, GOLD, 1.0)],
    ids=["none at all", "none predicted", "none right", "all right"],
)
def test_where_there_is_nothing_to_divide_by_the_score_is_zero(
    gold: list[list[Span]], predicted: list[list[Span]], f1: float
) -> None:
    scores = score_entities(["a", "b", "c"], gold, predicted)
    assert {*scores.metrics.values()} == {f1}
    assert {line.f1 for line in scores.report} <= {f1}


def test_types_that_differ_by_a_hyphen_are_different_types() -> None:
    assert score_entities(["a", "-a"], [[Span(0, 1, "a")]], [[Span(0, 1, "-a")]]).metrics["entity_f1"] == 0.0
    assert score_entities(["", "-"], [[Span(0, 1, "")]], [[Span(0, 1, "-")]]).metrics["entity_f1_lenient"] == 0.0


def words_tagged(spans: list[Span], length: int) -> list[str]:
    """Tag every character, another cut than the one that the scorer makes."""
    tags = ["O"] * length
    for span in spans:
        tags[span.start : span.end] = [f"I-{span.label}"] * (span.end - span.start)
        tags[span.start] = f"B-{span.label}"
    return tags


@given(st.lists(st.tuples(SPANS, SPANS), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_spans_score_like_the_tags_of_their_characters(
    texts: list[tuple[list[Span], list[Span]]], rng: random.Random
) -> None:
    gold, predicted = [g for g, _ in texts], [p for _, p in texts]
    scores = score_entities(["a", "b", "c"], gold, predicted)
    tags = [[words_tagged(spans, 80) for spans in side] for side in (gold, predicted)]
    total = Counts(0, 0, 0)
    for pair in zip(*tags, strict=True):
        total = total.plus(count_strict(*pair))
        assert count_strict(*pair) == count_conlleval(*pair)  # both modes agree on well-formed tags
    wanted = total.scores()
    assert scores.metrics["entity_f1"] == pytest.approx(wanted["f1"])
    assert scores.metrics["entity_f1_lenient"] == pytest.approx(wanted["f1"])
    assert scores.metrics["entity_precision"] == pytest.approx(wanted["precision"])
    assert scores.metrics["entity_recall"] == pytest.approx(wanted["recall"])
    lines = {line.label: line for line in scores.report}
    if lines:
        theirs = classification_report(*tags, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
        assert {*lines} == {*theirs} - {"micro avg", "macro avg", "weighted avg"}
        for label, line in lines.items():
            row = theirs[label]
            found = [line.precision, line.recall, line.f1, line.support]
            assert found == pytest.approx([row[name] for name in ("precision", "recall", "f1-score", "support")])
    for spans in (*gold, *predicted):
        rng.shuffle(spans)
    assert score_entities(["a", "b", "c"], gold, predicted) == scores


def test_the_partial_score_is_counted_by_overlap_alone() -> None:
    rng = random.Random(13)
    gold = [random_spans(rng) for _ in range(200)]
    # Some entities cut short, some of another type, some left out, some invented behind the text.
    predicted = [
        [Span(s.start, rng.randint(s.start + 1, s.end), rng.choice("abc")) for s in spans if rng.random() < 0.8]
        for spans in gold
    ]
    worth = 0.0
    for right, given_ones in zip(gold, predicted, strict=True):
        for span in given_ones:
            whole = next(other for other in right if other.start == span.start)
            worth += 1.0 if whole.end == span.end else 0.5
    for spans in predicted[::3]:
        spans.append(Span(200, 203, "b"))
    precision, recall = worth / sum(map(len, predicted)), worth / sum(map(len, gold))
    scores = score_entities(["a", "b", "c"], gold, predicted)
    assert scores.metrics["entity_f1_partial"] == pytest.approx(2 * precision * recall / (precision + recall))


def test_neighbours_that_touch_do_not_overlap() -> None:
    before, behind = Span(0, 5, "a"), Span(5, 7, "a")
    assert score_entities(["a"], [[before]], [[behind]]).metrics["entity_f1_partial"] == 0.0
    assert score_entities(["a"], [[behind]], [[before]]).metrics["entity_f1_partial"] == 0.0
    assert score_entities(["a"], [[before]], [[Span(4, 7, "b")]]).metrics["entity_f1_partial"] == 0.5


@pytest.mark.parametrize(
    ("gold", "predicted", "told"),
    [
        ([], [], "cannot score predictions for 0 texts against right answers for 0"),
        ([[], []], [[]], "cannot score predictions for 1 texts against right answers for 2"),
        ([[Span(0, 4, "a"), Span(3, 5, "b")]], [[]], "entities 0-4 and 3-5 overlap"),
        ([[]], [[Span(0, 4, "a"), Span(0, 4, "a")]], "entities 0-4 and 0-4 overlap"),
        ([[]], [[Span(4, 4, "a")]], "entity 4-4 .a. is empty"),
    ],
    ids=["nothing", "lengths", "overlap", "twice", "empty"],
)
def test_what_cannot_be_scored_is_an_error(gold: list[list[Span]], predicted: list[list[Span]], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        score_entities(["a", "b"], gold, predicted)
