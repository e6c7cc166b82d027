"""Score a student on labelled rows: metrics, a report per label, the confusion matrix, how true its confidence is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evokd.inference.asking import TrainedStudent, answer_texts
from evokd.inference.input_rows import cut_parts
from evokd.student.protocol import Answer, Prediction
from evokd.student.tasks.base import LabeledExample
from evokd.student.tasks.scores import Scores

_BINS = 10


@dataclass(frozen=True)
class Evaluation:
    """How good a student is on some rows."""

    scores: Scores
    gold: Sequence[Answer]
    answers: Sequence[Answer]
    calibration_error: float
    """Expected calibration error, 0 to 1; see `measure_ece`."""


def evaluate(student: TrainedStudent, examples: Sequence[LabeledExample]) -> Evaluation:
    """Let a student answer labelled texts and score the answers.

    Args:
        student: who answers.
        examples: one or more.

    Raises:
        StudentError: the folder is no student, or memory runs short.
    """
    codec = student.codec()
    parts = cut_parts([example.text for example in examples])
    predictions: list[Prediction] = [item for part in answer_texts(student, parts) for item in part]
    gold, answers = [example.gold for example in examples], [item.answer for item in predictions]
    right = [codec.key(one) == codec.key(other) for one, other in zip(gold, answers, strict=True)]
    return Evaluation(
        scores=codec.evaluate(gold, answers),
        gold=gold,
        answers=answers,
        calibration_error=measure_ece([item.confidence for item in predictions], right),
    )


def measure_ece(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Measure the expected calibration error in ten bins of equal width (Naeini et al. 2015), 0 to 1.

    Args:
        confidences: of each answer, 0 to 1.
        right: whether each answer is right.
    """
    sure, hits = np.asarray(confidences, float), np.asarray(right, float)
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    gaps = [abs(float((sure[bins == place] - hits[bins == place]).sum())) for place in range(_BINS)]
    return round(sum(gaps) / max(1, len(sure)), 4)


def count_matrix(labels: Sequence[str], gold: Sequence[str], answers: Sequence[str]) -> list[list[int]]:
    """Count a confusion matrix: a row per right label, a column per answered one.

    Args:
        labels: order of rows and columns.
        gold: the right label per text.
        answers: the answered label per text.
    """
    places = {label: place for place, label in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels)), int)
    np.add.at(matrix, ([places[label] for label in gold], [places[label] for label in answers]), 1)
    counts: list[list[int]] = matrix.tolist()
    return counts


def count_decisions(
    labels: Sequence[str], gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> list[dict[str, int | str]]:
    """Count the decisions on each label: a dict with `label`, `tp`, `fp`, `fn` and `tn`, in texts."""
    counts: list[dict[str, int | str]] = []
    for label in labels:
        cells = Counter((label in right, label in answer) for right, answer in zip(gold, predicted, strict=True))
        found = {"tp": cells[True, True], "fp": cells[False, True], "fn": cells[True, False], "tn": cells[False, False]}
        counts.append({"label": label, **found})
    return counts
