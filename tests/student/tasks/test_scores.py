import pytest

from evokd.messages import Confusion
from evokd.student.tasks.classification.scores import score_labels
from evokd.student.tasks.registry import codec
from evokd.student.tasks.scores import verdict


def test_scores_are_those_computed_by_hand() -> None:
    gold = ["a", "a", "a", "b", "b", "c"]
    predicted = ["a", "a", "b", "b", "a", "b"]
    scores = codec("classification", ["c", "b", "a", "never"]).evaluate(gold, predicted)
    # a: 2 of 3 predictions right, 2 of 3 found; b: 1 of 3 right, 1 of 2 found; c: never predicted; never: left out.
    lines = {line.label: (line.precision, line.recall, line.f1, line.support) for line in scores.report}
    assert list(lines) == ["c", "b", "a"]
    assert lines["a"] == pytest.approx((2 / 3, 2 / 3, 2 / 3, 3))
    assert lines["b"] == pytest.approx((1 / 3, 1 / 2, 2 / 5, 2))
    assert lines["c"] == pytest.approx((0, 0, 0, 1))
    assert scores.metrics["macro_f1"] == pytest.approx((2 / 3 + 2 / 5 + 0) / 3)
    assert scores.metrics["accuracy"] == pytest.approx(3 / 6)


def test_confusions_come_most_frequent_first_then_by_name() -> None:
    scores = score_labels(["a", "b", "c"], ["c", "b", "b", "a", "a"], ["a", "a", "a", "b", "a"])
    assert scores.confusions == [
        Confusion(gold="b", predicted="a", count=2),
        Confusion(gold="a", predicted="b", count=1),
        Confusion(gold="c", predicted="a", count=1),
    ]


def test_a_label_without_texts_counts_only_when_predicted() -> None:
    assert score_labels(["a", "b", "c"], ["a", "b"], ["a", "b"]).metrics["macro_f1"] == 1.0
    assert score_labels(["a", "b", "c"], ["a", "b"], ["a", "c"]).metrics["macro_f1"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(("gold", "predicted"), [([], []), (["a"], [])], ids=["nothing", "lengths"])
def test_nothing_to_score_is_an_error(gold: list[str], predicted: list[str]) -> None:
    with pytest.raises(ValueError, match="cannot score"):
        score_labels(["a"], gold, predicted)


def test_the_verdict_needs_confidence_to_call_a_wrong_answer_confident() -> None:
    assert verdict("a", "a", 0.99, 0.8) == "right"
    assert verdict("a", "b", 0.79, 0.8) == "wrong"
    assert verdict("a", "b", 0.8, 0.8) == "confident_wrong"
