"""How far a score can be trusted: bootstrap intervals over the rows behind it.

Source: Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapter 13, percentile intervals; both students
of a comparison are scored on the same resampled rows (a paired bootstrap).
"""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]
"""(rows, labels, 3): per row and label whether it is right and found, predicted, and in the gold answer."""
_DRAWS = 1000
_LEVEL = 0.95
_SEED = 7
"""Of the resampling, so that a page made twice says the same."""


class Interval(TypedDict):
    """A score with its 95 % interval."""

    low: float
    high: float
    rows: int
    """Rows behind the score."""


def measure_intervals(
    metric: str, gold: Sequence[Any], first: Sequence[Any], last: Sequence[Any]
) -> tuple[Interval, Interval, Interval] | None:
    """Measure intervals of two students' scores on the same rows, and of the difference of the two.

    Args:
        metric: `macro_f1`, `micro_f1`, `accuracy` or `entity_f1`.
        gold: right answers as JSON (`tracing.rows.Answer`).
        first: answers of the first student, in the same order.
        last: answers of the last one.

    Returns:
        Of the first, of the last, and of last - first; None for another metric or without rows.
    """
    score = _SCORES.get(metric)
    if score is None or not gold or not len(gold) == len(first) == len(last):
        return None
    labels = sorted({name for answers in (gold, first, last) for answer in answers for name in _names(answer)})
    counts = [_count(gold, answers, labels) for answers in (first, last)]
    draws = _draw(len(gold))
    scores = [score(np.tensordot(draws, table, axes=(1, 0)), len(gold)) for table in counts]
    return (
        _interval(scores[0], len(gold)),
        _interval(scores[1], len(gold)),
        _interval(scores[1] - scores[0], len(gold)),
    )


def measure_interval(metric: str, gold: Sequence[Any], answers: Sequence[Sequence[Any]]) -> Interval | None:
    """Measure the interval of the mean score of several students on the same rows.

    Args:
        metric: see `measure_intervals`.
        gold: right answers as JSON.
        answers: of each student, in the same order.

    Returns:
        None for another metric or without rows.
    """
    score = _SCORES.get(metric)
    if score is None or not gold or any(len(given) != len(gold) for given in answers):
        return None
    labels = sorted({name for given in (gold, *answers) for answer in given for name in _names(answer)})
    draws = _draw(len(gold))
    tables = [_count(gold, given, labels) for given in answers]
    scores = [score(np.tensordot(draws, table, axes=(1, 0)), len(gold)) for table in tables]
    return _interval(np.mean(scores, axis=0), len(gold))


def score_answers(metric: str, gold: Sequence[Any], answers: Sequence[Any]) -> float | None:
    """Score answers as `measure_intervals` does; None for another metric or without rows."""
    score = _SCORES.get(metric)
    if score is None or not gold or len(gold) != len(answers):
        return None
    labels = sorted({name for given in (gold, answers) for answer in given for name in _names(answer)})
    return float(score(_count(gold, answers, labels).sum(axis=0)[None], len(gold))[0])


def _draw(rows: int) -> NDArray[np.int64]:
    """How often each row is in each of the resampled sets: (draws, rows)."""
    return np.random.default_rng(_SEED).multinomial(rows, [1 / rows] * rows, size=_DRAWS)


def _names(answer: Any) -> list[str]:
    return sorted({part[0] for part in _parts(answer)})


def _parts(answer: Any) -> set[tuple[str, ...]]:
    """The answer as a set: the label, the labels, or the entities with their places."""
    if isinstance(answer, str):
        return {(answer,)}
    return {
        (item,) if isinstance(item, str) else (str(item["label"]), str(item["start"]), str(item["end"]))
        for item in answer
    }


def _count(gold: Sequence[Any], answers: Sequence[Any], labels: Sequence[str]) -> Counts:
    place = {label: index for index, label in enumerate(labels)}
    table = np.zeros((len(gold), len(labels), 3))
    for row, (right, given) in enumerate(zip(map(_parts, gold), map(_parts, answers), strict=True)):
        for kind, parts in enumerate((right & given, given, right)):
            for part in parts:
                table[row, place[part[0]], kind] += 1
    return table


def _macro_f1(counts: Counts, _: int) -> NDArray[np.float64]:
    """Mean F1 over the labels that occur: (draws, labels, 3) -> (draws,)."""
    both = counts[..., 1] + counts[..., 2]
    f1 = np.divide(2 * counts[..., 0], both, out=np.zeros_like(both), where=both > 0)
    occurs = (both > 0).sum(axis=-1)
    return np.asarray(f1.sum(axis=-1) / np.maximum(occurs, 1))


def _micro_f1(counts: Counts, _: int) -> NDArray[np.float64]:
    sums = counts.sum(axis=1)
    both = sums[:, 1] + sums[:, 2]
    return np.asarray(np.divide(2 * sums[:, 0], both, out=np.zeros_like(both), where=both > 0))


def _accuracy(counts: Counts, rows: int) -> NDArray[np.float64]:
    return np.asarray(counts[..., 0].sum(axis=-1) / rows)


_SCORES: dict[str, Callable[[Counts, int], NDArray[np.float64]]] = {
    "macro_f1": _macro_f1,
    "entity_f1": _micro_f1,
    "micro_f1": _micro_f1,
    "accuracy": _accuracy,
}


def _interval(values: NDArray[np.float64], rows: int) -> Interval:
    low, high = np.quantile(values, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Interval(low=round(float(low), 4), high=round(float(high), 4), rows=rows)
