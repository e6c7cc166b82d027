"""Bootstrap intervals, against a slower formulation."""

import random
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from evokd.tracing.intervals import measure_interval, measure_intervals, score_answers

LABELS = ["a", "b", "c"]


def make_answers(seed: int, rows: int, share: float) -> tuple[list[str], list[str]]:
    rng = random.Random(seed)
    gold = [rng.choice(LABELS) for _ in range(rows)]
    return gold, [label if rng.random() < share else rng.choice(LABELS) for label in gold]


def make_entities(*spans: tuple[int, int, str]) -> list[dict[str, Any]]:
    return [{"start": start, "end": end, "label": label} for start, end, label in spans]


def test_scores_are_those_of_scikit_learn() -> None:
    gold, given = make_answers(1, 90, 0.6)
    assert score_answers("macro_f1", gold, given) == pytest.approx(f1_score(gold, given, average="macro"))
    right = np.mean([left == other for left, other in zip(gold, given, strict=True)])
    assert score_answers("accuracy", gold, given) == pytest.approx(right)


def test_an_entity_is_right_with_its_ends_and_its_label() -> None:
    gold = [make_entities((0, 3, "x"), (5, 9, "y")), make_entities((2, 4, "x"))]
    given = [make_entities((0, 3, "x"), (5, 8, "y")), make_entities((2, 4, "y"))]
    assert score_answers("entity_f1", gold, given) == pytest.approx(1 / 3)  # 1 right, 3 predicted, 3 wanted


def test_intervals_are_those_of_a_loop_over_resampled_rows() -> None:
    gold, first = make_answers(2, 60, 0.3)
    last = [label if number % 4 else other for number, (label, other) in enumerate(zip(gold, first, strict=True))]
    intervals = measure_intervals("macro_f1", gold, first, last)
    assert intervals is not None
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(1500):
        rows = rng.integers(0, len(gold), len(gold))
        drawn = [[answers[row] for row in rows] for answers in (gold, first, last)]
        scores = [score_answers("macro_f1", drawn[0], answers) or 0.0 for answers in drawn[1:]]
        gains.append(scores[1] - scores[0])
    low, high = np.quantile(gains, [0.025, 0.975])
    assert intervals[2]["low"] == pytest.approx(low, abs=0.03)
    assert intervals[2]["high"] == pytest.approx(high, abs=0.03)
    assert intervals[2]["rows"] == 60


def test_the_same_students_have_no_difference() -> None:
    gold, given = make_answers(3, 40, 0.5)
    intervals = measure_intervals("accuracy", gold, given, given)
    assert intervals is not None
    assert (intervals[2]["low"], intervals[2]["high"]) == (0.0, 0.0)
    assert intervals[0] == intervals[1]


def test_the_same_rows_give_the_same_interval() -> None:
    gold, given = make_answers(4, 40, 0.5)
    assert measure_intervals("macro_f1", gold, gold, given) == measure_intervals("macro_f1", gold, gold, given)


def test_the_interval_of_several_students_is_that_of_their_mean() -> None:
    gold, first = make_answers(5, 60, 0.3)
    last = make_answers(6, 60, 0.5)[1]
    pair = measure_intervals("accuracy", gold, first, last)
    assert pair is not None
    assert measure_interval("accuracy", gold, [first]) == pair[0]
    assert measure_interval("accuracy", gold, [first, first]) == pair[0], "twice the same student adds no certainty"
    mean = measure_interval("accuracy", gold, [first, last])
    assert mean is not None
    scores = [score_answers("accuracy", gold, answers) or 0.0 for answers in (first, last)]
    assert (mean["low"] + mean["high"]) / 2 == pytest.approx(sum(scores) / 2, abs=0.03)
    assert mean["high"] - mean["low"] < max(one["high"] - one["low"] for one in pair[:2])
    assert measure_interval("entity_f1_lenient", gold, [first]) is None


@pytest.mark.parametrize(
    ("metric", "gold", "answers"),
    [("bleu", ["a"], ["a"]), ("macro_f1", [], []), ("macro_f1", ["a", "b"], ["a"])],
    ids=["another_metric", "no_rows", "rows_missing"],
)
def test_nothing_is_said_where_nothing_is_known(metric: str, gold: list[str], answers: list[str]) -> None:
    assert measure_intervals(metric, gold, answers, answers) is None
    assert score_answers(metric, gold, answers) is None
