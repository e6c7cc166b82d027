"""Scores where a single label occurs: a table of one column is no choice between two classes."""

import pytest

from evokd.student.tasks.multilabel.scores import score_sets


def test_one_label_that_occurs_is_scored_as_one() -> None:
    scores = score_sets(["app", "billing"], [["app"], ["app"], [], []], [["app"], [], ["app"], []])
    (line,) = scores.report
    assert (line.label, line.precision, line.recall, line.support) == ("app", 0.5, 0.5, 2)
    assert scores.metrics == pytest.approx({"macro_f1": 0.5, "micro_f1": 0.5, "exact_match": 0.5})


def test_a_label_that_is_only_answered_scores_nothing() -> None:
    scores = score_sets(["app", "billing"], [[], [], []], [["app"], [], []])
    assert scores.metrics == pytest.approx({"macro_f1": 0.0, "micro_f1": 0.0, "exact_match": 2 / 3})
