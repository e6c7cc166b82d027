"""Which real texts of a pool are labelled. Pure functions of the student's view of them."""

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evokd.graph.curriculum.herding import herd
from evokd.graph.curriculum.probes import Vectors

_CANDIDATES = 4
"""Number of doubtful texts from which each text to label is chosen, so that they are not all alike."""


def choose_texts(
    vectors: Vectors,
    taken: Vectors,
    worth: NDArray[np.float64] | None,
    wanted: int,
    coverage: float,
    seed: int,
    mean: NDArray[np.float64] | None = None,
) -> list[int]:
    """Choose texts to label: first some that represent the whole pool, then varied ones that are worth most.

    Args:
        vectors: the texts to choose from as the untrained student reads them, (n, features), of length 1.
        taken: those that were labelled before, (m, features), m may be 0.
        worth: what a label of each is worth, (n,), such as the student's doubt; None: unknown.
        wanted: how many to choose.
        coverage: share of them that represents the pool, 0 to 1; all if their worth is unknown.
        seed: breaks ties.
        mean: of the whole pool, (features,); None: that of both, which then are the whole pool.

    Returns:
        Indices of the chosen texts, in the order of choice.

    Source: coverage while the student knows little, the boundary later (methods of active learning from few labels);
    with recorded language models, using both in turn beat each of them and random choice.
    """
    wanted = min(wanted, len(vectors))
    if not wanted:
        return []
    order = list(range(len(vectors)))
    random.Random(seed).shuffle(order)
    pool = vectors[order]
    target = mean
    if target is None:
        target = np.concatenate([pool, taken]).mean(axis=0) if len(taken) else pool.mean(axis=0)
    covering = wanted if worth is None else round(wanted * coverage)
    chosen = herd(pool, taken, target, covering)
    if worth is not None and len(chosen) < wanted:
        chosen += _choose_worthy(pool, worth[order], chosen, wanted - len(chosen))
    return [order[index] for index in chosen]


def _choose_worthy(pool: Vectors, worth: NDArray[np.float64], but: Sequence[int], wanted: int) -> list[int]:
    """Among the texts that are worth most, choose those that together have the mean of these."""
    left = np.setdiff1d(np.arange(len(pool)), np.array(but, dtype=np.intp))
    best = left[np.argsort(-worth[left], kind="stable")][: _CANDIDATES * wanted]
    picks = herd(pool[best], np.zeros((0, pool.shape[1])), pool[best].mean(axis=0), wanted)
    return [int(best[index]) for index in picks]


def doubt(scores: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Say how unsure answers are: 1 minus the margin between the two most likely labels, (n,), 0 to 1."""
    rows = np.sort(np.array(scores, dtype=np.float64), axis=1)
    if rows.shape[1] < 2:
        return 1.0 - rows[:, -1]
    margins: NDArray[np.float64] = 1.0 - (rows[:, -1] - rows[:, -2])
    return margins


def doubt_sets(scores: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Say how unsure sets of labels are: that of the least sure label, (n,), 0 (certain) to 1 (even odds)."""
    margins: NDArray[np.float64] = 1.0 - np.abs(2 * np.array(scores, dtype=np.float64) - 1).min(axis=1)
    return margins


def density(scores: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Say how many types of entities texts probably name, (n,): the sum of each type's highest probability."""
    totals: NDArray[np.float64] = np.array(scores, dtype=np.float64).sum(axis=1)
    return totals
